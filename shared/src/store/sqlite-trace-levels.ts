// Owns the levels that traces are indexed by: powers of two of what can be asked for as "at least". The few levels above
// one are read one after the other; only in the lowest of them can be traces that are too little.

/** Few enough that reading all of them costs nothing. */
export const levelMax = 30;

const levelOf = (value: number, unit: number) =>
  value < unit ? 0 : Math.min(levelMax, 1 + Math.floor(Math.log2(value / unit)));

/** 0 below 64 ms, where nearly every call is slower. */
export const latencyLevel = (latencyMs: number): number => levelOf(latencyMs, 64);

/** 0 below a hundred-thousandth of a dollar. */
export const costLevel = (costNanoUsd: number): number => levelOf(costNanoUsd, 10_000);
