// Owns latencies as counts in logarithmic buckets: any number of samples in 24 KB, each percentile within 0.4 %.

/** 2^7 buckets for each doubling. */
const bucketBits = 7;
const perDoubling = 1 << bucketBits;
/** Enough for 2^53 ns, which is 104 days. */
const bucketsMax = (53 - bucketBits) * perDoubling + 2 * perDoubling;

export interface Percentiles {
  count: number;
  /** Nanoseconds, as everything here. NaN when nothing was recorded. */
  p50: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
}

export type Histogram = ReturnType<typeof createHistogram>;

export function createHistogram() {
  const counts = new Uint32Array(bucketsMax);
  let count = 0;
  let max = 0;

  /** Nearest rank: the smallest recorded value that `percent` of all are not above. */
  const percentile = (percent: number): number => {
    if (count === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil((percent / 100) * count));
    let seen = 0;
    for (let bucket = 0; bucket < bucketsMax; bucket += 1) {
      seen += counts[bucket] ?? 0;
      if (seen >= rank) return Math.min(max, middleOf(bucket));
    }
    return max;
  };

  return {
    /** A clock that went backwards counts as no time at all. */
    record(nanoseconds: number): void {
      const value = nanoseconds > 0 ? Math.floor(nanoseconds) : 0;
      const bucket = bucketOf(value);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      count += 1;
      if (value > max) max = value;
    },
    percentile,
    percentiles: (): Percentiles => ({
      count,
      p50: percentile(50),
      p90: percentile(90),
      p99: percentile(99),
      p999: percentile(99.9),
      max: count === 0 ? Number.NaN : max,
    }),
  };
}

function bucketOf(value: number): number {
  if (value < 2 * perDoubling) return value;
  const shift = doublingOf(value) - bucketBits;
  return shift * perDoubling + Math.floor(value / 2 ** shift);
}

/** floor(log2(value)), exact up to 2^53. */
function doublingOf(value: number): number {
  return value < 2 ** 32 ? 31 - Math.clz32(value) : 63 - Math.clz32(Math.floor(value / 2 ** 32));
}

function middleOf(bucket: number): number {
  if (bucket < 2 * perDoubling) return bucket;
  const shift = Math.floor(bucket / perDoubling) - 1;
  const width = 2 ** shift;
  return (bucket - shift * perDoubling) * width + (width - 1) / 2;
}
