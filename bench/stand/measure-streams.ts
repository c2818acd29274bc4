// Owns measuring paced streams: how much later the first byte and each event come, and what an event costs.

import type { Row } from "../row";
import type { BenchContext } from "../scenario";
import type { RunningArm } from "./arm";
import { addedRow, comparedRow, inMicroseconds, ownRow } from "./rows";
import { measureInTurns, takeSample } from "./sample";
import { closingEvents, streamCall } from "./specs";

export interface StreamSetting {
  events: number;
  gapMs: number;
  /** Open at once. */
  streams: number;
  suffix?: string;
  rounds?: number;
  /** Metrics for the README's table. */
  headlines?: readonly string[];
}

export async function measureStreams(
  context: BenchContext,
  arms: readonly RunningArm[],
  { events, gapMs, streams, suffix = "", rounds, headlines = [] }: StreamSetting,
): Promise<Row[]> {
  const request = streamCall({ events, gapMs });
  const load = { kind: "streams", request, streams, durationMs: context.plan.roundMs } as const;
  const samples = await measureInTurns(context, {
    what: `${streams} streams`,
    arms,
    ...(rounds === undefined ? {} : { rounds }),
    warmUp: (arm) => context.stand.run(arm, { ...load, durationMs: context.plan.warmUpMs }),
    measure: async (arm) => {
      const { result, cpuNs } = await takeSample(context.stand, arm, load);
      const all = result.events + result.streams * closingEvents;
      return {
        "first byte p50": inMicroseconds(result.firstByte.p50),
        "first byte p99": inMicroseconds(result.firstByte.p99),
        "event delay p50": inMicroseconds(result.delay.p50),
        "event delay p99": inMicroseconds(result.delay.p99),
        "CPU per event": cpuNs === null ? null : inMicroseconds(cpuNs / all),
      };
    },
  });
  const rows: Row[] = [
    comparedRow(samples, "first byte p50", "µs"),
    addedRow(samples, "first byte p50", "added first byte p50", "µs"),
    comparedRow(samples, "first byte p99", "µs"),
    comparedRow(samples, "event delay p50", "µs"),
    addedRow(samples, "event delay p50", "added event delay p50", "µs"),
    comparedRow(samples, "event delay p99", "µs"),
    ownRow(samples, "CPU per event", "µs"),
  ];
  return rows.map((row) => ({ ...row, metric: row.metric + suffix, isHeadline: headlines.includes(row.metric) }));
}
