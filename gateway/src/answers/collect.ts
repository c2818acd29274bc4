// Owns keeping a copy of an answer on its way and making the whole, non-streamed answer of it when it has ended. Costs
// the relay an append for each chunk; everything else is done later, in slices, between other calls' work.

import { isUtf8 } from "node:buffer";
import type { Endpoint, JsonObject } from "../endpoints/endpoint";
import { isObject } from "../endpoints/fields";
import { inflaters } from "../request/body";
import { nestingIsDeep } from "../request/json";
import { dataOf, eventsOf, joinBytes } from "../sse";
import type { AnswerShape } from "./answer-shape";
import { answerShapeOf } from "./registry";

/** A larger answer is not collected; compressed or inflated. */
export const collectedBytesMax = 2 * 1_048_576;
/** What all answers that are being collected hold together. */
export interface Held {
  bytes: number;
  readonly bytesMax: number;
}
const heldByAll: Held = { bytes: 0, bytesMax: 64 * 1_048_576 };
/** Work done at a time. */
const sliceBytes = 65_536;

/** How the bytes of an answer are to be read. */
export interface AnswerForm {
  /** Server-sent events, else one JSON text. */
  isEvents: boolean;
  /** The answer's `content-encoding`, or "identity". */
  encoding: string;
}

export interface CollectedAnswer {
  /** As it would have been without streaming. */
  json: JsonObject;
  /** Its JSON text: the provider's own where the answer was not streamed. */
  text: string;
}

export interface AnswerCollector {
  /** Takes the next bytes as the provider sent them, before anything was taken out. Keeps the chunk itself. */
  push(chunk: Uint8Array): void;
  /** Forgets what it holds: nothing will come of it. */
  drop(): void;
  /**
   * Once, after the last byte. Null when the answer is not whole, not what its API says, an error within a stream, too
   * large, or one too many of those that are being collected. Never rejects.
   */
  finish(): Promise<CollectedAnswer | null>;
}

/** Null for an endpoint whose answers nobody collects. The answer's status is the caller's to look at. */
export function createAnswerCollector(
  { endpoint }: { endpoint: Endpoint },
  form: AnswerForm,
  bytesMax = collectedBytesMax,
  held = heldByAll,
): AnswerCollector | null {
  const shape = answerShapeOf(endpoint);
  if (!shape) return null;
  let chunks: Uint8Array[] | null = [];
  let bytes = 0;
  const drop = () => {
    held.bytes -= bytes;
    bytes = 0;
    chunks = null;
  };
  return {
    push(chunk) {
      const { length } = chunk;
      if (!chunks) return;
      if (bytes + length > bytesMax || held.bytes + length > held.bytesMax) return drop();
      bytes += length;
      held.bytes += length;
      chunks.push(chunk);
    },
    drop,
    async finish() {
      const kept = chunks;
      chunks = null;
      if (!kept || bytes === 0) return null;
      await pause();
      try {
        return await readAnswer(shape, joinBytes(kept), form, bytesMax);
      } catch {
        return null;
      } finally {
        drop();
      }
    },
  };
}

/** The whole answer that a stream's events, uncompressed, make up. Null as for `finish`; rejects for no input. */
export async function assembleAnswer(
  { endpoint }: { endpoint: Endpoint },
  events: Uint8Array,
): Promise<CollectedAnswer | null> {
  const shape = answerShapeOf(endpoint);
  if (!shape || !isUtf8(events)) return null;
  try {
    return await readEvents(shape, events);
  } catch {
    return null;
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function readAnswer(
  shape: AnswerShape,
  sent: Uint8Array<ArrayBuffer>,
  form: AnswerForm,
  bytesMax: number,
): Promise<CollectedAnswer | null> {
  const body = await inflate(sent, form.encoding, bytesMax);
  // Replaced characters would make it another answer.
  if (!body || !isUtf8(body)) return null;
  if (form.isEvents) return await readEvents(shape, body);
  const json = parse(body, new TextDecoder().decode(body));
  return json && { json, text: new TextDecoder().decode(body) };
}

async function inflate(body: Uint8Array, encoding: string, bytesMax: number): Promise<Uint8Array | null> {
  if (encoding === "identity") return body;
  return (await inflaters.get(encoding)?.(body, { maxOutputLength: bytesMax })) ?? null;
}

async function readEvents(shape: AnswerShape, body: Uint8Array): Promise<CollectedAnswer | null> {
  const fold = shape.createFold();
  let sliceEnd = sliceBytes;
  for (const [start, end] of eventsOf(body)) {
    const data = dataOf(body, start, end);
    if (data !== "" && data !== "[DONE]") {
      const event = parse(body.subarray(start, end), data);
      if (!event || !fold.add(event)) return null;
    }
    if (end < sliceEnd) continue;
    sliceEnd = end + sliceBytes;
    await pause();
  }
  const json = fold.finish();
  return json && { json, text: JSON.stringify(json) };
}

/** @throws SyntaxError */
function parse(bytes: Uint8Array, text: string): JsonObject | null {
  if (nestingIsDeep(bytes)) return null;
  const json: unknown = JSON.parse(text);
  return isObject(json) ? json : null;
}
