// Agents that wait: streams that are open and say nothing.

import type { Row } from "../row";
import type { BenchContext, Scenario } from "../scenario";
import type { RunningArm } from "../stand/arm";
import { readCpuNs } from "../stand/readings";
import { ownRow } from "../stand/rows";
import { type Figures, measureInTurns, refuseFaults, residentMb } from "../stand/sample";
import { streamCall } from "../stand/specs";
import { verifyBooks } from "../stand/verify";

/** Opened and left before the count, so that what the first streams bring once is not put down to the many. */
const firstStreams = 200;
const restMs = 1_000;

export const streamsIdle = {
  name: "streams-idle",
  title: "Open idle streams",
  about:
    "Streams that sent one event and then nothing. Memory is what the process holds more than before they came, for each of them.",
  quick: true,
  async run(context) {
    const rows: Row[] = [];
    for (const streams of context.plan.isFull ? [1_000, 5_000] : [1_000]) {
      rows.push(...(await measureIdle(context, streams)));
      await context.stand.stopFresh();
    }
    return rows;
  },
} satisfies Scenario;

async function measureIdle(context: BenchContext, streams: number): Promise<Row[]> {
  const arms = (await context.stand.startAll()).filter(({ child }) => child !== null);
  const suffix = `, ${streams.toLocaleString("en-US")} streams`;
  const samples = await measureInTurns(context, {
    what: `${streams} idle streams`,
    arms,
    rounds: 1,
    measure: async (arm) => await holdAndLook(context, arm, streams),
  });
  for (const arm of arms) await verifyBooks(arm);
  const rows = [
    { ...ownRow(samples, "memory per stream", "KB"), isHeadline: true },
    ownRow(samples, "CPU at rest", "%"),
    ownRow(samples, "resident with all open", "MB"),
  ];
  return rows.map((row) => ({ ...row, metric: row.metric + suffix }));
}

async function holdAndLook({ stand }: BenchContext, arm: RunningArm, streams: number): Promise<Figures> {
  const request = streamCall({ events: 2, isHeld: true });
  const hold = async (count: number) => {
    const { faults } = await stand.run(arm, { kind: "hold", request, streams: count, isStalled: false });
    refuseFaults(arm.name, faults);
  };
  await hold(firstStreams);
  refuseFaults(arm.name, (await stand.run(arm, { kind: "release" })).faults);
  await Bun.sleep(restMs);
  const beforeMb = residentMb(arm);
  await hold(streams);
  await Bun.sleep(restMs);
  const openMb = residentMb(arm);
  const cpuBefore = arm.child && readCpuNs(arm.child.pid);
  const startedAt = Bun.nanoseconds();
  await Bun.sleep(restMs);
  const cpuAfter = arm.child && readCpuNs(arm.child.pid);
  const elapsedNs = Bun.nanoseconds() - startedAt;
  refuseFaults(arm.name, (await stand.run(arm, { kind: "release" })).faults);
  return {
    "memory per stream": beforeMb === null || openMb === null ? null : ((openMb - beforeMb) * 1_000) / streams,
    "resident with all open": openMb,
    "CPU at rest": cpuBefore === null || cpuAfter === null ? null : ((cpuAfter - cpuBefore) / elapsedNs) * 100,
  };
}
