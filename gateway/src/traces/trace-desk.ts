// Owns the relay's side of traces: a book for each call, and what is left to do when it has ended, gathered and handed to
// the thread that does it. Bounded in bytes: contents are given up first, then traces, and both are counted.

import type { Metrics } from "@anyray/shared/metrics";
import type { TraceContent } from "@anyray/shared/store/trace";
import type { Arrival } from "../call";
import type { TraceExporter } from "../export/exporter";
import type { ContentModes } from "./content-modes";
import { ContentTape, type Held } from "./content-tape";
import { contentBytesMax, tapedBytesMax } from "./keep-content";
import { type TapedForm, TraceBook } from "./trace-book";
import { type DispatchedEnd, draftOfDispatched, draftOfRefused, type RefusedEnd, type TraceDraft } from "./trace-draft";
import type { TraceBatch } from "./trace-thread";
import type { MadeTrace } from "./trace-writer";

export interface TraceDeskSettings {
  modes: ContentModes;
  /** False where it takes no batch now: `again` is called when it does. */
  isFree(): boolean;
  send(batch: TraceBatch): void;
  metrics: Metrics;
  /** For tests; 50 ms, 20,000 traces, 64 MiB of running answers, 32 MiB of ended calls, 500 refusals a second. */
  lingerMs?: number;
  waitingMax?: number;
  tapesBytesMax?: number;
  waitingBytesMax?: number;
  refusalsPerSecond?: number;
}

export interface TraceDesk {
  open(arrival: Arrival): TraceBook | null;
  /** Once for each book. Returns at once, and never throws. */
  close(book: TraceBook | null, end: DispatchedEnd): void;
  /** The same for a call that was not dispatched. */
  refuse(book: TraceBook | null, end: RefusedEnd): void;
  /** The thread takes batches again. */
  again(): void;
  /** Gives finished traces to an exporter as well. */
  exportTo(exporter: Pick<TraceExporter, "exportTrace">): void;
  /** JSON of MadeTrace[]. */
  made(traces: string): void;
  /** Lost on the thread. */
  dropped(what: "content" | "trace", count: number): void;
  /** Traces that wait here. */
  waiting(): number;
}

interface Waiting {
  draft: TraceDraft;
  book: TraceBook;
  bytes: number;
}

/** So that what is kept can end with a whole character. */
const headBytesMax = contentBytesMax + 4;
const batchTraces = 256;
const batchBytes = 4 * 1_048_576;
const text: TapedForm = { isEvents: false, encoding: "identity" };
const encoder = new TextEncoder();

export function createTraceDesk(settings: TraceDeskSettings): TraceDesk {
  const { modes, lingerMs = 50, waitingMax = 20_000, waitingBytesMax = 32 * 1_048_576 } = settings;
  const held: Held = { bytes: 0, bytesMax: settings.tapesBytesMax ?? 64 * 1_048_576 };
  const admitRefusal = createRefusalGate(settings.refusalsPerSecond ?? 500);
  const drops = createDrops(settings.metrics);
  const makeTape = () => new ContentTape(held, { bytesMax: tapedBytesMax, headBytes: headBytesMax });
  let exporter: Pick<TraceExporter, "exportTrace"> | null = null;
  let waiting: Waiting[] = [];
  let waitingBytes = 0;
  let isFlushSoon = false;

  const drop = (book: TraceBook) => {
    forget(book);
    drops("trace", 1);
  };

  const put = (book: TraceBook, draft: TraceDraft) => {
    if (waiting.length >= waitingMax) return drop(book);
    let bytes = noted(book).reduce((sum, [, { source }]) => sum + source.length, 0);
    if (waitingBytes + bytes > waitingBytesMax) {
      drops("content", noted(book).length);
      forget(book);
      bytes = 0;
    }
    waiting.push({ draft, book, bytes });
    waitingBytes += bytes;
    if (exporter) draft.traceparent = book.arrival.request.headers.get("traceparent");
    if (waiting.length >= batchTraces || waitingBytes >= batchBytes) soon(0);
    else soon(lingerMs);
  };

  const soon = (delayMs: number) => {
    if (isFlushSoon) return;
    isFlushSoon = true;
    setTimeout(flush, delayMs);
  };

  function flush(): void {
    isFlushSoon = false;
    const batch = takeBatch(waiting);
    if (batch.length === 0 || !settings.isFree()) return;
    const { missing, ...packed } = pack(batch, modes);
    drops("content", missing);
    settings.send({ ...packed, count: batch.length, wantsMade: exporter !== null });
    for (const { book, bytes } of batch) {
      forget(book);
      waitingBytes -= bytes;
    }
    waiting = waiting.slice(batch.length);
    if (waiting.length > 0) soon(waiting.length >= batchTraces ? 0 : lingerMs);
  }

  return {
    open(arrival) {
      return new TraceBook(arrival, modes.mark(), modes.current() !== "off", makeTape);
    },
    close(book, end) {
      if (!book || book.isClosed) return;
      book.isClosed = true;
      put(book, draftOfDispatched(book, end));
    },
    refuse(book, end) {
      if (!book || book.isClosed) return;
      book.isClosed = true;
      if (admitRefusal(end.endedAt)) put(book, draftOfRefused(book, end));
      else drops("refusal", 1);
    },
    again: () => {
      if (waiting.length > 0) soon(0);
    },
    exportTo(to) {
      exporter = to;
    },
    made(traces) {
      for (const { trace, contents, traceparent } of JSON.parse(traces) as MadeTrace[]) {
        exporter?.exportTrace(trace, { traceparent, ...(contents && { contents }) });
      }
    },
    dropped: drops,
    waiting: () => waiting.length,
  };
}

/** `bytes`: of the whole, where the source is only its beginning. */
type Noted = [TraceContent["field"], TapedForm & { source: Uint8Array | ContentTape | string; bytes?: number }];

function noted({ asked, askedBytes, sent, answer }: TraceBook): Noted[] {
  const contents: Noted[] = [];
  if (asked) contents.push(["request", { source: asked, bytes: askedBytes, ...text }]);
  if (sent) contents.push(["sentRequest", { source: sent, ...text }]);
  if (answer) contents.push(["response", answer]);
  return contents;
}

function forget(book: TraceBook): void {
  if (book.answer?.source instanceof ContentTape) book.answer.source.drop();
  book.asked = null;
  book.sent = null;
  book.answer = null;
}

function takeBatch(waiting: readonly Waiting[]): readonly Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const each of waiting) {
    bytes += each.bytes;
    // One goes, however large.
    if (count === batchTraces || (bytes > batchBytes && count > 0)) break;
    count += 1;
  }
  return waiting.slice(0, count);
}

/** Drafts as JSON, and the bytes of their contents one after the other; `missing` had no room from the first byte. */
function pack(batch: readonly Waiting[], modes: ContentModes) {
  const parts: Uint8Array[] = [];
  let offset = 0;
  let missing = 0;
  for (const { draft, book } of batch) {
    draft.mode = modes.strictestSince(book.mark);
    draft.contents = [];
    if (draft.mode === "off") continue;
    for (const [field, { source, isEvents, encoding, bytes = 0 }] of noted(book)) {
      const isTapeCut = source instanceof ContentTape && source.isCut;
      // A stream is put together, and a compressed text inflated, before it can be cut.
      const isWorthAll = (isEvents || encoding !== "identity") && !isTapeCut;
      const taken = takeParts(source, isWorthAll ? tapedBytesMax : headBytesMax);
      if (taken.length === 0) {
        missing += 1;
        continue;
      }
      const bytesAll = Math.max(bytes, taken.lengthOfAll);
      const isCut = isTapeCut || taken.length < bytesAll;
      draft.contents.push({ field, isEvents, encoding, offset, length: taken.length, bytes: bytesAll, isCut });
      parts.push(...taken.parts);
      offset += taken.length;
    }
  }
  const bytes = new Uint8Array(offset);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { drafts: JSON.stringify(batch.map(({ draft }) => draft)), bytes, missing };
}

/** The first `bytesMax` bytes of a content. */
function takeParts(source: Uint8Array | ContentTape | string, bytesMax: number) {
  const all = source instanceof ContentTape ? source.parts() : [toBytes(source)];
  const parts: Uint8Array[] = [];
  let length = 0;
  let lengthOfAll = 0;
  for (const part of all) {
    lengthOfAll += part.length;
    const room = bytesMax - length;
    const taken = part.length <= room ? part : part.subarray(0, room);
    if (taken.length > 0) parts.push(taken);
    length += taken.length;
  }
  return { parts, length, lengthOfAll };
}

function toBytes(source: Uint8Array | string): Uint8Array {
  return typeof source === "string" ? encoder.encode(source) : source;
}

/** A storm of refused calls must not fill the store. */
function createRefusalGate(perSecond: number) {
  let second = 0;
  let count = 0;
  return (atMs: number): boolean => {
    const now = Math.floor(atMs / 1_000);
    if (now !== second) {
      second = now;
      count = 0;
    }
    count += 1;
    return count <= perSecond;
  };
}

function createDrops(metrics: Metrics) {
  const dropped = metrics.counters(
    "anyray_traces_dropped_total",
    "Lost for lack of room: traces, contents of traces that are kept, traces of refused calls.",
    "what",
  );
  const counters = { trace: dropped("trace"), content: dropped("content"), refusal: dropped("refusal") };
  return (what: keyof typeof counters, count: number) => {
    if (count > 0) counters[what].add(count);
  };
}
