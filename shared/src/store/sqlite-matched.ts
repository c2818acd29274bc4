// Owns the rows that a query matches, added up by key into temporary tables, and their figures by interval.

import type { Database } from "bun:sqlite";
import type { Value } from "./sqlite-filter";
import type { Matching } from "./sqlite-latency";
import { type Interval, type Part, partTables, splitRange } from "./sqlite-parts";
import { columns, rowFigures, sumFigures, summed } from "./sqlite-rollup";
import type { SpendFigures } from "./store";

/** Figures that are sums. */
export type Sums = Omit<SpendFigures, "latencyMs" | "overheadMs">;

/** What a query is about, and what the file has on it. */
export interface Selection extends Matching {
  timezone: string;
  /** Sessions are in no roll-up: a query that names them reads rows. */
  rowsOnly: boolean;
  daysUntil: number;
}

export const noSums = Object.fromEntries(summed.map(({ name }) => [name, 0])) as unknown as Sums;

export function addSums(a: Sums, b: Sums): Sums {
  return Object.fromEntries(summed.map(({ name }) => [name, a[name] + b[name]])) as unknown as Sums;
}

/** SELECT list of `Sums`. total() is exact where sum() is, and does not fail where a sum leaves 64 bits. */
export function totalsOf(expression: (column: string) => string): string {
  return summed.map(({ name, column }) => `total(${expression(column)}) AS ${name}`).join(", ");
}

function partsOf({ rowsOnly, timezone, daysUntil }: Selection, from: number, to: number): Part[] {
  if (from >= to) return [];
  return rowsOnly ? [{ source: "row", from, to }] : splitRange(from, to, timezone, daysUntil);
}

/**
 * Fills temp.matched (key_id, session, figures) with one row for each key (and session, where wanted), and, where wanted,
 * temp.matched_strategy (key_id, session, strategy, tokens_saved).
 */
export function collectMatched(db: Database, selection: Selection, withStrategies: boolean): void {
  const session = selection.withSession ? "session" : "NULL AS session";
  db.run("DROP TABLE IF EXISTS temp.matched");
  db.run(`CREATE TEMP TABLE matched (key_id INTEGER, session TEXT, ${columns})`);
  collect(db, selection, `matched SELECT key_id, session, ${sumFigures}`, "key_id, session", ({ source }) => ({
    list: `key_id, ${session}, ${source === "row" ? rowFigures : columns}`,
    table: partTables[source].figures,
  }));
  if (!withStrategies) return;
  db.run("DROP TABLE IF EXISTS temp.matched_strategy");
  db.run(
    `CREATE TEMP TABLE matched_strategy (
       key_id INTEGER, session TEXT, strategy TEXT, tokens_saved, UNIQUE (key_id, strategy, session)
     )`,
  );
  const into = "matched_strategy SELECT key_id, session, strategy, sum(tokens_saved)";
  collect(db, selection, into, "key_id, strategy, session", ({ source }) => ({
    list: `key_id, ${session}, ${source === "row" ? "d.value ->> 0 AS strategy, d.value ->> 1 AS tokens_saved" : "strategy, tokens_saved"}`,
    table: partTables[source].strategies,
  }));
}

function collect(
  db: Database,
  selection: Selection,
  into: string,
  groupBy: string,
  select: (part: Part) => { list: string; table: string },
): void {
  const { from, to, where } = selection;
  const parts = partsOf(selection, from, to);
  if (parts.length === 0) return;
  const values: Value[] = [];
  const selects = parts.map((part) => {
    const { list, table } = select(part);
    const { at } = partTables[part.source];
    values.push(part.from, part.to, ...where.values);
    return `SELECT ${list} FROM ${table} WHERE ${at} >= ? AND ${at} < ?${where.sql}`;
  });
  db.query(`INSERT INTO temp.${into} FROM (${selects.join(" UNION ALL ")}) GROUP BY ${groupBy}`).run(...values);
}

/** Figures of each interval. */
export function readIntervals(
  db: Database,
  selection: Selection,
  intervals: Interval[],
): (Interval & { sums: Sums })[] {
  const { where } = selection;
  const rowTotals = summed.map(({ name, sql }) => `total(${sql}) AS ${name}`).join(", ");
  const rollUpTotals = totalsOf((column) => column);
  const readPart = ({ source, from, to }: Part): Sums => {
    const { figures, at } = partTables[source];
    const list = source === "row" ? rowTotals : rollUpTotals;
    const found = db
      .query<Sums, Value[]>(`SELECT ${list} FROM ${figures} WHERE ${at} >= ? AND ${at} < ?${where.sql}`)
      .get(from, to, ...where.values);
    return found ?? noSums;
  };
  return intervals.map((interval) => ({
    ...interval,
    sums: partsOf(selection, interval.from, interval.to).map(readPart).reduce(addSums, noSums),
  }));
}
