// Owns what a SpendFilter means in SQL, and the page of rows it selects. Knows nothing of sums.

import type { Database } from "bun:sqlite";
import { instantMax } from "./check";
import { hash } from "./hash";
import type { SpendRow } from "./spend-row";
import type { RowPage, SpendFilter } from "./store";

export type Value = string | number | null;

export interface Where {
  /** Conditions that begin with AND, or nothing. */
  sql: string;
  values: Value[];
}

/** Range of a filter within what rows can have. */
export function rangeOf({ from, to }: SpendFilter): { from: number; to: number } {
  return { from: Math.max(0, Math.ceil(from)), to: Math.min(instantMax + 1, Math.ceil(to)) };
}

/** Conditions on `key_id`: the names asked for, selected once into a temporary table. */
export function selectKeys(db: Database, filter: SpendFilter): string {
  const terms: string[] = [];
  const values: Value[] = [];
  for (const name of ["user", "team", "model", "provider", "endpoint", "tool"] as const) {
    const value = filter[name];
    if (value === undefined) continue;
    terms.push(`${name} IS ?`);
    values.push(value);
  }
  const { status } = filter;
  if (status !== undefined) {
    const least = typeof status === "number" ? status : Number(status[0]) * 100;
    terms.push("status BETWEEN ? AND ?");
    values.push(least, typeof status === "number" ? status : least + 99);
  }
  if (terms.length === 0) return "";
  db.run("CREATE TEMP TABLE IF NOT EXISTS wanted_key (id INTEGER PRIMARY KEY)");
  db.run("DELETE FROM temp.wanted_key");
  db.query(`INSERT INTO temp.wanted_key SELECT id FROM spend_key WHERE ${terms.join(" AND ")}`).run(...values);
  return " AND key_id IN temp.wanted_key";
}

/** Conditions on the session of a row. Its hash is in the index, so that other sessions are passed over there. */
export function whereSession({ session }: SpendFilter): Where {
  if (session === undefined) return { sql: "", values: [] };
  if (session === null) return { sql: " AND session_hash IS NULL", values: [] };
  return { sql: " AND session_hash = ? AND session = ?", values: [hash(session), session] };
}

interface StoredRow extends Omit<SpendRow, "stream" | "estimated" | "labels" | "decisions"> {
  stream: number;
  estimated: number;
  labels: string | null;
  decisions: string | null;
}

const rowColumns = `
  s.id, ts, month, user, team, session, tool, labels, provider, model, response_model AS responseModel, endpoint, stream,
  status, end_reason AS endReason, estimated, input_tokens AS inputTokens, cached_input_tokens AS cachedInputTokens,
  cache_write_tokens AS cacheWriteTokens, cache_write_long_tokens AS cacheWriteLongTokens,
  output_tokens AS outputTokens, reasoning_tokens AS reasoningTokens, cost_nano_usd AS costNanoUsd,
  baseline_cost_nano_usd AS baselineCostNanoUsd, savings_nano_usd AS savingsNanoUsd, tokens_saved AS tokensSaved,
  latency_ms AS latencyMs, ttft_ms AS ttftMs, overhead_ms AS overheadMs, optimize_ms AS optimizeMs, outcome, decisions, arm`;

/** Newest first. The caller holds a transaction. */
export function readRows(
  db: Database,
  filter: SpendFilter,
  after: { ts: number; id: string } | null,
  limit: number,
): RowPage {
  if (!Number.isInteger(limit) || limit < 1) throw new Error(`limit must be a whole number from 1, not ${limit}`);
  const { from, to } = rangeOf(filter);
  const keys = selectKeys(db, filter);
  const session = whereSession(filter);
  const values: Value[] = [from, after === null ? to - 1 : Math.min(to - 1, after.ts), ...session.values];
  if (after !== null) values.push(after.ts, after.id);
  const rows = db
    .query<StoredRow, Value[]>(
      `SELECT ${rowColumns} FROM spend s INDEXED BY spend_ts CROSS JOIN spend_key k ON k.id = s.key_id
       WHERE ts >= ? AND ts <= ?${keys}${session.sql}${after === null ? "" : " AND (ts < ? OR s.id < ?)"}
       ORDER BY ts DESC, s.id DESC LIMIT ?`,
    )
    .all(...values, limit + 1)
    .map(rowOf);
  const isMore = rows.length > limit;
  if (isMore) rows.pop();
  const last = rows.at(-1);
  return { rows, next: isMore && last ? { ts: last.ts, id: last.id } : null };
}

function rowOf(stored: StoredRow): SpendRow {
  return {
    ...stored,
    stream: stored.stream === 1,
    estimated: stored.estimated === 1,
    labels: stored.labels === null ? null : JSON.parse(stored.labels),
    decisions: stored.decisions === null ? null : Object.fromEntries(JSON.parse(stored.decisions)),
  };
}
