// Owns how a streamed answer is looked at on its way: as events to be metered, as compressed events of which a copy
// is inflated, or as bytes that are nobody's business.

import zlib from "node:zlib";
import { errorTable } from "@anyray/shared/errors";
import type { Call } from "../call";
import type { AnswerFacts } from "../endpoints/endpoint";
import { createMeter, type Meter } from "../meter";
import { createEventCutter, joinBytes } from "../sse";

type Bytes = Uint8Array<ArrayBuffer>;

export interface AnswerView {
  /** Takes a chunk as it came; gives what the caller gets now, if anything. */
  push(chunk: Bytes): Bytes | null;
  /** Nothing more comes; gives what was still held back. */
  end(): Promise<Bytes | null>;
  /** The answer's own end has been seen. */
  isTerminated(): boolean;
  /** After `end`: nothing is missing, or the provider has told the caller itself. */
  isWhole(): boolean;
  /** The provider's own error event has been seen: the caller has been told. */
  isFailed(): boolean;
  facts(): AnswerFacts;
  /** What is stated of the usage is its beginning only. */
  isUsageOpen(): boolean;
  seenOutputTokens(): number;
  /** The protocol's word for an answer that breaks off here; null where it has none. */
  errorEvent(code: "upstream_unreachable" | "upstream_timeout", call: Call): Bytes | null;
}

/** An open event is held back until it is whole, so that a break in it can be told in order; but never more than this. */
const heldBytesMax = 262_144;
const inflatedBytesMax = 256 * 1_048_576;
const encoder = new TextEncoder();

export function viewOf(call: Call, response: Response, isEvents: boolean): AnswerView {
  if (!isEvents || call.endpoint.metering === "never") return opaqueView();
  const encoding = response.headers.get("content-encoding")?.trim().toLowerCase() || "identity";
  if (encoding === "identity") return eventsView(call, call.isUsageInjected);
  const inflater = inflaterFor(encoding);
  return inflater ? compressedView(call, inflater) : opaqueView();
}

function opaqueView(): AnswerView {
  return {
    push: (chunk) => chunk,
    end: async () => null,
    isTerminated: () => false,
    isWhole: () => true,
    isFailed: () => false,
    facts: () => ({ usage: null, model: null }),
    isUsageOpen: () => false,
    seenOutputTokens: () => 0,
    errorEvent: () => null,
  };
}

function eventsView(call: Call, removesUsage: boolean): AnswerView {
  const meter = createMeter(call.endpoint, removesUsage);
  const cutter = createEventCutter(heldBytesMax);
  return {
    push(chunk) {
      const events = cutter.push(chunk);
      return events && meter.push(events);
    },
    async end() {
      const rest = cutter.rest();
      return rest && meter.push(rest);
    },
    ...endOf(meter),
    errorEvent: (code, of) => errorEvent(code, of),
  };
}

function endOf(meter: Meter) {
  return {
    isTerminated: () => meter.isTerminated(),
    isWhole: () => meter.isTerminated() || meter.isFailed() || meter.isWhole(),
    isFailed: () => meter.isFailed(),
    facts: () => meter.facts(),
    isUsageOpen: () => meter.isUsageOpen(),
    seenOutputTokens: () => meter.seenOutputTokens(),
  };
}

function errorEvent(code: "upstream_unreachable" | "upstream_timeout", call: Call): Bytes | null {
  const { openaiType, anthropicType } = errorTable[code];
  const words = {
    upstream_unreachable: `The provider ${call.provider.slug} closed the connection in the middle of its answer.`,
    upstream_timeout: `The provider ${call.provider.slug} fell silent in the middle of its answer.`,
  };
  const event = call.endpoint.stream?.errorEvent({
    code,
    type: call.protocol === "anthropic" ? anthropicType : openaiType,
    message: words[code],
    requestId: call.id,
  });
  return event ? encoder.encode(event) : null;
}

/** The caller gets the compressed bytes untouched; what is metered is an inflated copy, a step behind. */
function compressedView(call: Call, inflater: zlib.Gunzip): AnswerView {
  const meter = createMeter(call.endpoint, false);
  const cutter = createEventCutter(heldBytesMax);
  let inflatedBytes = 0;
  let isReadable = true;
  const ended = new Promise<void>((resolve) => {
    inflater.on("end", resolve);
    inflater.on("error", () => {
      isReadable = false;
      resolve();
    });
  });
  inflater.on("data", (plain: Buffer) => {
    inflatedBytes += plain.length;
    if (inflatedBytes > inflatedBytesMax) return void inflater.destroy(new Error("inflates too far"));
    const events = cutter.push(joinBytes([plain]));
    if (events) meter.push(events);
  });
  return {
    push(chunk) {
      if (isReadable) inflater.write(chunk);
      return chunk;
    },
    async end() {
      if (isReadable) inflater.end();
      await ended;
      const rest = cutter.rest();
      if (rest) meter.push(rest);
      return null;
    },
    ...endOf(meter),
    // Inside a compressed stream nothing can be put in plain words.
    isTerminated: () => false,
    isWhole: () => !isReadable || endOf(meter).isWhole(),
    errorEvent: () => null,
  };
}

function inflaterFor(encoding: string): zlib.Gunzip | null {
  if (encoding === "gzip" || encoding === "x-gzip") return zlib.createGunzip();
  if (encoding === "deflate") return zlib.createInflate() as unknown as zlib.Gunzip;
  if (encoding === "br") return zlib.createBrotliDecompress() as unknown as zlib.Gunzip;
  if (encoding === "zstd") return zlib.createZstdDecompress() as unknown as zlib.Gunzip;
  return null;
}
