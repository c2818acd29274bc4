// What a cap costs a call: one user whose every call is counted, and a hundred thousand of them.

import { monthlyTokensMax } from "../arms/anyray";
import type { RequestSpec } from "../load/protocol";
import type { Row } from "../row";
import type { BenchContext, Scenario } from "../scenario";
import type { RunningArm } from "../stand/arm";
import { comparedRow, inMicroseconds, ownRow } from "../stand/rows";
import { measureInTurns, takeSample } from "../stand/sample";
import { smallCall } from "../stand/specs";
import { verifyAnswers, verifyBooks } from "../stand/verify";
import { warmUp } from "../stand/warm-up";

const crowd = 100_000;
const capsPerRequest = 10_000;
const requests: Record<string, RequestSpec> = {
  uncapped: { ...smallCall, user: "nobody-capped" },
  "one capped user": smallCall,
  "100,000 capped users": { ...smallCall, user: "crowd", users: crowd },
};

export const capsHot = {
  name: "caps-hot",
  title: "Caps",
  about:
    "Small JSON calls at 16 connections through gateways of their own: by a user without a cap, by one capped user, and by a thousand users out of 100,000 capped ones in turn.",
  quick: false,
  async run(context) {
    const few = await context.stand.start("anyray");
    const many = await context.stand.start("anyray");
    await verifyAnswers([await context.stand.start("direct"), few, many], smallCall);
    context.progress("setting 100,000 caps");
    const setMs = await setCaps(many);
    for (const arm of [few, many]) await warmUp(context.stand, arm, context.plan.warmUpCalls / 2);
    const rows = await measure(context, few, many);
    for (const arm of [few, many]) await verifyBooks(arm);
    const samples = { "100,000 capped users": [setMs / 1_000] };
    rows.push({ metric: "time to set the caps", unit: "s", better: "lower", samples, isComparedToDirect: false });
    return rows;
  },
} satisfies Scenario;

async function setCaps({ admin }: RunningArm): Promise<number> {
  const startedAt = performance.now();
  for (let from = 0; from < crowd; from += capsPerRequest) {
    const caps = Array.from({ length: capsPerRequest }, (_, at) => ({
      user: `crowd-${from + at}`,
      monthlyTokens: monthlyTokensMax,
    }));
    await admin?.("PUT", "/admin/user-caps", { caps });
  }
  return performance.now() - startedAt;
}

async function measure(context: BenchContext, few: RunningArm, many: RunningArm): Promise<Row[]> {
  const { plan, stand } = context;
  // The same two processes under the names of who calls; the books of both stay one.
  const arms = Object.keys(requests).map((name) => ({ ...(name.startsWith("100,000") ? many : few), name }));
  const load = (name: string, durationMs: number) =>
    ({ kind: "closed", request: requests[name] ?? smallCall, connections: 16, durationMs }) as const;
  const samples = await measureInTurns(context, {
    what: "caps",
    arms,
    warmUp: (arm) => stand.run(arm, load(arm.name, plan.warmUpMs)),
    measure: async (arm) => {
      const { result, cpuNs } = await takeSample(stand, arm, load(arm.name, plan.roundMs));
      return {
        requests: result.requestsInTime / result.seconds,
        "CPU per request": cpuNs === null ? null : inMicroseconds(cpuNs / result.requests),
        p50: inMicroseconds(result.latency.p50),
        p99: inMicroseconds(result.latency.p99),
      };
    },
  });
  return [
    comparedRow(samples, "requests", "1/s"),
    ownRow(samples, "CPU per request", "µs"),
    comparedRow(samples, "p50", "µs"),
    comparedRow(samples, "p99", "µs"),
  ];
}
