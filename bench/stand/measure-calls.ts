// Owns measuring plain calls in a closed loop, the same way in every scenario that does.

import type { RequestSpec } from "../load/protocol";
import type { Row } from "../row";
import type { BenchContext } from "../scenario";
import type { RunningArm } from "./arm";
import { addedRow, comparedRow, inMicroseconds, ownRow } from "./rows";
import { measureInTurns, takeSample } from "./sample";

export interface CallSetting {
  request: RequestSpec;
  connections: number;
  /** Ends the name of every metric, for example ", 16 connections"; empty where there is one setting only. */
  suffix: string;
  rounds?: number;
}

/** Rows of one setting; none when nobody wants any of them. */
export async function measureCalls(
  context: BenchContext,
  arms: readonly RunningArm[],
  { request, connections, suffix, rounds }: CallSetting,
): Promise<Row[]> {
  const names = ["requests", "CPU per request", "core in use", "p50", "added p50", "p99"] as const;
  if (!names.some((name) => context.wants(name + suffix))) return [];
  const { roundMs, warmUpMs } = context.plan;
  const load = { kind: "closed", request, connections } as const;
  const samples = await measureInTurns(context, {
    what: `${connections} connections`,
    arms,
    ...(rounds === undefined ? {} : { rounds }),
    warmUp: (arm) => context.stand.run(arm, { ...load, durationMs: warmUpMs }),
    measure: async (arm) => {
      const { result, seconds, cpuNs, cpuUnderLoadNs } = await takeSample(context.stand, arm, {
        ...load,
        durationMs: roundMs,
      });
      return {
        requests: result.requestsInTime / result.seconds,
        "CPU per request": cpuNs === null ? null : inMicroseconds(cpuNs / result.requests),
        "core in use": cpuUnderLoadNs === null ? null : (cpuUnderLoadNs / (seconds * 1e9)) * 100,
        p50: inMicroseconds(result.latency.p50),
        p99: inMicroseconds(result.latency.p99),
      };
    },
  });
  const rows: Row[] = [
    { ...comparedRow(samples, "requests", "1/s"), isHeadline: true },
    { ...ownRow(samples, "CPU per request", "µs"), isHeadline: true },
    ownRow(samples, "core in use", "%"),
    comparedRow(samples, "p50", "µs"),
    addedRow(samples, "p50", "added p50", "µs"),
    comparedRow(samples, "p99", "µs"),
  ];
  return rows.map((row) => ({ ...row, metric: row.metric + suffix }));
}
