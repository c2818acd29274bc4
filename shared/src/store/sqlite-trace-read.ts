// Owns how traces are found: which index a filter is answered from, so that a page costs about the same whatever is
// asked for. Never touches contents, but for the one verb that is for them.

import type { Database } from "bun:sqlite";
import { instantMax } from "./check";
import type { Value } from "./sqlite-filter";
import { unpackContent } from "./sqlite-trace-blob";
import { costLevel, latencyLevel, levelMax } from "./sqlite-trace-levels";
import type { StoredMark } from "./sqlite-trace-record";
import type { TraceContent } from "./trace";
import type { StoredTrace, TraceFilter, TracePage } from "./trace-query";

/** More combinations of names than these are so common that the newest traces have enough of them. */
const keysMergedMax = 4_096;

interface Found {
  seq: number;
  ts: number;
  id: string;
}

interface Part {
  /** Conditions that begin with AND. */
  sql: string;
  values: Value[];
}

/** Newest first. The caller holds a transaction. */
export function readTraces(
  db: Database,
  filter: TraceFilter,
  after: { ts: number; id: string } | null,
  limit: number,
): TracePage {
  if (!Number.isInteger(limit) || limit < 1) throw new Error(`limit must be a whole number from 1, not ${limit}`);
  const found = findTraces(db, filter, after, limit + 1);
  const page = found.slice(0, limit);
  const last = page.at(-1);
  return { traces: loadTraces(db, page), next: found.length > limit && last ? { ts: last.ts, id: last.id } : null };
}

function findTraces(
  db: Database,
  filter: TraceFilter,
  after: { ts: number; id: string } | null,
  count: number,
): Found[] {
  const from = Math.max(0, Math.ceil(filter.from));
  const to = Math.min(instantMax + 1, Math.ceil(filter.to)) - 1;
  const range: Range = { from, to: after ? Math.min(to, after.ts) : to };
  const rest = whereFigures(filter);
  if (after !== null) add(rest, " AND (ts < ? OR id < ?)", after.ts, after.id);
  const session = findSession(db, filter);
  const keys = selectKeys(db, filter);
  if (session === null || keys === 0) return [];
  const { idPrefix } = filter;
  if (keys !== null && keys <= keysMergedMax && session.sql === "" && idPrefix === undefined) {
    const ids = db.query<{ id: number }, []>("SELECT id FROM temp.wanted_trace_key").all();
    const places = ids.map(({ id }) => id);
    return merge(db, { index: "trace_key_ts", lead: { sql: " AND key_id = ?", places }, range, rest, count });
  }
  if (keys !== null) add(rest, " AND key_id IN temp.wanted_trace_key");
  // The first text after all that begin so: ids are of ASCII.
  if (idPrefix !== undefined) add(rest, " AND id >= ? AND id < ?", idPrefix, `${idPrefix}\x7f`);
  add(rest, session.sql, ...session.values);
  if (idPrefix === undefined && session.sql === "") {
    for (const { index, column, least } of levelsOf(filter)) {
      if (least === 0) continue;
      const places = Array.from({ length: levelMax + 1 - least }, (_, i) => least + i);
      // Said once more for the planner: the index has no others.
      const lead = { sql: ` AND ${column} = ? AND ${column} > 0`, places };
      return merge(db, { index, lead, range, rest, count });
    }
  }
  const index = idPrefix !== undefined ? "trace_id" : session.sql === "" ? "trace_ts" : "trace_session_ts";
  return merge(db, { index, lead: { sql: " AND 1 = ?", places: [1] }, range, rest, count });
}

interface Range {
  from: number;
  to: number;
}

interface Merge {
  index: string;
  /** The first column of the index, and the values of it that are wanted. */
  lead: { sql: string; places: readonly number[] };
  range: Range;
  rest: Part;
  count: number;
}

/** The newest of every place in the index; what is older than enough newer ones is never read. */
function merge(db: Database, { index, lead, range, rest, count }: Merge): Found[] {
  const newest = db.query<Found, Value[]>(
    `SELECT seq, ts, id FROM trace INDEXED BY ${index} WHERE ts >= ? AND ts <= ?${lead.sql}${rest.sql}
     ORDER BY ts DESC, id DESC LIMIT ?`,
  );
  let least = range.from;
  let found: Found[] = [];
  for (const place of lead.places) {
    const more = newest.all(least, range.to, place, ...rest.values, count);
    if (more.length === 0) continue;
    found.push(...more);
    if (found.length < count * 2) continue;
    found = firstOf(found, count);
    least = found.at(-1)?.ts ?? least;
  }
  return firstOf(found, count);
}

function firstOf(found: Found[], count: number): Found[] {
  return found.sort((one, other) => other.ts - one.ts || (one.id < other.id ? 1 : -1)).slice(0, count);
}

function add(part: Part, sql: string, ...values: Value[]): void {
  part.sql += sql;
  part.values.push(...values);
}

/** The condition on the session; null where no trace can meet it. */
function findSession(db: Database, { session }: TraceFilter): Part | null {
  if (session === undefined) return { sql: "", values: [] };
  if (session === null) return { sql: " AND session_seq IS NULL", values: [] };
  const found = db.query<{ seq: number }, [string]>("SELECT seq FROM trace_session WHERE session = ?").get(session);
  return found ? { sql: " AND session_seq = ?", values: [found.seq] } : null;
}

function whereFigures({ minLatencyMs, minCostNanoUsd }: TraceFilter): Part {
  const part: Part = { sql: "", values: [] };
  if (minLatencyMs !== undefined) add(part, " AND latency_ms >= ?", minLatencyMs);
  if (minCostNanoUsd !== undefined && minCostNanoUsd > 0) add(part, " AND cost_nano_usd >= ?", minCostNanoUsd);
  return part;
}

/** Indexes that hold only what is slow or dear enough, and the level they are read from; 0 = the filter does not ask. */
function levelsOf({ minLatencyMs = 0, minCostNanoUsd = 0 }: TraceFilter) {
  return [
    { index: "trace_latency", column: "latency_level", least: latencyLevel(minLatencyMs) },
    { index: "trace_cost", column: "cost_level", least: costLevel(minCostNanoUsd) },
  ];
}

/** Selects the combinations of names that a filter wants into temp.wanted_trace_key; their number, null = all. */
function selectKeys(db: Database, filter: TraceFilter): number | null {
  const { sql, values } = whereKey(filter);
  if (sql === "") return null;
  db.run("CREATE TEMP TABLE IF NOT EXISTS wanted_trace_key (id INTEGER PRIMARY KEY)");
  db.run("DELETE FROM temp.wanted_trace_key");
  return db.query(`INSERT INTO temp.wanted_trace_key SELECT id FROM trace_key WHERE 1${sql}`).run(...values).changes;
}

function whereKey(filter: TraceFilter): Part {
  const part: Part = { sql: "", values: [] };
  for (const name of ["user", "team", "model", "provider", "endpoint", "tool", "outcome"] as const) {
    const value = filter[name];
    if (value === undefined) continue;
    add(part, ` AND ${name} IS ?`, value);
  }
  const { status, hasError } = filter;
  if (status === "refused") add(part, " AND end_reason = 'refused'");
  else if (status !== undefined) {
    const least = typeof status === "number" ? status : Number(status[0]) * 100;
    add(part, " AND status BETWEEN ? AND ?", least, typeof status === "number" ? status : least + 99);
  }
  if (hasError !== undefined) add(part, " AND is_failed = ?", hasError ? 1 : 0);
  return part;
}

interface Stored extends Omit<StoredTrace, "stream" | "estimated" | "cap" | "decisions" | "spans" | "contents"> {
  seq: number;
  stream: number;
  estimated: number;
  shreddedAt: number | null;
  cap: string | null;
  decisions: string;
  spans: string;
  contents: string;
}

const select = `
  SELECT t.seq, t.id, t.ts, k.user, k.team, s.session, t.agent, t.parent_agent AS parentAgent, k.tool, k.provider,
  k.model, t.response_model AS responseModel, k.endpoint, t.stream, k.status, k.end_reason AS endReason,
  k.error_code AS errorCode, t.latency_ms AS latencyMs, t.ttft_ms AS ttftMs, t.overhead_ms AS overheadMs,
  t.input_tokens AS inputTokens, t.cached_input_tokens AS cachedInputTokens, t.cache_write_tokens AS cacheWriteTokens,
  t.output_tokens AS outputTokens, t.reasoning_tokens AS reasoningTokens, t.estimated, t.cost_nano_usd AS costNanoUsd,
  t.price_row AS priceRow, k.outcome, t.tokens_saved AS tokensSaved, t.cap, t.decisions, t.spans, t.contents,
  t.shredded_at AS shreddedAt
  FROM trace t JOIN trace_key k ON k.id = t.key_id LEFT JOIN trace_session s ON s.seq = t.session_seq`;

function loadTraces(db: Database, found: readonly Found[]): StoredTrace[] {
  const bySeq = new Map<number, StoredTrace>();
  const list = JSON.stringify(found.map(({ seq }) => seq));
  const rows = db.query<Stored, [string]>(`${select} WHERE t.seq IN (SELECT value FROM json_each(?))`).all(list);
  for (const row of rows) bySeq.set(row.seq, traceOf(row));
  return found.flatMap(({ seq }) => bySeq.get(seq) ?? []);
}

export function readTrace(db: Database, id: string): StoredTrace | null {
  const row = db.query<Stored, [string]>(`${select} WHERE t.id = ?`).get(id);
  return row && traceOf(row);
}

function traceOf({ seq: _, shreddedAt, ...row }: Stored): StoredTrace {
  const marks = JSON.parse(row.contents) as StoredMark[];
  return {
    ...row,
    stream: row.stream === 1,
    estimated: row.estimated === 1,
    cap: row.cap === null ? null : JSON.parse(row.cap),
    decisions: JSON.parse(row.decisions),
    spans: JSON.parse(row.spans),
    contents: marks.map(([field, mode, bytes, isCut]) => ({
      field,
      mode,
      bytes,
      isCut: isCut === 1,
      isShredded: shreddedAt !== null,
    })),
  };
}

export function readContents(db: Database, id: string): TraceContent[] {
  const row = db
    .query<{ seq: number; contents: string }, [string]>("SELECT seq, contents FROM trace WHERE id = ?")
    .get(id);
  if (!row) return [];
  const kept = new Map(
    db
      .query<{ field: string; data: Uint8Array }, [number]>("SELECT field, data FROM trace_content WHERE trace_seq = ?")
      .all(row.seq)
      .map(({ field, data }) => [field, data]),
  );
  return (JSON.parse(row.contents) as StoredMark[]).flatMap(([field, mode, bytes, isCut]) => {
    const data = kept.get(field);
    return data ? { field, mode, data: unpackContent(data), bytes, isCut: isCut === 1 } : [];
  });
}
