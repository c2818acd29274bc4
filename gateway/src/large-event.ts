// Owns what is remembered of an event too large to be held: how it begins and how it ends. Enough to tell what it was,
// and to find the usage, which providers state at the end of a long answer. Holds a bounded number of bytes.

import type { JsonObject } from "./endpoints/endpoint";
import { isObject } from "./endpoints/fields";
import { headOf, joinBytes } from "./sse";

type Bytes = Uint8Array<ArrayBuffer>;

const tailBytesMax = 16_384;
/** More closing braces than any usage object has. */
const bracesMax = 64;

export interface LargeEvent {
  /** Its first characters. */
  head: string;
  /** Takes its bytes in order. */
  add(bytes: Bytes): void;
  /** Objects under the name "usage" near its end, the last one first. */
  usagesAtEnd(): Generator<JsonObject>;
}

/** `bytes` is how the event begins. */
export function createLargeEvent(bytes: Bytes): LargeEvent {
  let tail = bytes.slice(-tailBytesMax);
  return {
    head: headOf(bytes, 0, bytes.length),
    add(more) {
      tail = more.length >= tailBytesMax ? more.slice(-tailBytesMax) : joinBytes([tail, more]).slice(-tailBytesMax);
    },
    usagesAtEnd: () => usagesIn(headOf(tail, 0, tail.length, tailBytesMax)),
  };
}

function* usagesIn(text: string): Generator<JsonObject> {
  // A quoted name within a text has a backslash before its quote.
  const found = [...text.matchAll(/(?<!\\)"usage"\s*:\s*(?=\{)/g)];
  for (const { 0: name, index } of found.reverse()) {
    const usage = objectAt(text, index + name.length);
    if (usage) yield usage;
  }
}

/** The JSON object that begins at `start`: the shortest text from there that is one. */
function objectAt(text: string, start: number): JsonObject | null {
  let end = start;
  for (let braces = 0; braces < bracesMax; braces++) {
    end = text.indexOf("}", end) + 1;
    if (end === 0) return null;
    try {
      const json: unknown = JSON.parse(text.slice(start, end));
      return isObject(json) ? json : null;
    } catch {
      // An inner brace.
    }
  }
  return null;
}
