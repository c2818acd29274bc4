// What a call waits longer: calls on a fixed schedule, whether or not earlier ones were answered, so that a stall is
// charged to every call that had to wait for it.

import { medianOf, type Row } from "../row";
import type { BenchContext, Scenario } from "../scenario";
import type { RunningArm } from "../stand/arm";
import { addedRow, comparedRow, inMicroseconds } from "../stand/rows";
import { measureInTurns, takeSample } from "../stand/sample";
import { smallCall } from "../stand/specs";
import { verifyAnswers, verifyBooks } from "../stand/verify";

const slowRate = 100;
const connections = 64;

export const jsonAddedLatency = {
  name: "json-added-latency",
  title: "Added latency of a small JSON call",
  about:
    "Open loop: calls at a fixed rate, timed from the moment they were due. Half of saturation is half of what Anyray answers at 64 connections, the same rate for every arm.",
  quick: true,
  async run(context) {
    const arms = await context.stand.shareAll();
    await verifyAnswers(arms, smallCall);
    const rows: Row[] = [];
    if (isWanted(context, "half of saturation")) {
      const rate = Math.round((await findSaturation(context, arms)) / 2);
      context.note(`Half of saturation was ${rate} calls per second.`);
      rows.push(...(await measureAt(context, arms, rate, "half of saturation", "p99")));
    }
    if (isWanted(context, `${slowRate} calls/s`)) {
      rows.push(...(await measureAt(context, arms, slowRate, `${slowRate} calls/s`, "p50")));
    }
    for (const arm of arms) await verifyBooks(arm);
    return rows;
  },
} satisfies Scenario;

const percentiles = ["p50", "p99"] as const;

const isWanted = (context: BenchContext, at: string) =>
  percentiles.some(
    (percentile) => context.wants(`added ${percentile}, ${at}`) || context.wants(`${percentile}, ${at}`),
  );

/** Calls per second that the gateway answers at most. */
async function findSaturation({ stand, plan, progress }: BenchContext, arms: readonly RunningArm[]): Promise<number> {
  const gateway = arms.find(({ name }) => name === "anyray");
  if (!gateway) throw new Error("the gateway is not among the arms");
  progress("saturation");
  const load = { kind: "closed", request: smallCall, connections, durationMs: Math.max(1_000, plan.roundMs) } as const;
  const { result } = await takeSample(stand, gateway, load);
  return result.requestsInTime / result.seconds;
}

async function measureAt(
  context: BenchContext,
  arms: readonly RunningArm[],
  rate: number,
  at: string,
  headline: (typeof percentiles)[number],
): Promise<Row[]> {
  const lateness: number[] = [];
  const samples = await measureInTurns(context, {
    what: at,
    arms,
    measure: async (arm) => {
      const load = { kind: "open", request: smallCall, connections, rate, durationMs: context.plan.roundMs } as const;
      const { result } = await takeSample(context.stand, arm, load);
      if (result.lateness) lateness.push(inMicroseconds(result.lateness.p99));
      return {
        [`p50, ${at}`]: inMicroseconds(result.latency.p50),
        [`p99, ${at}`]: inMicroseconds(result.latency.p99),
      };
    },
  });
  context.note(
    `${at}: the generator's own lateness at p99, which is in every arm's latency, was ${Math.round(medianOf(lateness))} µs (median of all samples).`,
  );
  return percentiles.flatMap((percentile) => [
    comparedRow(samples, `${percentile}, ${at}`, "µs"),
    {
      ...addedRow(samples, `${percentile}, ${at}`, `added ${percentile}, ${at}`, "µs"),
      isHeadline: percentile === headline,
    },
  ]);
}
