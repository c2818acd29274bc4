// Owns percentiles: of all rows that match where they are few, else of a uniform sample of them.

import type { Database } from "bun:sqlite";
import type { Value, Where } from "./sqlite-filter";
import type { SpendFigures } from "./store";

/** When rows are too many to read them all. */
export interface Sampling {
  /** Fewest rows of a sample. */
  rowsMin: number;
  /** Rows aimed at, from which twice as many may come. */
  rowsAimed: number;
}

/** The aim is 21 standard deviations above the fewest. */
export const samplingDefault: Sampling = { rowsMin: 50_000, rowsAimed: 55_000 };
/** Levels are the leading zeros of 32 bits. */
const levelMax = 32;

export type Percentiles = Pick<SpendFigures, "latencyMs" | "overheadMs">;

export interface Timing {
  keyId: number;
  /** Null also where sessions were not asked for. */
  session: string | null;
  ts: number;
  latencyMs: number;
  overheadMs: number;
}

/** The rows of a range that match conditions on columns of `spend`. */
export interface Matching {
  from: number;
  to: number;
  where: Where;
  /** Whether their sessions are wanted, which no index holds. */
  withSession: boolean;
}

/** Timings of the rows that match: of all, or of a sample in which each has the same chance to be. */
export function sampleTimings(db: Database, matching: Matching, count: number, sampling: Sampling): Timing[] {
  const { rowsMin, rowsAimed } = sampling;
  for (let level = Math.max(0, Math.floor(Math.log2(count / rowsAimed))); ; level--) {
    const timings = readTimings(db, matching, level);
    if (level === 0 || timings.length >= rowsMin) return timings;
  }
}

/** Timings of the rows that match and are of at least a sample level; of all by default. */
export function readTimings(db: Database, { from, to, where, withSession }: Matching, level = 0): Timing[] {
  const levels = Array.from({ length: levelMax + 1 - level }, (_, above) => level + above).join(", ");
  const source =
    level === 0
      ? "spend INDEXED BY spend_ts WHERE"
      : `spend INDEXED BY spend_sample WHERE sample_level > 0 AND sample_level IN (${levels}) AND`;
  return db
    .query<Timing, Value[]>(
      `SELECT key_id AS keyId, ${withSession ? "session" : "NULL AS session"}, ts, latency_ms AS latencyMs,
       overhead_ms AS overheadMs FROM ${source} ts >= ? AND ts < ?${where.sql}`,
    )
    .all(from, to, ...where.values);
}

/** Timings by group. */
export interface Timings<Group> {
  add(group: Group, timing: Timing): void;
  has(group: Group): boolean;
  /** Nearest-rank percentiles; null for a group without timings. */
  percentilesOf(group: Group): Percentiles;
}

export function groupTimings<Group>(): Timings<Group> {
  const groups = new Map<Group, { latencyMs: number[]; overheadMs: number[] }>();
  return {
    add(group, { latencyMs, overheadMs }) {
      const found = groups.get(group);
      if (found) {
        found.latencyMs.push(latencyMs);
        found.overheadMs.push(overheadMs);
      } else groups.set(group, { latencyMs: [latencyMs], overheadMs: [overheadMs] });
    },
    has: (group) => groups.has(group),
    percentilesOf(group) {
      const found = groups.get(group);
      if (!found) return { latencyMs: null, overheadMs: null };
      const latency = Float64Array.from(found.latencyMs).sort();
      const overhead = Float64Array.from(found.overheadMs).sort();
      return {
        latencyMs: { p50: rank(latency, 50), p95: rank(latency, 95), p99: rank(latency, 99) },
        overheadMs: { p50: rank(overhead, 50), p99: rank(overhead, 99) },
      };
    },
  };
}

/** The least value that at least `percent` of all are not above. */
function rank(sorted: Float64Array, percent: number): number {
  return sorted[Math.ceil((percent * sorted.length) / 100) - 1] ?? 0;
}
