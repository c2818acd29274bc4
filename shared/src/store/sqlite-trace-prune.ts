// Owns the end of traces and of contents: retention in steps short enough for other writers to come in between, contents
// destroyed on request, and the log emptied afterwards, so that no file keeps what was deleted.

import type { Database } from "bun:sqlite";
import { exclusively } from "./sqlite-file";
import { shredKey } from "./sqlite-trace-record";
import { shrinkSession } from "./sqlite-trace-sessions";
import { traceTotals } from "./sqlite-trace-sums";
import type { ShredTarget, TraceSums } from "./trace-query";

const tracesPerStep = 250;
/** Of contents: all of them are overwritten, and once more in the log. */
const bytesPerStep = 4_194_304;
/** Pages given back to the file system by one step. */
const pagesPerStep = 500;
/** One in so many pages stays free for what comes next. */
const freeShare = 8;
/** How long the log waits for the readers of other processes, each time it is asked to be emptied. */
const wipeWaitMs = 100;

export interface TraceStep {
  /** Traces deleted, or traces that lost contents. */
  done: number;
  /** Places of the list that need not be given again. */
  taken: number;
  isDone: boolean;
}

interface Oldest {
  seq: number;
  ts: number;
  bytes: number;
}

/** Deletes some of the oldest traces. To be repeated until done. */
export function pruneTracesStep(db: Database, before: number, bytesMax: number): TraceStep {
  return exclusively(db, () => {
    const oldest = db
      .query<Oldest, [number]>("SELECT seq, ts, bytes FROM trace ORDER BY ts LIMIT ?")
      .all(tracesPerStep);
    const kept = traceBytes(db);
    const seqs: number[] = [];
    let freed = 0;
    for (const { seq, ts, bytes } of oldest) {
      const isTooMuch = bytesMax > 0 && kept - freed > bytesMax;
      if ((ts >= before && !isTooMuch) || freed > bytesPerStep) break;
      seqs.push(seq);
      freed += bytes;
    }
    if (seqs.length > 0) {
      deleteTraces(db, seqs, freed);
      return { done: seqs.length, taken: 0, isDone: false };
    }
    // Contents of so old a call come no more.
    db.query<never, [number]>("DELETE FROM trace_shred WHERE until < ?").run(before);
    return { done: 0, taken: 0, isDone: true };
  });
}

function deleteTraces(db: Database, seqs: readonly number[], bytes: number): void {
  const list = JSON.stringify(seqs);
  const gone = db
    .query<TraceSums & { session: number }, [string]>(
      `SELECT t.session_seq AS session, ${traceTotals} FROM trace t JOIN trace_key k ON k.id = t.key_id
       WHERE t.seq IN (SELECT value FROM json_each(?)) AND t.session_seq IS NOT NULL GROUP BY t.session_seq`,
    )
    .all(list);
  for (const [table, column] of [
    ["trace_content", "trace_seq"],
    ["trace", "seq"],
  ]) {
    db.query<never, [string]>(`DELETE FROM ${table} WHERE ${column} IN (SELECT value FROM json_each(?))`).run(list);
  }
  for (const { session, ...sums } of gone) shrinkSession(db, session, sums);
  db.query<never, [number]>("UPDATE trace_state SET bytes = bytes - ?").run(bytes);
}

export function traceBytes(db: Database): number {
  return db.query<{ bytes: number }, []>("SELECT bytes FROM trace_state").get()?.bytes ?? 0;
}

/** Keeps contents that come later from being stored, and finds the traces (by place) whose contents are to go. */
export function beginShred(db: Database, target: ShredTarget, at: number): number[] {
  return exclusively(db, () => {
    db.query<never, [string, string, number]>(
      `INSERT INTO trace_shred (kind, name, until) VALUES (?, ?, ?)
       ON CONFLICT (kind, name) DO UPDATE SET until = max(until, excluded.until)`,
    ).run(...shredKey(target), at);
    const [kind, name] = shredKey(target);
    const found = {
      trace: "id = ?1 AND ts <= ?2",
      session: "session_seq = (SELECT seq FROM trace_session WHERE session = ?1) AND ts <= ?2",
      user: "key_id IN (SELECT id FROM trace_key WHERE user = ?1) AND ts <= ?2",
    }[kind];
    return db
      .query<{ seq: number }, [string, number]>(
        `SELECT seq FROM trace WHERE ${found} AND shredded_at IS NULL AND contents <> '[]' ORDER BY seq`,
      )
      .all(name, at)
      .map(({ seq }) => seq);
  });
}

/** Destroys the contents of the first of these traces. To be repeated with the rest. */
export function shredStep(db: Database, seqs: readonly number[], at: number): TraceStep {
  return exclusively(db, () => {
    const size = db.query<{ bytes: number; traces: number }, [number]>(
      `SELECT coalesce(sum(length(data) + 60), 0) AS bytes FROM trace_content WHERE trace_seq = ?`,
    );
    const remove = db.query<never, [number]>("DELETE FROM trace_content WHERE trace_seq = ?");
    const mark = db.query<never, [number, number, number]>(
      "UPDATE trace SET shredded_at = ?, bytes = bytes - ? WHERE seq = ? AND shredded_at IS NULL",
    );
    let freed = 0;
    let taken = 0;
    let done = 0;
    for (const seq of seqs) {
      if (taken >= tracesPerStep || freed > bytesPerStep) break;
      const bytes = size.get(seq)?.bytes ?? 0;
      remove.run(seq);
      done += mark.run(at, bytes, seq).changes > 0 ? 1 : 0;
      freed += bytes;
      taken++;
    }
    db.query<never, [number]>("UPDATE trace_state SET bytes = bytes - ?").run(freed);
    return { done, taken, isDone: taken === seqs.length };
  });
}

/**
 * Empties the log, where copies of deleted pages would stay. False while readers of other processes still need it.
 */
export function wipeLog(db: Database): boolean {
  db.run(`PRAGMA busy_timeout = ${wipeWaitMs}`);
  try {
    return db.query<{ busy: number }, []>("PRAGMA wal_checkpoint(TRUNCATE)").get()?.busy === 0;
  } catch (error) {
    if (String((error as { code?: string }).code).startsWith("SQLITE_BUSY")) return false;
    throw error;
  } finally {
    db.run("PRAGMA busy_timeout = 5000");
  }
}

/** Gives some free pages back to the file system. True when there are few enough. Files of the first version keep theirs. */
export function releaseStep(db: Database): boolean {
  const number = (pragma: string) =>
    Object.values(db.query<Record<string, number>, []>(`PRAGMA ${pragma}`).get() ?? {})[0] ?? 0;
  const isIncremental = number("auto_vacuum") === 2;
  const most = () => number("freelist_count") - Math.floor(number("page_count") / freeShare);
  if (!isIncremental || most() <= 0) return true;
  db.query(`PRAGMA incremental_vacuum(${Math.min(pagesPerStep, most())})`).all();
  return most() <= 0;
}
