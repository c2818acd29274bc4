// Owns the streamed way of the relay: one pump from provider to caller, with the caller's pace held against the
// provider, events metered as they pass, and one ending whatever happens on either side.

import { errorTable } from "@anyray/shared/errors";
import type { AnswerKeeper } from "../answers/keep-answer";
import type { Call, Outcome } from "../call";
import type { ContentTape } from "../traces/content-tape";
import type { TraceBook } from "../traces/trace-book";
import { type AnswerView, viewOf } from "./answer-view";
import type { Upstream } from "./forward";
import type { Close } from "./relay";

type Bytes = Uint8Array<ArrayBuffer>;

/** Who else gets an answer's bytes as its provider sent them. */
export interface Listeners {
  keeper: AnswerKeeper | null;
  book: TraceBook | null;
}

export function relayStream(
  call: Call,
  upstream: Upstream,
  headers: Headers,
  isEvents: boolean,
  close: Close,
  { keeper, book }: Listeners,
): Response {
  if (isEvents && call.isUsageInjected) inflateInPlace(upstream, headers);
  const view = viewOf(call, upstream.response, isEvents);
  // After an answer was inflated in place: the keeper takes the bytes that the view takes.
  const encoding = upstream.response.headers.get("content-encoding")?.trim().toLowerCase() || "identity";
  const kept = isEvents && upstream.response.status === 200 ? keeper : null;
  kept?.begin({ isEvents, encoding });
  const tape = book?.tapeAnswer({ isEvents, encoding }) ?? null;
  const pump = createPump(call, upstream, view, close, { keeper: kept, tape });
  const body = new ReadableStream({
    type: "direct",
    pull: (controller: ReadableStreamDirectController) => pump(controller),
    cancel: () => upstream.callerLeft(),
  });
  // A writer that waits for the caller is woken; a caller gone before the first pull leaves the pump to run alone.
  upstream.onBreak(() => void pump(null));
  return new Response(body, { status: upstream.response.status, headers });
}

const inflatable = new Map<string, Bun.CompressionFormat>([
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["deflate", "deflate"],
  ["br", "brotli"],
  ["zstd", "zstd"],
]);

/** A chunk can be taken out only of what can be read: a provider that compresses all the same is inflated. */
function inflateInPlace(upstream: Upstream, headers: Headers): void {
  const encoding = headers.get("content-encoding")?.trim().toLowerCase() || "identity";
  const format = inflatable.get(encoding);
  if (!format || !upstream.response.body) return;
  headers.delete("content-encoding");
  const { status } = upstream.response;
  upstream.response = new Response(upstream.response.body.pipeThrough(new DecompressionStream(format)), { status });
}

type EndReason = Outcome["endReason"];

/** Closes the books of a streamed answer, once. */
function createEnd(upstream: Upstream, view: AnswerView, close: Close) {
  // Who has left by now gets no status any more.
  const status = upstream.hasCallerLeft() ? 499 : upstream.response.status;
  let isClosed = false;
  let firstByteAt: number | null = null;

  const finish = async (endReason: EndReason) => {
    if (isClosed) return;
    isClosed = true;
    const { usage, model } = view.facts();
    const isUsageOpen = view.isUsageOpen();
    await close({
      status,
      endReason,
      usage,
      isUsageOpen,
      seenOutputTokens: usage && !isUsageOpen ? 0 : view.seenOutputTokens(),
      responseModel: model,
      firstByteAt,
      // What a slow caller made us wait is not the provider's time, but neither is it overhead of ours.
      upstreamMs: performance.now() - upstream.dispatchedAt,
    });
  };
  const finishUnlessLeft = (endReason: EndReason) => finish(upstream.hasCallerLeft() ? "client_aborted" : endReason);

  return {
    isClosed: () => isClosed,
    sawByte() {
      firstByteAt ??= performance.now();
    },
    /** Nothing is missing; but the last event may be the provider's own word that it failed. */
    whole: () => finishUnlessLeft(view.isFailed() ? "upstream_failed" : "completed"),
    broken: () => finishUnlessLeft(upstream.isTimedOut() ? "timed_out" : "upstream_failed"),
  };
}

function createPump(
  call: Call,
  upstream: Upstream,
  view: AnswerView,
  close: Close,
  { keeper, tape }: { keeper: AnswerKeeper | null; tape: ContentTape | null },
) {
  const end = createEnd(upstream, view, close);
  let isRunning = false;
  let wakeWriter = () => {};

  const write = async (to: ReadableStreamDirectController | null, bytes: Bytes | null) => {
    if (!to || !bytes || bytes.length === 0 || upstream.hasCallerLeft()) return;
    const written = to.write(bytes);
    // The caller does not keep up: the provider is held back until it does.
    if (written instanceof Promise) {
      // When the caller leaves now, Bun never settles this promise.
      await Promise.race([written, new Promise<void>((resolve) => (wakeWriter = resolve))]);
      upstream.watch.touch();
    }
    to.flush();
  };

  const pass = async (to: ReadableStreamDirectController | null) => {
    for await (const chunk of upstream.response.body as unknown as AsyncIterable<Bytes>) {
      end.sawByte();
      upstream.watch.touch();
      keeper?.push(chunk);
      tape?.push(chunk);
      const bytes = view.push(chunk);
      // The books are closed before the end reaches the caller: who saw a whole answer has a row.
      if (view.isTerminated() || view.isFailed()) await end.whole();
      await write(to, bytes);
    }
    const rest = await view.end();
    if (view.isWhole()) {
      if (!upstream.hasCallerLeft()) void keeper?.end();
      await end.whole();
      await write(to, rest);
    } else {
      await end.broken();
      await write(to, view.errorEvent("upstream_unreachable", call));
    }
  };

  const breakOff = async (to: ReadableStreamDirectController | null): Promise<Error | null> => {
    const wasWhole = end.isClosed();
    await end.broken();
    if (upstream.hasCallerLeft() || wasWhole) return null;
    const code = upstream.isTimedOut() ? "upstream_timeout" : "upstream_unreachable";
    const event = view.errorEvent(code, call);
    if (to && event) {
      // Not waited for: a caller that does not read is one of the ways to get here.
      void to.write(event);
      void to.flush();
    }
    // Where the protocol has no word for it, a cut connection is the only honest end.
    return event ? null : new Error(errorTable[code].when);
  };

  return async (to: ReadableStreamDirectController | null): Promise<void> => {
    wakeWriter();
    if (isRunning) return;
    isRunning = true;
    let failure: Error | null = null;
    try {
      await pass(to);
    } catch {
      failure = await breakOff(to);
    } finally {
      keeper?.drop();
      upstream.end();
    }
    if (!to || upstream.hasCallerLeft()) return;
    if (failure) throw failure;
    to.close();
  };
}
