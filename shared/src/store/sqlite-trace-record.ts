// Owns the writing of traces: each with its contents apart, its session and the bytes it takes, in one transaction.
// Refuses to keep contents that were shredded before they came.

import type { Database } from "bun:sqlite";
import { exclusively } from "./sqlite-file";
import { openContentBlobs } from "./sqlite-trace-blob";
import { openTraceKeys } from "./sqlite-trace-keys";
import { costLevel, latencyLevel } from "./sqlite-trace-levels";
import { openSessions } from "./sqlite-trace-sessions";
import type { Trace } from "./trace";
import type { ContentMark, ShredTarget } from "./trace-query";

/** What a trace takes up besides its texts: its figures and its entries in four indexes. */
const traceBytesLeast = 270;
/** The same of a content. */
const contentBytesLeast = 60;

const insertSql = `
  INSERT INTO trace (
    id, ts, key_id, session_seq, bytes, latency_level, cost_level, shredded_at, agent, parent_agent, response_model, stream,
    latency_ms, ttft_ms, overhead_ms, input_tokens, cached_input_tokens, cache_write_tokens, output_tokens,
    reasoning_tokens, estimated, cost_nano_usd, price_row, tokens_saved, cap, decisions, spans, contents
  ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq`;

type Value = string | number | null;

/** How a content's mark stands in the trace's row: an array is a third of the object. */
export type StoredMark = [ContentMark["field"], ContentMark["mode"], number, 0 | 1];

/** Prepares `recordTraces`. */
export function openTraceRecorder(db: Database): (traces: readonly Trace[]) => number {
  const keys = openTraceKeys(db);
  const sessions = openSessions(db);
  const shreds = openShreds(db);
  const blobs = openContentBlobs(db);
  const find = db.prepare<{ seq: number }, [string]>("SELECT seq FROM trace WHERE id = ?");
  const insert = db.prepare<{ seq: number }, Value[]>(insertSql);
  const addContent = db.prepare<never, [number, string, Uint8Array]>(
    "INSERT INTO trace_content (trace_seq, field, data) VALUES (?, ?, ?)",
  );
  const addBytes = db.prepare<never, [number]>("UPDATE trace_state SET bytes = bytes + ?");
  const recordOne = (trace: Trace, hasShreds: boolean): number => {
    const shreddedAt = hasShreds && trace.contents.length > 0 ? shreds.of(trace) : null;
    const contents =
      shreddedAt === null ? trace.contents.map(({ field, data }) => ({ field, data: blobs.pack(data) })) : [];
    const texts = textsOf(trace);
    let bytes = traceBytesLeast;
    for (const text of Object.values(texts)) bytes += text?.length ?? 0;
    for (const { data } of contents) bytes += data.length + contentBytesLeast;
    const sessionSeq = trace.session === null ? null : sessions.seqOf(trace.session, trace);
    const seq = insert.get(...valuesOf(trace, texts, keys.idOf(trace), sessionSeq, bytes, shreddedAt))?.seq;
    if (seq === undefined) throw new Error("a trace was not given a place");
    for (const { field, data } of contents) addContent.run(seq, field, data);
    if (sessionSeq !== null) sessions.add(sessionSeq, trace);
    return bytes;
  };
  return (traces) => {
    if (traces.length === 0) return 0;
    try {
      return exclusively(db, () => {
        const hasShreds = shreds.areAny();
        let added = 0;
        let bytes = 0;
        for (const trace of traces) {
          // What is already stored must not be counted again: only a trace that goes in is added up.
          if (find.get(trace.id)) continue;
          bytes += recordOne(trace, hasShreds);
          added++;
        }
        sessions.write();
        if (bytes > 0) addBytes.run(bytes);
        return added;
      });
    } catch (error) {
      keys.forget();
      sessions.discard();
      throw error;
    }
  };
}

type Texts = Record<
  "id" | "agent" | "parentAgent" | "responseModel" | "priceRow" | "cap" | "decisions" | "spans" | "contents",
  string | null
>;

function textsOf(trace: Trace): Texts {
  const marks = trace.contents.map(({ field, mode, bytes, isCut }): StoredMark => [field, mode, bytes, isCut ? 1 : 0]);
  return {
    id: trace.id,
    agent: trace.agent,
    parentAgent: trace.parentAgent,
    responseModel: trace.responseModel,
    priceRow: trace.priceRow,
    cap: trace.cap && JSON.stringify(trace.cap),
    decisions: JSON.stringify(trace.decisions),
    spans: JSON.stringify(trace.spans),
    contents: JSON.stringify(marks),
  };
}

function valuesOf(
  trace: Trace,
  texts: Texts,
  keyId: number,
  sessionSeq: number | null,
  bytes: number,
  shreddedAt: number | null,
): Value[] {
  return [
    texts.id,
    trace.ts,
    keyId,
    sessionSeq,
    bytes,
    latencyLevel(trace.latencyMs),
    costLevel(trace.costNanoUsd ?? 0),
    shreddedAt,
    texts.agent,
    texts.parentAgent,
    texts.responseModel,
    trace.stream ? 1 : 0,
    trace.latencyMs,
    trace.ttftMs,
    trace.overheadMs,
    trace.inputTokens,
    trace.cachedInputTokens,
    trace.cacheWriteTokens,
    trace.outputTokens,
    trace.reasoningTokens,
    trace.estimated ? 1 : 0,
    trace.costNanoUsd,
    texts.priceRow,
    trace.tokensSaved,
    texts.cap,
    texts.decisions,
    texts.spans,
    texts.contents,
  ];
}

/** Kind and name of a target, as trace_shred has them. */
export function shredKey(target: ShredTarget): [kind: "trace" | "session" | "user", name: string] {
  if ("trace" in target) return ["trace", target.trace];
  return "session" in target ? ["session", target.session] : ["user", target.user];
}

/** What was shredded before: contents may come later than the order to destroy them. */
function openShreds(db: Database) {
  const any = db.prepare<{ found: number }, []>("SELECT EXISTS (SELECT 1 FROM trace_shred) AS found");
  const find = db.prepare<{ until: number }, [string, string]>(
    "SELECT until FROM trace_shred WHERE kind = ? AND name = ?",
  );
  return {
    areAny: () => any.get()?.found === 1,
    /** When the trace's contents were shredded; null: they may be kept. */
    of({ id, session, user, ts }: Trace): number | null {
      const targets: ShredTarget[] = [{ trace: id }];
      if (session !== null) targets.push({ session });
      if (user !== null) targets.push({ user });
      for (const target of targets) {
        const until = find.get(...shredKey(target))?.until;
        if (until !== undefined && ts <= until) return until;
      }
      return null;
    },
  };
}
