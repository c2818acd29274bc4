// Owns the thread on which traces are made: makes one of every draft it is sent, in their order, and brings what former
// processes left into the store. Waits for the store with nothing else.

import { setPriority } from "node:os";
import { createKeyring } from "@anyray/shared/crypto";
import { createLog, type Log } from "@anyray/shared/log";
import { openStore } from "@anyray/shared/store/open";
import type { Store } from "@anyray/shared/store/store";
import type { ContentMode, Trace } from "@anyray/shared/store/trace";
import type { RowStore } from "../spool/quarantine";
import { orphanSlots } from "../spool/slot";
import type { TraceDraft } from "./trace-draft";
import type { FromTraceWorker, ToTraceWorker, TraceWorkerOptions, TraceWorkerState } from "./trace-messages";
import { openTraceSpool, replayTraces, type TraceSpool } from "./trace-spool";
import { createTraceWriter, type MadeTrace, type TraceWriter } from "./trace-writer";

declare const self: Worker;

const post = (message: FromTraceWorker) => self.postMessage(message);
const tellStateEveryMs = 500;
/** On Linux a thread's own, and that of threads it starts: where cores are short, calls go first. */
const niceness = 10;
const replayPauseMs = 1_000;

interface Desk {
  spool: TraceSpool;
  writer: TraceWriter;
  store: LateStore;
}

/** A store that is opened when it is first needed, and again until it can be. */
interface LateStore extends RowStore<Trace> {
  close(): Promise<void>;
}

let mode: ContentMode = "off";
let desk: Desk | null = null;
let droppedContents = 0;
let droppedTraces = 0;
let toldPending = 0;
/** Messages are worked on one after the other; only a change of mode overtakes. */
let last: Promise<void> = Promise.resolve();

self.onmessage = ({ data }: MessageEvent<ToTraceWorker>) => {
  if (data.kind === "mode") mode = data.mode;
  else last = last.then(() => work(data));
};

async function work(message: Exclude<ToTraceWorker, { kind: "mode" }>): Promise<void> {
  if (message.kind === "open") await open(message.options);
  else if (message.kind === "batch") await write(message);
  else await close(message.timeoutMs);
}

async function open(options: TraceWorkerOptions): Promise<void> {
  ({ mode } = options);
  // Elsewhere it would be the whole process's.
  if (process.platform === "linux") setPriority(0, niceness);
  const write = (line: string) => post({ kind: "log", line });
  const log = createLog({ level: options.logLevel, service: "gateway", write });
  try {
    const store = openLate(() => openStore(options.store));
    const spool = openTraceSpool({
      ...{ dir: options.dir, totalBytesMax: options.totalBytesMax, store, log },
      mode: () => mode,
      dropped,
    });
    const failed = (what: "content" | "trace", error: unknown) => {
      dropped(what, 1);
      log.error("a trace could not be made", { what, error });
    };
    const writer = createTraceWriter({ spool, keyring: createKeyring(options.contentKey), mode: () => mode, failed });
    desk = { spool, writer, store };
    tellState(spool);
    post({ kind: "opened" });
    void replayLeftovers(options, spool.firstSeq, store, log);
  } catch (error) {
    post({ kind: "failed", error: (error as Error).message });
  }
}

function openLate(open: () => Promise<Store>): LateStore {
  let opening: Promise<Store> | null = null;
  const opened = () => {
    opening ??= open().catch((error) => {
      opening = null;
      throw error;
    });
    return opening;
  };
  return {
    record: async (traces) => (await opened()).recordTraces(traces),
    ping: async () => (await opened()).ping(),
    close: async () => (await opening)?.close(),
  };
}

function dropped(what: "content" | "trace", count: number): void {
  if (what === "content") droppedContents += count;
  else droppedTraces += count;
}

/** As often as it takes. */
async function replayLeftovers(
  { dir, root }: TraceWorkerOptions,
  firstSeq: number,
  store: RowStore<Trace>,
  log: Log,
): Promise<void> {
  const replay = async (from: string, beforeSeq?: number) => {
    const report = await replayTraces(from, store, () => mode, beforeSeq);
    if (report.segments > 0) log.info("a former process's traces are stored", { ...report });
    if (report.quarantined > 0) log.error("the store refuses traces; they are kept apart", { ...report });
    if (report.damagedRecords > 0) log.error("the trace spool has damaged records; its file is kept", { ...report });
  };
  for (let pauseMs = replayPauseMs; ; pauseMs = Math.min(60_000, pauseMs * 2)) {
    try {
      await replay(dir, firstSeq);
      for (const slot of orphanSlots(root)) {
        try {
          await replay(slot.dir);
        } finally {
          slot.release();
        }
      }
      return;
    } catch (error) {
      log.warn("a former process's traces cannot be stored yet", { error });
      await Bun.sleep(pauseMs);
    }
  }
}

async function write({ drafts, bytes, wantsMade }: Extract<ToTraceWorker, { kind: "batch" }>): Promise<void> {
  if (!desk) return;
  const made: MadeTrace[] = [];
  await desk.writer.write(JSON.parse(drafts) as TraceDraft[], bytes, wantsMade ? (one) => made.push(one) : undefined);
  if (made.length > 0) post({ kind: "made", traces: JSON.stringify(made) });
  post({ kind: "written", state: stateOf(desk.spool) });
}

/** For telling: what was told last is not told again. */
function stateOf(spool: TraceSpool): TraceWorkerState {
  const state = spool.state();
  toldPending = state.pendingRows;
  return { spool: state, droppedContents, droppedTraces };
}

/** Rows reach the store between batches, too. */
function tellState(spool: TraceSpool): void {
  setInterval(() => {
    if (spool.state().pendingRows === 0 && toldPending === 0) return;
    post({ kind: "state", state: stateOf(spool) });
  }, tellStateEveryMs);
}

async function close(timeoutMs: number): Promise<void> {
  if (!desk) return;
  const { spool, store } = desk;
  await spool.close(timeoutMs);
  await store.close();
  post({ kind: "closed", state: stateOf(spool) });
  desk = null;
}
