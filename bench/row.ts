// Owns one line of a result: a metric, and each arm's samples of it.

/** "direct" is the upstream without a proxy, "bare" the floor of the runtime; micro benches have arms of their own. */
export type Arm = "direct" | "bare" | "nginx" | "haproxy" | "anyray" | (string & {});

export type Unit = "1/s" | "ns" | "µs" | "ms" | "s" | "MB" | "KB" | "MB/h" | "%" | "count";

export interface Row {
  /** What budgets refer to, for example "requests, 16 connections". Unique in its scenario. */
  metric: string;
  unit: Unit;
  better: "higher" | "lower";
  /** One sample a round, in the order they were taken. An arm that could not be measured is absent. */
  samples: Partial<Record<Arm, readonly number[]>>;
  /**
   * Whether differences and ratios to direct are shown. Off for figures that are already differences ("added p50")
   * and for those that direct has none of (memory).
   */
  isComparedToDirect: boolean;
  /** Stands in the README's table too. */
  isHeadline?: boolean;
}

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** Null without samples. */
export function spreadOf(samples: readonly number[] | undefined): Spread | null {
  if (!samples || samples.length === 0) return null;
  return { median: medianOf(samples), min: Math.min(...samples), max: Math.max(...samples) };
}

/** The mean of the two middle ones when their number is even; NaN for none. */
export function medianOf(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
