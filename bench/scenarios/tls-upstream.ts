// The way to a real provider: over TLS, by HTTP/1.1 and by HTTP/2.

import type { Row } from "../row";
import type { BenchContext, Scenario } from "../scenario";
import type { UpstreamWay } from "../stand/arm";
import { measureCalls } from "../stand/measure-calls";
import { measureStreams } from "../stand/measure-streams";
import { smallCall, streamCall } from "../stand/specs";
import { verifyAnswers, verifyBooks } from "../stand/verify";
import { warmUp } from "../stand/warm-up";

export const tlsUpstream = {
  name: "tls-upstream",
  title: "Provider over TLS",
  about:
    "Small JSON calls at 16 connections, and 50 open streams with an event every 10 ms, to an upstream over TLS. Direct is the generator over TLS; callers reach the arms without. Over HTTP/2 the upstream is Bun's own server and may be what limits: the CPU times are what to look at.",
  quick: false,
  async run(context) {
    return [...(await measureOver(context, "tls", ", HTTP/1.1")), ...(await measureOver(context, "http2", ", HTTP/2"))];
  },
} satisfies Scenario;

async function measureOver(context: BenchContext, way: UpstreamWay, suffix: string): Promise<Row[]> {
  const { stand } = context;
  const arms = await stand.startAll(way);
  const reference = await stand.start("direct");
  for (const spec of [smallCall, streamCall({ events: 20 })]) await verifyAnswers([reference, ...arms], spec);
  for (const arm of arms) await warmUp(stand, arm, context.plan.warmUpCalls);
  const rows = [
    ...(await measureCalls(context, arms, { request: smallCall, connections: 16, suffix })),
    ...(await measureStreams(context, arms, { events: 100, gapMs: 10, streams: 50, suffix, rounds: 3 })),
  ];
  for (const arm of arms) await verifyBooks(arm);
  await stand.stopFresh();
  return rows;
}
