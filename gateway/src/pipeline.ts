// THE FILE TO READ FIRST: the journey of a request, from the door to its row.
//
//   identify → reserve → optimize → forward → relay → settle → record
//
// Each step is a file in steps/ and returns what it learned. The ways out: a refusal (identify, reserve) costs no
// I/O and leaves no row, nor does a caller that leaves before anything was sent for it; from forward on every way out
// goes through `close`, once. Every way out leaves a trace, made and written elsewhere.

import { AnyrayError, type ErrorCode, errorTable } from "@anyray/shared/errors";
import type { Log } from "@anyray/shared/log";
import { createAnswerKeeper } from "./answers/keep-answer";
import { serveCached } from "./answers/replay";
import type { AnswerStore } from "./answers/store-answer";
import { type Arrival, type Call, CallerLeft, type Hold, type Optimized, type Outcome } from "./call";
import type { CallMetrics } from "./call-metrics";
import { tellOptimization } from "./optimizer/told";
import type { LastSeen } from "./state/last-seen";
import { type ForwardSettings, forward } from "./steps/forward";
import { type IdentifySettings, identify } from "./steps/identify";
import { type OptimizeSettings, optimize, withOptimized } from "./steps/optimize";
import { type RecordSettings, recordEnd, recordStart } from "./steps/record";
import { type Close, relay } from "./steps/relay";
import { type ReserveSettings, reserve } from "./steps/reserve";
import { release, type SettleSettings, settle } from "./steps/settle";
import { contentBytesMax } from "./traces/keep-content";
import type { TraceBook } from "./traces/trace-book";
import type { RefusedEnd } from "./traces/trace-draft";
import type { Traces } from "./traces/traces";

export interface Journey
  extends IdentifySettings,
    ReserveSettings,
    OptimizeSettings,
    ForwardSettings,
    SettleSettings,
    RecordSettings {
  metrics: CallMetrics;
  lastSeen: LastSeen;
  /** Where answers go that may serve again. */
  answerStore: AnswerStore;
  traces: Pick<Traces, "open" | "close" | "refuse">;
  log: Log;
}

/**
 * Answers one call.
 *
 * @throws AnyrayError for every refusal and failure of ours; rendered once, at the rim
 * @throws CallerLeft when there is nobody left to answer
 */
export async function serve(arrival: Arrival, journey: Journey): Promise<Response> {
  journey.metrics.arrived();
  let hold: Hold | null = null;
  let close: Close | null = null;
  let dispatchedAt = 0;
  let book: TraceBook | null = null;
  try {
    book = journey.traces.open(arrival);
    const asked = await identify(arrival, journey, book);
    book?.identified(asked, journey.caps);
    const reserved = reserve(asked, journey);
    hold = reserved instanceof Promise ? await reserved : reserved;
    book?.reserved();
    asked.connection.holdOpen();
    const optimizing = optimize(asked, journey);
    const optimized = optimizing instanceof Promise ? await whileThere(asked, optimizing) : optimizing;
    book?.optimized();
    const hit = optimized.cached === null ? null : serveCached(asked, optimized.cached);
    if (hit) {
      const served: Optimized = { ...optimized, outcome: "cache_hit", body: null, cacheKey: null, saved: hit.saved };
      close = createClose(asked, hold, served, journey, book);
      book?.wholeAnswer(hit.text, { isEvents: false, encoding: "identity" });
      await close(hit.outcome);
      return told(asked, served, hit.response);
    }
    const call = withOptimized(asked, optimized);
    close = createClose(call, hold, optimized, journey, book);
    recordStart(call, journey);
    dispatchedAt = performance.now();
    book?.dispatched(call, dispatchedAt, contentBytesMax);
    const upstream = await forward(call, journey);
    const { cacheKey } = optimized;
    const keeper = cacheKey === null ? null : createAnswerKeeper(call, cacheKey, journey.answerStore);
    return told(call, optimized, await relay(call, upstream, close, keeper, book));
  } catch (error) {
    if (close) await close(failureOf(error, dispatchedAt), codeOf(error));
    else {
      release(hold, journey);
      journey.metrics.left();
      journey.traces.refuse(book, refusalOf(error));
    }
    throw error;
  }
}

function told(call: Call, optimized: Optimized, response: Response): Response {
  if (call.request.headers.get("x-anyray-test") === "1") {
    response.headers.set("x-anyray-optimization", tellOptimization(optimized));
  }
  return response;
}

/** A caller that left while the optimizer was asked is not worth a provider's work. */
async function whileThere({ request }: Call, optimizing: Promise<Optimized>): Promise<Optimized> {
  const optimized = await optimizing;
  if (request.signal.aborted) throw new CallerLeft();
  return optimized;
}

/** The only way out of a call with a hold: the hold cannot leak, and the call cannot go unrecorded. */
function createClose(
  call: Call,
  hold: Hold | null,
  optimized: Optimized,
  journey: Journey,
  book: TraceBook | null,
): Close {
  let isClosed = false;
  return async (outcome, errorCode = null) => {
    if (isClosed) return null;
    isClosed = true;
    call.connection.release();
    const endedAt = book ? performance.now() : 0;
    const { row, price } = settle(call, hold, optimized, outcome, journey);
    const settledAt = book ? performance.now() : 0;
    const durable = recordEnd(call, row, journey);
    journey.metrics.ended(call, optimized, outcome);
    if (!optimized.saved) journey.lastSeen.note(call, outcome);
    tellOptimizer(call, optimized, outcome, journey);
    if (durable) await durable;
    if (book) {
      const times = { endedAt, settledAt, recordedAt: performance.now() };
      journey.traces.close(book, { call, optimized, outcome, row, price, errorCode, ...times });
    }
    return row;
  };
}

/** What the provider stated is what the optimizer learns from; a guess of ours is not told. */
function tellOptimizer(call: Call, { facts, saved }: Optimized, outcome: Outcome, { optimizer }: Journey): void {
  if (saved || !facts?.optimizationId || !outcome.usage || outcome.isUsageOpen) return;
  const { identity, endpoint, model } = call;
  const { user, team, session: sessionId } = identity;
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens } = outcome.usage;
  optimizer.tell({
    ...{ sessionId, metadata: { user, team, sessionId } },
    ...{ optimizationId: facts.optimizationId, endpoint: endpoint.path, model },
    usage: { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens },
  });
}

/** The code of what the caller is told, or null where nobody is left to be told. */
function codeOf(error: unknown): ErrorCode | null {
  if (error instanceof CallerLeft) return null;
  return error instanceof AnyrayError ? error.code : "internal";
}

/** How a call ended that was not dispatched. */
function refusalOf(error: unknown): RefusedEnd {
  const endedAt = performance.now();
  const errorCode = codeOf(error);
  if (errorCode === null) return { status: 499, endReason: "client_aborted", errorCode, endedAt };
  return { status: errorTable[errorCode].status, endReason: "refused", errorCode, endedAt };
}

/** How a call ended whose answer never began. */
function failureOf(error: unknown, dispatchedAt: number): Outcome {
  const upstreamMs = performance.now() - dispatchedAt;
  const unused = { usage: null, isUsageOpen: false, seenOutputTokens: 0, responseModel: null };
  const ended = { ...unused, firstByteAt: null, upstreamMs };
  if (error instanceof CallerLeft) return { ...ended, status: 499, endReason: "client_aborted" };
  const status = error instanceof AnyrayError ? error.spec.status : 500;
  const isTimeout = error instanceof AnyrayError && error.code === "upstream_timeout";
  return { ...ended, status, endReason: isTimeout ? "timed_out" : "upstream_failed" };
}
