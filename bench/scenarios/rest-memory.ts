// What the process holds when nothing goes on, and whether it holds more after a long day.

import type { BenchContext, Scenario } from "../scenario";
import type { RunningArm } from "../stand/arm";
import { ownRow } from "../stand/rows";
import { type Figures, measureInTurns, refuseFaults, residentMb, waitUntilSettled } from "../stand/sample";
import { smallCall } from "../stand/specs";
import { verifyAnswers, verifyBooks } from "../stand/verify";

const restMs = 2_000;

export const restMemory = {
  name: "rest-memory",
  title: "Memory at rest",
  about:
    "Resident memory two seconds after the start, and how much more it is two seconds after many small calls at 64 connections.",
  quick: true,
  async run(context) {
    const { memoryCalls } = context.plan;
    context.note(`Calls sent to each arm: ${memoryCalls.toLocaleString("en-US")}.`);
    const direct = await context.stand.start("direct");
    const arms = [await context.stand.start("bare"), await context.stand.start("anyray")];
    await Bun.sleep(restMs);
    const samples = await measureInTurns(context, {
      what: `${memoryCalls} calls`,
      arms,
      rounds: 1,
      measure: async (arm) => await lookBeforeAndAfter(context, direct, arm),
    });
    for (const arm of arms) await verifyBooks(arm);
    return [
      { ...ownRow(samples, "resident at rest", "MB"), isHeadline: true },
      { ...ownRow(samples, "growth after load", "MB"), isHeadline: true },
    ];
  },
} satisfies Scenario;

async function lookBeforeAndAfter(
  { stand, plan, wants }: BenchContext,
  direct: RunningArm,
  arm: RunningArm,
): Promise<Figures> {
  const restingMb = residentMb(arm);
  if (!wants("growth after load")) return { "resident at rest": restingMb };
  await verifyAnswers([direct, arm], smallCall);
  while (arm.calls.requests < plan.memoryCalls) {
    const load = { kind: "closed", request: smallCall, connections: 64, durationMs: 1_000 } as const;
    refuseFaults(arm.name, (await stand.run(arm, load)).faults);
  }
  await waitUntilSettled(arm);
  await Bun.sleep(restMs);
  const afterMb = residentMb(arm);
  return {
    "resident at rest": restingMb,
    "growth after load": restingMb === null || afterMb === null ? null : afterMb - restingMb,
  };
}
