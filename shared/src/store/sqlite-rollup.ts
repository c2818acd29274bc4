// Owns the roll-ups: which figures they hold, how rows are added to them, and how they are made anew for another time
// zone. Opens no transaction: the caller holds one.

import type { Database } from "bun:sqlite";
import { dayStart, hourStart, nextDay, nextHour } from "../time";
import type { SpendRow } from "./spend-row";

/** The figures kept added up: name, column of the roll-ups, and the same of one row, in SQL and in memory. */
export const summed = [
  { name: "requests", column: "requests", sql: "1", of: () => 1 },
  { name: "inputTokens", column: "input_tokens", sql: "input_tokens", of: (row) => row.inputTokens },
  { name: "outputTokens", column: "output_tokens", sql: "output_tokens", of: (row) => row.outputTokens },
  {
    name: "cachedInputTokens",
    column: "cached_input_tokens",
    sql: "cached_input_tokens",
    of: (row) => row.cachedInputTokens,
  },
  {
    name: "cacheWriteTokens",
    column: "cache_write_tokens",
    sql: "cache_write_tokens",
    of: (row) => row.cacheWriteTokens,
  },
  { name: "reasoningTokens", column: "reasoning_tokens", sql: "reasoning_tokens", of: (row) => row.reasoningTokens },
  { name: "tokensSaved", column: "tokens_saved", sql: "tokens_saved", of: (row) => row.tokensSaved },
  {
    name: "costNanoUsd",
    column: "cost_nano_usd",
    sql: "coalesce(cost_nano_usd, 0)",
    of: (row) => row.costNanoUsd ?? 0,
  },
  {
    name: "baselineCostNanoUsd",
    column: "baseline_cost_nano_usd",
    sql: "coalesce(baseline_cost_nano_usd, 0)",
    of: (row) => row.baselineCostNanoUsd ?? 0,
  },
  { name: "savingsNanoUsd", column: "savings_nano_usd", sql: "savings_nano_usd", of: (row) => row.savingsNanoUsd },
  {
    name: "errors",
    column: "errors",
    sql: "(SELECT status >= 400 FROM spend_key WHERE spend_key.id = key_id)",
    of: (row) => (row.status >= 400 ? 1 : 0),
  },
  {
    name: "unpricedRequests",
    column: "unpriced_requests",
    sql: "cost_nano_usd IS NULL",
    of: (row) => (row.costNanoUsd === null ? 1 : 0),
  },
  { name: "estimatedRequests", column: "estimated_requests", sql: "estimated", of: (row) => (row.estimated ? 1 : 0) },
] as const satisfies readonly { name: string; column: string; sql: string; of: (row: SpendRow) => number }[];

/** The columns of the roll-ups that hold figures. */
export const columns = summed.map(({ column }) => column).join(", ");
/** SELECT list of one row's figures, under the names of the roll-up's columns. */
export const rowFigures = summed.map(({ sql, column }) => `${sql} AS ${column}`).join(", ");
/** SELECT list that adds figures up, under the same names. */
export const sumFigures = summed.map(({ column }) => `sum(${column}) AS ${column}`).join(", ");

interface Sums {
  figures: number[];
  /** kind → tokens saved */
  strategies: Map<string, number> | null;
}

/** start → key → sums */
type Level = Map<number, Map<number, Sums>>;

export interface RollUps {
  add(row: SpendRow, keyId: number): void;
  /** Adds what was added since the last `write` to the tables, in the order of their keys. */
  write(): void;
  /** Drops what was added since. */
  discard(): void;
}

/**
 * Hours are written at once. A day is made of its hours when a row of a later day comes, which spares every batch the
 * many pages of the day's roll-ups; from then on rows of that day are added to both.
 */
export function openRollUps(db: Database, timezone: string): RollUps {
  const writeHours = levelWriter(db, "hour");
  const writeDays = levelWriter(db, "day");
  const hours: Level = new Map();
  let hour = { start: 0, end: 0 };
  return {
    add(row, keyId) {
      if (row.ts < hour.start || row.ts >= hour.end) {
        hour = { start: hourStart(row.ts, timezone), end: nextHour(row.ts, timezone) };
      }
      const strategies = row.decisions && new Map(Object.entries(row.decisions));
      merge(hours, hour.start, keyId, { figures: summed.map(({ of }) => of(row)), strategies });
    },
    write() {
      if (hours.size === 0) return;
      const daysUntil = readDaysUntil(db);
      const days: Level = new Map();
      let latest = 0;
      for (const [start, byKey] of hours) {
        latest = Math.max(latest, start);
        if (start >= daysUntil) continue;
        const day = dayStart(start, timezone);
        for (const [keyId, { figures, strategies }] of byKey) {
          merge(days, day, keyId, { figures: figures.slice(), strategies: strategies && new Map(strategies) });
        }
      }
      writeHours(hours);
      writeDays(days);
      hours.clear();
      closeDays(db, daysUntil, dayStart(latest, timezone), timezone);
    },
    discard: () => hours.clear(),
  };
}

/** Adds sums to those of a start and key; keeps the given object where there were none. */
function merge(level: Level, start: number, keyId: number, more: Sums): void {
  let byKey = level.get(start);
  if (!byKey) {
    byKey = new Map();
    level.set(start, byKey);
  }
  const sums = byKey.get(keyId);
  if (!sums) {
    byKey.set(keyId, more);
    return;
  }
  for (let i = 0; i < summed.length; i++) sums.figures[i] = (sums.figures[i] ?? 0) + (more.figures[i] ?? 0);
  for (const [kind, tokensSaved] of more.strategies ?? []) {
    sums.strategies ??= new Map();
    sums.strategies.set(kind, (sums.strategies.get(kind) ?? 0) + tokensSaved);
  }
}

function levelWriter(db: Database, level: "hour" | "day"): (sums: Level) => void {
  const upsert = db.prepare<never, number[]>(
    `INSERT INTO spend_${level} (start, key_id, ${columns}) VALUES (?, ?, ${summed.map(() => "?").join(", ")})
     ON CONFLICT (start, key_id) DO UPDATE SET
     ${summed.map(({ column }) => `${column} = ${column} + excluded.${column}`).join(", ")}`,
  );
  const upsertStrategy = db.prepare<never, [number, number, string, number]>(
    `INSERT INTO strategy_${level} (start, key_id, strategy, tokens_saved) VALUES (?, ?, ?, ?)
     ON CONFLICT (start, key_id, strategy) DO UPDATE SET tokens_saved = tokens_saved + excluded.tokens_saved`,
  );
  return (sums) => {
    for (const [start, byKey] of inOrder(sums)) {
      for (const [keyId, { figures, strategies }] of inOrder(byKey)) {
        upsert.run(start, keyId, ...figures);
        for (const [kind, tokensSaved] of strategies ?? []) upsertStrategy.run(start, keyId, kind, tokensSaved);
      }
    }
  };
}

function inOrder<T>(map: Map<number, T>): [number, T][] {
  return [...map].sort(([a], [b]) => a - b);
}

/** Days that ended by this instant are in the roll-ups by day, no others. */
export function readDaysUntil(db: Database): number {
  return db.query<{ at: number }, []>("SELECT days_until AS at FROM store_state").get()?.at ?? 0;
}

/** Makes the days from `daysUntil` to `until` of their hours. */
function closeDays(db: Database, daysUntil: number, until: number, timezone: string): void {
  if (until <= daysUntil) return;
  const hourFrom = db.query<{ at: number | null }, [number]>(
    "SELECT min(start) AS at FROM spend_hour WHERE start >= ?",
  );
  const addDay = db.query<never, [number, number, number]>(
    `INSERT INTO spend_day (start, key_id, ${columns})
     SELECT ?, key_id, ${sumFigures} FROM spend_hour WHERE start >= ? AND start < ? GROUP BY key_id`,
  );
  const addStrategies = db.query<never, [number, number, number]>(
    `INSERT INTO strategy_day (start, key_id, strategy, tokens_saved)
     SELECT ?, key_id, strategy, sum(tokens_saved) FROM strategy_hour WHERE start >= ? AND start < ? GROUP BY 2, 3`,
  );
  let at = hourFrom.get(daysUntil)?.at ?? until;
  while (at < until) {
    const start = dayStart(at, timezone);
    const end = nextDay(at, timezone);
    addDay.run(start, start, end);
    addStrategies.run(start, start, end);
    at = hourFrom.get(end)?.at ?? until;
  }
  db.query("UPDATE store_state SET days_until = ?").run(until);
}

/** Makes every roll-up anew from the rows, in the hours and days of `timezone`. */
export function rebuildRollUps(db: Database, timezone: string): void {
  for (const table of ["spend_hour", "spend_day", "strategy_hour", "strategy_day"]) db.run(`DELETE FROM ${table}`);
  db.run("UPDATE store_state SET days_until = 0");
  const rowFrom = db.query<{ at: number | null }, [number]>("SELECT min(ts) AS at FROM spend WHERE ts >= ?");
  const addHour = db.query<never, [number, number, number]>(
    `INSERT INTO spend_hour (start, key_id, ${columns})
     SELECT ?, key_id, ${sumFigures} FROM (SELECT key_id, ${rowFigures} FROM spend WHERE ts >= ? AND ts < ?)
     GROUP BY key_id`,
  );
  const addStrategies = db.query<never, [number, number, number]>(
    `INSERT INTO strategy_hour (start, key_id, strategy, tokens_saved)
     SELECT ?, key_id, json_extract(d.value, '$[0]'), sum(json_extract(d.value, '$[1]'))
     FROM spend, json_each(decisions) d WHERE ts >= ? AND ts < ? AND decisions IS NOT NULL GROUP BY 2, 3`,
  );
  let last = 0;
  for (let at = rowFrom.get(0)?.at ?? null; at !== null; ) {
    last = hourStart(at, timezone);
    const end = nextHour(at, timezone);
    addHour.run(last, last, end);
    addStrategies.run(last, last, end);
    at = rowFrom.get(end)?.at ?? null;
  }
  closeDays(db, 0, dayStart(last, timezone), timezone);
}
