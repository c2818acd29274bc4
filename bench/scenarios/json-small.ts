// The smallest call: 1 KB up, 1 KB of JSON down, as fast as the connections go.

import { runAutocannon } from "../load/autocannon";
import { medianOf, type Row } from "../row";
import type { BenchContext, Scenario } from "../scenario";
import type { RunningArm } from "../stand/arm";
import { measureCalls } from "../stand/measure-calls";
import { comparedRow } from "../stand/rows";
import { measureInTurns } from "../stand/sample";
import { smallCall } from "../stand/specs";
import { verifyAnswers, verifyBooks } from "../stand/verify";

const byAutocannon = "requests, 64 connections, by autocannon";

export const jsonSmall = {
  name: "json-small",
  title: "Small JSON call",
  about:
    "1 KB up, 1 KB down, each connection sending its next call when it has its answer. An arm is saturated where its core is all in use.",
  quick: true,
  async run(context) {
    const arms = await context.stand.shareAll();
    await verifyAnswers(arms, smallCall);
    const rows: Row[] = [];
    for (const connections of [64, 16, 1]) {
      const suffix = `, ${connections} connection${connections > 1 ? "s" : ""}`;
      rows.push(...(await measureCalls(context, arms, { request: smallCall, connections, suffix })));
    }
    noteUnsaturated(context, rows);
    if (context.plan.isFull && context.wants(byAutocannon)) rows.push(await measureByAutocannon(context, arms));
    for (const arm of arms) await verifyBooks(arm);
    return rows;
  },
} satisfies Scenario;

/** An arm whose core was not full went as fast as upstream and generator let it, and not as fast as it can. */
function noteUnsaturated(context: BenchContext, rows: readonly Row[]): void {
  const inUse = rows.find(({ metric }) => metric === "core in use, 64 connections");
  for (const [arm, samples] of Object.entries(inUse?.samples ?? {})) {
    const percent = medianOf(samples ?? []);
    if (percent >= 90) continue;
    context.note(
      `${arm} had ${Math.round(percent)} % of its core in use at 64 connections: its rate there is what upstream, generator and machine let through. Its CPU time per request is the better measure.`,
    );
  }
}

/** The same by a generator that others know. It needs more CPU time itself, which shows where an arm is faster. */
async function measureByAutocannon(context: BenchContext, arms: readonly RunningArm[]): Promise<Row> {
  const load = { request: smallCall, connections: 64, requests: 30_000 };
  const samples = await measureInTurns(context, {
    what: "autocannon",
    arms,
    rounds: 3,
    measure: async (arm) => ({ [byAutocannon]: await runAutocannon(context.stand, arm, load) }),
  });
  context.note(
    "autocannon takes several times the CPU time of a call itself, so its row shows its own limit on one core where an arm is faster; all other rows are by the bench's own generator on raw sockets.",
  );
  return comparedRow(samples, byAutocannon, "1/s");
}
