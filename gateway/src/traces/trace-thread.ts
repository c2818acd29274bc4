// Owns the traces' thread as the relay sees it: begun when there is something for it to do, begun anew after a pause when
// it dies. What was under way then is lost, and counted.

import type { Log } from "@anyray/shared/log";
import type { ContentMode } from "@anyray/shared/store/trace";
import type { FromTraceWorker, ToTraceWorker, TraceWorkerOptions, TraceWorkerState } from "./trace-messages";

export interface TraceBatch {
  /** JSON of TraceDraft[], `count` of them. */
  drafts: string;
  count: number;
  /** Handed over: the sender's are empty afterwards. */
  bytes: Uint8Array<ArrayBuffer>;
  wantsMade: boolean;
}

export interface TraceThreadSettings {
  options(): TraceWorkerOptions;
  log: Log;
  /** A batch is in the spool. */
  written(): void;
  /** JSON of MadeTrace[], for those who want them. */
  made(traces: string): void;
  /** Lost: with the thread, or by it. */
  dropped(what: "content" | "trace", count: number): void;
  /** It can be given batches again. */
  ready(): void;
  /** For tests. */
  create?(): Worker;
  pauseMs?: number;
}

export interface TraceThread {
  begin(): void;
  /** Begins it where it is not there. False where it takes no more now: `written` or `ready` will tell when it does. */
  isFree(): boolean;
  send(batch: TraceBatch): void;
  setMode(mode: ContentMode): void;
  state(): TraceWorkerState | null;
  /** Traces that were sent and are not in the spool yet. */
  underWay(): number;
  close(timeoutMs: number): Promise<void>;
}

const underWayMax = 2;
const pauseMsMax = 30_000;
const createWorker = () => new Worker(new URL("./trace-worker.ts", import.meta.url));

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);

export function createTraceThread(settings: TraceThreadSettings): TraceThread {
  const { log, create = createWorker, pauseMs = 1_000 } = settings;
  let worker: Worker | null = null;
  let isOpen = false;
  let isClosing = false;
  let failures = 0;
  let underWay: number[] = [];
  let state: TraceWorkerState | null = null;
  const losses = createLossCount(settings.dropped);
  let onEnd = () => {};

  const tell = (message: ToTraceWorker, transfer: ArrayBuffer[] = []) => worker?.postMessage(message, transfer);

  const ended = (dead: Worker, reason: string) => {
    if (worker !== dead) return;
    worker = null;
    isOpen = false;
    dead.terminate();
    const lost = sum(underWay);
    underWay = [];
    losses.reset();
    settings.dropped("trace", lost);
    onEnd();
    if (isClosing) return;
    log.error("the traces' thread ended; a new one is begun", { reason, lost });
    const delayMs = Math.min(pauseMsMax, pauseMs * 2 ** failures++);
    setTimeout(() => !isClosing && begin(), delayMs).unref();
  };

  const take = (message: FromTraceWorker, from: Worker) => {
    if (worker !== from) return;
    if (message.kind === "log") process.stdout.write(`${message.line}\n`);
    else if (message.kind === "failed") ended(from, message.error);
    else if (message.kind === "made") settings.made(message.traces);
    else if (message.kind === "opened") {
      isOpen = true;
      settings.ready();
    } else {
      state = message.state;
      losses.see(state);
      if (message.kind === "closed") ended(from, "closed");
      if (message.kind !== "written") return;
      failures = 0;
      underWay.shift();
      settings.written();
    }
  };

  const begin = () => {
    if (worker || isClosing) return;
    const made = create();
    worker = made;
    listen(made, take, ended);
    tell({ kind: "open", options: settings.options() });
  };

  return {
    begin,
    isFree() {
      begin();
      return isOpen && underWay.length < underWayMax;
    },
    send({ drafts, count, bytes, wantsMade }) {
      underWay.push(count);
      tell({ kind: "batch", drafts, bytes, wantsMade }, [bytes.buffer]);
    },
    setMode: (mode) => void tell({ kind: "mode", mode }),
    state: () => state,
    underWay: () => sum(underWay),
    async close(timeoutMs) {
      isClosing = true;
      if (!worker) return;
      const dead = worker;
      await new Promise<void>((resolve) => {
        onEnd = resolve;
        tell({ kind: "close", timeoutMs });
        setTimeout(resolve, timeoutMs + 500);
      });
      dead.terminate();
    },
  };
}

function listen(
  to: Worker,
  take: (message: FromTraceWorker, from: Worker) => void,
  ended: (dead: Worker, reason: string) => void,
): void {
  to.onmessage = ({ data }: MessageEvent<FromTraceWorker>) => take(data, to);
  to.onerror = ({ message }) => ended(to, message);
  to.addEventListener("close", () => ended(to, "it ended by itself"));
  // It must not keep a process alive that has nothing else to do.
  to.unref();
}

/** A thread tells its losses since it began; passed on is what is new. */
function createLossCount(dropped: TraceThreadSettings["dropped"]) {
  let contents = 0;
  let traces = 0;
  return {
    see({ droppedContents, droppedTraces }: TraceWorkerState) {
      dropped("content", droppedContents - contents);
      dropped("trace", droppedTraces - traces);
      contents = droppedContents;
      traces = droppedTraces;
    },
    reset() {
      contents = 0;
      traces = 0;
    },
  };
}
