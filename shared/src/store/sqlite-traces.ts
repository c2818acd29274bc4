// Owns the traces of the embedded store: as synchronous calls on one open file, and as the Store's verbs on top of them.

import type { Database } from "bun:sqlite";
import { checkTraces } from "./check-trace";
import { atOnce } from "./sqlite-file";
import {
  beginShred,
  pruneTracesStep,
  releaseStep,
  shredStep,
  type TraceStep,
  traceBytes,
  wipeLog,
} from "./sqlite-trace-prune";
import { readContents, readTrace, readTraces } from "./sqlite-trace-read";
import { openTraceRecorder } from "./sqlite-trace-record";
import { readSession, readSessions } from "./sqlite-trace-sessions";
import type { Store } from "./store";
import type { Trace, TraceContent } from "./trace";
import type {
  SessionDetail,
  SessionFilter,
  SessionPage,
  ShredTarget,
  StoredTrace,
  TraceFilter,
  TracePage,
} from "./trace-query";

/** Every call takes and returns what JSON can carry. */
export interface TraceVerbs {
  recordTraces(traces: readonly Trace[]): number;
  readTraces(filter: TraceFilter, after: { ts: number; id: string } | null, limit: number): TracePage;
  readTrace(id: string): StoredTrace | null;
  readContents(id: string): TraceContent[];
  readSessions(filter: SessionFilter, after: { lastAt: number; session: string } | null, limit: number): SessionPage;
  readSession(session: string): SessionDetail | null;
  pruneTracesStep(before: number, bytesMax: number): TraceStep;
  beginShred(target: ShredTarget, at: number): number[];
  shredStep(seqs: readonly number[], at: number): TraceStep;
  wipeLog(): boolean;
  releaseStep(): boolean;
  traceBytes(): number;
}

export function openTraceVerbs(db: Database): TraceVerbs {
  return {
    recordTraces: openTraceRecorder(db),
    readTraces: (filter, after, limit) => atOnce(db, () => readTraces(db, filter, after, limit)),
    readTrace: (id) => readTrace(db, id),
    readContents: (id) => atOnce(db, () => readContents(db, id)),
    readSessions: (filter, after, limit) => readSessions(db, filter, after, limit),
    readSession: (session) => atOnce(db, () => readSession(db, session)),
    pruneTracesStep: (before, bytesMax) => pruneTracesStep(db, before, bytesMax),
    beginShred: (target, at) => beginShred(db, target, at),
    shredStep: (seqs, at) => shredStep(db, seqs, at),
    wipeLog: () => wipeLog(db),
    releaseStep: () => releaseStep(db),
    traceBytes: () => traceBytes(db),
  };
}

type TraceStore = Pick<
  Store,
  | "recordTraces"
  | "readTraces"
  | "readTrace"
  | "readContents"
  | "readSessions"
  | "readSession"
  | "pruneTraces"
  | "shredContents"
  | "traceBytes"
>;

/** One call, wherever it runs. */
type Run = <V extends keyof TraceVerbs>(
  verb: V,
  ...args: Parameters<TraceVerbs[V]>
) => Promise<ReturnType<TraceVerbs[V]>>;

/** Most places of one call: a list of all of them may be long. */
const seqsPerCall = 1_000;
const wipesMax = 20;
const wipePauseMs = 50;

export function traceStoreOf(run: Run): TraceStore {
  return {
    async recordTraces(traces) {
      checkTraces(traces);
      return run("recordTraces", traces);
    },
    readTraces: (filter, after, limit) => run("readTraces", filter, after, limit),
    readTrace: (id) => run("readTrace", id),
    readContents: (id) => run("readContents", id),
    readSessions: (filter, after, limit) => run("readSessions", filter, after, limit),
    readSession: (session) => run("readSession", session),
    async pruneTraces(before, bytesMax) {
      let deleted = 0;
      // One call a step, so that what others send meanwhile is not kept waiting.
      for (let isDone = false; !isDone; ) {
        const step = await run("pruneTracesStep", before, bytesMax);
        deleted += step.done;
        isDone = step.isDone;
      }
      if (deleted === 0) return 0;
      while (!(await run("releaseStep"))) {
        // The next step.
      }
      // Readers of other processes can be in the way: what is in the log then goes with the next time.
      await run("wipeLog");
      return deleted;
    },
    async shredContents(target, at) {
      let seqs = await run("beginShred", target, at);
      let shredded = 0;
      while (seqs.length > 0) {
        const step = await run("shredStep", seqs.slice(0, seqsPerCall), at);
        shredded += step.done;
        seqs = seqs.slice(step.taken);
      }
      for (let tries = 0; !(await run("wipeLog")); tries++) {
        if (tries === wipesMax) throw new Error("contents are deleted, but the log that still has them stays in use");
        await Bun.sleep(wipePauseMs);
      }
      return shredded;
    },
    traceBytes: () => run("traceBytes"),
  };
}
