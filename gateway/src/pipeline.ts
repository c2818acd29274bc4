// THE FILE TO READ FIRST: the journey of a request, from the door to its row.
//
//   identify → reserve → optimize → forward → relay → settle → record
//
// Each step is a file in steps/ and returns what it learned. The ways out: a refusal (identify, reserve) costs no
// I/O and leaves no row; from forward on every way out goes through `close`, once.

import { AnyrayError } from "@anyray/shared/errors";
import type { Log } from "@anyray/shared/log";
import { type Arrival, type Call, CallerLeft, type Hold, type Optimized, type Outcome } from "./call";
import type { CallMetrics } from "./call-metrics";
import type { LastSeen } from "./state/last-seen";
import { type ForwardSettings, forward } from "./steps/forward";
import { type IdentifySettings, identify } from "./steps/identify";
import { type RecordSettings, recordEnd, recordStart } from "./steps/record";
import { type Close, relay } from "./steps/relay";
import { type ReserveSettings, reserve } from "./steps/reserve";
import { type SettleSettings, settle } from "./steps/settle";

export interface Journey extends IdentifySettings, ReserveSettings, ForwardSettings, SettleSettings, RecordSettings {
  metrics: CallMetrics;
  lastSeen: LastSeen;
  log: Log;
}

/** Until there is an optimizer to ask, every request goes on as it came. */
const notOptimized: Optimized = { outcome: "off", optimizeMs: null };

/**
 * Answers one call.
 *
 * @throws AnyrayError for every refusal and failure of ours; rendered once, at the rim
 * @throws CallerLeft when there is nobody left to answer
 */
export async function serve(arrival: Arrival, journey: Journey): Promise<Response> {
  journey.metrics.arrived();
  let close: Close | null = null;
  let dispatchedAt = 0;
  try {
    const call = await identify(arrival, journey);
    const reserved = reserve(call, journey);
    const hold = reserved instanceof Promise ? await reserved : reserved;
    close = createClose(call, hold, notOptimized, journey);
    recordStart(call, journey);
    call.connection.holdOpen();
    dispatchedAt = performance.now();
    const upstream = await forward(call, journey);
    return await relay(call, upstream, close);
  } catch (error) {
    if (close) await close(failureOf(error, dispatchedAt));
    else journey.metrics.left();
    throw error;
  }
}

/** The only way out of a call with a hold: the hold cannot leak, and the call cannot go unrecorded. */
function createClose(call: Call, hold: Hold | null, optimized: Optimized, journey: Journey): Close {
  let isClosed = false;
  return async (outcome) => {
    if (isClosed) return null;
    isClosed = true;
    call.connection.release();
    const row = settle(call, hold, optimized, outcome, journey);
    const durable = recordEnd(call, row, journey);
    journey.metrics.ended(call, optimized, outcome);
    journey.lastSeen.note(call, outcome);
    if (durable) await durable;
    return row;
  };
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
