// Owns finding usage in a streamed answer without parsing every event: a native search for "usage" in each
// batch of whole events, a JSON parse only of the one or two events that carry it. A meter can be wrong only
// about figures; it can never change the stream, bar the one chunk it is told to take out.

import type { Usage } from "@anyray/shared/usage";
import type { AnswerFacts, Endpoint, JsonObject, StreamShape } from "./endpoints/endpoint";
import { field, isObject, modelName } from "./endpoints/fields";
import { createLargeEvent, type LargeEvent } from "./large-event";
import { dataOf, endOfEvent, endOfEvents, eventsOf, find, headOf, joinBytes } from "./sse";

type Bytes = Uint8Array<ArrayBuffer>;

const usageKey = Buffer.from('"usage"');
const errorWord = Buffer.from('"error"');
const blankLf = Buffer.from("\n\n");
const blankCrLf = Buffer.from("\n\r\n");
/** Recent batches kept (small ones by reference) for the case that the provider never states usage. */
const recentMax = 8;
const recentBatchBytesMax = 4_096;
/** A last event that is larger is not kept. */
const recentEventBytesMax = 65_536;

export interface Meter {
  /**
   * Takes whole events, or a piece of one that is too large to be held; gives the bytes to send on: the same, but
   * for an injected usage chunk.
   */
  push(batch: Bytes): Bytes;
  /** The answer's own end was seen: what follows changes nothing. */
  isTerminated(): boolean;
  /** The provider sent its own error event. */
  isFailed(): boolean;
  /** The provider closed the stream: was the answer whole even without its terminal event? */
  isWhole(): boolean;
  facts(): AnswerFacts;
  /** The usage stated so far is that of a beginning: the output in it does not count. */
  isUsageOpen(): boolean;
  /** Tokens of text seen, extrapolated from the latest events. */
  seenOutputTokens(): number;
}

/** `removesUsage`: the usage chunk was asked for by us, so it is taken out of what `push` returns. */
export function createMeter(endpoint: Endpoint, removesUsage: boolean): Meter {
  const shape = endpoint.stream;
  const account = createAccount(endpoint, removesUsage);
  const ending = createEnding(shape);
  let large: LargeEvent | null = null;
  let events = 0;
  let recent: Bytes[] = [];

  /** Keeps account of an event that goes on in pieces; returns where in `batch` it ends, and the next one begins. */
  const followLarge = (batch: Bytes): number => {
    const from = large ? endOfEvent(batch, 0) : 0;
    const whole = endOfEvents(batch);
    large?.add(batch.subarray(0, from));
    if (large && whole > 0) {
      ending.see(large.head);
      account.readLarge(large);
      large = null;
    }
    if (!large && whole < batch.length) large = createLargeEvent(batch.subarray(whole));
    return from;
  };

  const recentText = () => recent.map((batch) => headOf(batch, 0, batch.length, recentEventBytesMax)).join("");

  return {
    push(batch) {
      const from = followLarge(batch);
      const passed = account.read(batch, from);
      // The end of an answer may carry its usage: it is not there before its last byte is.
      ending.watch(batch, from, large === null);
      events += countEvents(batch);
      const sample = sampleOf(batch);
      if (sample) recent.push(sample);
      if (recent.length > recentMax) recent = recent.slice(1);
      return passed;
    },
    isTerminated: () => ending.isTerminated(),
    isFailed: () => ending.isFailed(),
    // Usage proves nothing: Anthropic states it at the start too, others in every chunk.
    isWhole: () => shape === null || shape.isWhole(recentText()),
    facts: () => ({ usage: account.usage(), model: account.model() ?? modelIn(recentText()) }),
    isUsageOpen: () => account.isUsageOpen(),
    seenOutputTokens: () => Math.round(tokensPerEvent(endpoint, recent) * events),
  };
}

/** What the events have stated so far of usage and model. */
function createAccount(endpoint: Endpoint, removesUsage: boolean) {
  let usage: Usage | null = null;
  let model: string | null = null;
  let isUsageOpen = false;

  const readEvent = (json: JsonObject) => {
    const facts = endpoint.readAnswer(json, usage);
    if (facts.usage !== usage) isUsageOpen = endpoint.stream?.opensUsage(json) === true;
    usage = facts.usage;
    model = facts.model ?? model;
  };

  return {
    usage: () => usage,
    model: () => model,
    isUsageOpen: () => isUsageOpen,
    /** Reads every event with a usage object from `from` on; returns the bytes without the extra usage chunks. */
    read(batch: Bytes, from: number): Bytes {
      const kept: Bytes[] = [];
      let keptTo = 0;
      let at = find(batch, usageKey, from);
      while (at >= 0) {
        if (!opensObject(batch, at + usageKey.length)) {
          at = find(batch, usageKey, at + usageKey.length);
          continue;
        }
        const start = startOfEvent(batch, at);
        const end = endOfEvent(batch, at);
        const json = parseEvent(batch, start, end);
        if (json) readEvent(json);
        if (json && removesUsage && isExtraChunk(json)) {
          kept.push(batch.subarray(keptTo, start));
          keptTo = end;
        }
        at = find(batch, usageKey, end);
      }
      return keptTo === 0 ? batch : joinBytes([...kept, batch.subarray(keptTo)]);
    },
    readLarge(large: LargeEvent): void {
      const before = usage;
      for (const found of large.usagesAtEnd()) {
        readEvent({ usage: found });
        if (usage !== before) return;
      }
    },
  };
}

/** What the events have told so far of the answer's end. */
function createEnding(shape: StreamShape | null) {
  let isTerminated = false;
  let isFailed = false;

  /** The beginning of the event that `at` lies in, or "" when that has gone on before. */
  const headAt = (batch: Bytes, at: number, from: number): string => {
    const start = startOfEvent(batch, at);
    return start < from ? "" : headOf(batch, start, endOfEvent(batch, at));
  };

  const see = (head: string) => {
    if (shape?.isTerminal(head) === true) isTerminated = true;
    else if (shape?.isError(head) === true) isFailed = true;
  };

  return {
    isTerminated: () => isTerminated,
    isFailed: () => isFailed,
    /** Takes the beginning of an event that is there whole. */
    see,
    /** Takes a batch; `isWhole` says that its last event is there whole. */
    watch(batch: Bytes, from: number, isWhole: boolean): void {
      if (!shape) return;
      if (isWhole) see(headAt(batch, Math.max(0, batch.length - 4), from));
      // An error is seldom the last event: "[DONE]" may follow.
      for (let at = find(batch, errorWord, from); at >= 0; at = find(batch, errorWord, endOfEvent(batch, at))) {
        if (shape.isError(headAt(batch, at, from))) isFailed = true;
      }
    },
  };
}

function tokensPerEvent(endpoint: Endpoint, batches: readonly Bytes[]): number {
  let sampled = 0;
  let tokens = 0;
  for (const batch of batches) {
    for (const [start, end] of eventsOf(batch)) {
      const json = parseEvent(batch, start, end);
      sampled += 1;
      if (json) tokens += endpoint.stream?.countText(json) ?? 0;
    }
  }
  return sampled === 0 ? 0 : tokens / sampled;
}

function parseEvent(batch: Bytes, start: number, end: number): JsonObject | null {
  try {
    const json: unknown = JSON.parse(dataOf(batch, start, end));
    return isObject(json) ? json : null;
  } catch {
    return null;
  }
}

/** A small batch whole; of a large one the last events. */
function sampleOf(batch: Bytes): Bytes | null {
  if (batch.length <= recentBatchBytesMax) return batch;
  const behind = endOfEvent(batch, batch.length - recentBatchBytesMax);
  const start = behind < batch.length ? behind : startOfEvent(batch, batch.length - 4);
  return batch.length - start <= recentEventBytesMax ? batch.slice(start) : null;
}

/** `"usage": null` and `"usage":"text"` are not usage. */
function opensObject(bytes: Uint8Array, from: number): boolean {
  let isPastColon = false;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === 0x20 || byte === 0x09) continue;
    // The value stands on another data line: a parser will tell.
    if (byte === 0x0a || byte === 0x0d) return true;
    if (byte === 0x3a && !isPastColon) isPastColon = true;
    else return isPastColon && byte === 0x7b;
  }
  return false;
}

/** Where the event that `at` lies in begins: just after the blank line before it. */
function startOfEvent(bytes: Uint8Array, at: number): number {
  for (let index = at - 1; index > 0; index--) {
    if (bytes[index] !== 0x0a) continue;
    const before = bytes[index - 1];
    if (before === 0x0a || (before === 0x0d && index > 1 && bytes[index - 2] === 0x0a)) return index + 1;
  }
  // An empty line in front belongs to nothing.
  let start = 0;
  while (start < at && (bytes[start] === 0x0a || bytes[start] === 0x0d)) start += 1;
  return start;
}

/** OpenAI's extra chunk: usage, and no choices. A usage that came with text stays. */
function isExtraChunk(json: JsonObject): boolean {
  const choices = field(json, "choices");
  return Array.isArray(choices) && choices.length === 0 && isObject(field(json, "usage"));
}

function countEvents(batch: Uint8Array): number {
  let count = 0;
  for (let at = find(batch, blankLf); at >= 0; at = find(batch, blankLf, at + 2)) count += 1;
  if (count === 0) for (let at = find(batch, blankCrLf); at >= 0; at = find(batch, blankCrLf, at + 3)) count += 1;
  return count === 0 ? 1 : count;
}

function modelIn(text: string): string | null {
  const found = /"model"\s*:\s*"([^"\\]{1,256})"/.exec(text);
  return modelName(found?.[1]);
}
