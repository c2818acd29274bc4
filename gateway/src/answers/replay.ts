// Owns answering a call with a cached answer, in the caller's protocol and in the form it asked for. What it gives is
// what the provider gave when the answer was new: a stream is made up of the whole answer, for clients to put together
// to the same object. Knows no cache.

import { noUsage, type Usage } from "@anyray/shared/usage";
import type { Call, Outcome } from "../call";
import type { JsonObject } from "../endpoints/endpoint";
import { isObject } from "../endpoints/fields";
import { nestingIsDeep } from "../request/json";
import { answerShapeOf } from "./registry";

export interface CachedAnswer {
  json: JsonObject;
  /** JSON text, as it was stored. */
  text: string;
}

const encoder = new TextEncoder();

/** `cached`: an answer's JSON text, or its parsed form. Null when it is no JSON object: not an answer, then. */
export function readCachedAnswer(cached: unknown): CachedAnswer | null {
  try {
    const text = typeof cached === "string" ? cached : JSON.stringify(cached);
    if (typeof text !== "string" || nestingIsDeep(encoder.encode(text))) return null;
    const json: unknown = typeof cached === "string" ? JSON.parse(text) : cached;
    return isObject(json) ? { json, text } : null;
  } catch {
    return null;
  }
}

/** Bytes of events made at a time. */
const sliceCharacters = 32_768;

/** What of a call decides how it is answered. */
export type CachedCall = Pick<Call, "id" | "endpoint" | "protocol" | "isStream" | "isUsageInjected" | "identity">;

/** Null when the cached answer cannot be served: the call then goes on to its provider. */
export function replayAnswer(call: CachedCall, { json, text }: CachedAnswer): Response | null {
  const shape = answerShapeOf(call.endpoint);
  if (!shape) return null;
  const headers = new Headers({
    "content-type": call.isStream ? "text/event-stream; charset=utf-8" : "application/json",
    "x-anyray-request-id": call.id,
    "x-anyray-cache": "hit",
    "x-anyray-cost-usd": "0",
    // Where each vendor's SDK looks for an id to show.
    [call.protocol === "anthropic" ? "request-id" : "x-request-id"]: call.id,
  });
  if (call.identity.isMetadataInvalid) headers.set("x-anyray-warning", "metadata-invalid");
  if (!call.isStream) return new Response(text, { headers });
  headers.set("cache-control", "no-cache");
  return new Response(streamOf(shape.replay(json, { includesUsage: !call.isUsageInjected })), { headers });
}

/** Events as bytes, no more at a time than a reader asks for. */
function streamOf(events: Iterable<string>): ReadableStream<Uint8Array> {
  const iterator = events[Symbol.iterator]();
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      let slice = "";
      while (slice.length < sliceCharacters) {
        const { value, done } = iterator.next();
        if (done) {
          if (slice) controller.enqueue(encoder.encode(slice));
          return controller.close();
        }
        slice += value;
      }
      controller.enqueue(encoder.encode(slice));
    },
    cancel() {
      iterator.return?.();
    },
  });
}

/** How a call ended that a cached answer served: nothing was billed. */
export interface CachedEnd {
  outcome: Outcome;
  /** What the answer cost when it was new, as its provider stated it; all zero where it did not. */
  saved: Readonly<Usage>;
}

/** `at`: `performance.now()` when the answer was there to be sent. */
export function cachedOutcome(call: Pick<Call, "endpoint">, { json }: CachedAnswer, at: number): CachedEnd {
  const { usage, model } = call.endpoint.readAnswer(json, null);
  return {
    outcome: {
      status: 200,
      endReason: "completed",
      usage: noUsage,
      isUsageOpen: false,
      seenOutputTokens: 0,
      responseModel: model,
      firstByteAt: at,
      upstreamMs: 0,
    },
    saved: usage ?? noUsage,
  };
}

/** A call that needs no provider: its answer, and how its books are closed, which must be before the answer is sent. */
export interface Hit extends CachedEnd {
  response: Response;
  /** The whole answer as JSON text, whatever the form it is sent in. */
  text: string;
}

/** Null when `cached` is nothing that can be served: the call then goes on as if there had been none. */
export function serveCached(call: CachedCall, cached: unknown): Hit | null {
  const answer = readCachedAnswer(cached);
  const response = answer && replayAnswer(call, answer);
  return response && { response, text: answer.text, ...cachedOutcome(call, answer, performance.now()) };
}
