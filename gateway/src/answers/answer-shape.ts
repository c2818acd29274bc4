// Owns what replaying and collecting answers must know about one API, and the small JSON verbs its files share.
// Refuses to know any one API.

import type { JsonObject } from "../endpoints/endpoint";

/** JSON under construction. */
export type Json = Record<string, unknown>;

/** How the whole, non-streamed answer of one API becomes its stream, and the other way round. */
export interface AnswerShape {
  /** The endpoint's path. */
  readonly path: string;
  /**
   * The server-sent events of a stream that clients put together to exactly `answer`. Events are text with their
   * closing empty line. `includesUsage` matters only where usage is stated on request.
   */
  replay(answer: JsonObject, options: { includesUsage: boolean }): Iterable<string>;
  createFold(): AnswerFold;
  /** Ended by itself, with text and nothing else: no tool call, no refusal, nothing a provider would have to remember. */
  isCacheable(answer: JsonObject): boolean;
}

/** Puts the events of one stream together. Unknown fields are kept. */
export interface AnswerFold {
  /** Takes an event's JSON; false when it makes no sense, or is the provider's error: nothing comes of the rest. */
  add(event: JsonObject): boolean;
  /** The answer as it would have been without streaming; null when it is not whole. */
  finish(): JsonObject | null;
}

/** Assigning would follow a field of this name instead of keeping it. */
const prototypeField = "__proto__";

export function setField(object: Json, name: string, value: unknown): void {
  if (name !== prototypeField) object[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Sets a field unless the new value is null where there was one before. */
export function updateField(object: Json, name: string, value: unknown): void {
  if (value === null && Object.hasOwn(object, name)) return;
  setField(object, name, value);
}

/** Text grows by text and lists by lists; anything else is updated. */
export function growField(object: Json, name: string, value: unknown): void {
  const before = Object.hasOwn(object, name) ? object[name] : undefined;
  if (typeof before === "string" && typeof value === "string") setField(object, name, before + value);
  else if (Array.isArray(before) && Array.isArray(value)) before.push(...value);
  else if (Array.isArray(value)) setField(object, name, [...value]);
  else updateField(object, name, value);
}

/** The fields of `object` but those named. */
export function without(object: JsonObject, ...names: readonly string[]): Json {
  const rest: Json = {};
  for (const [name, value] of Object.entries(object)) if (!names.includes(name)) setField(rest, name, value);
  return rest;
}

/** Smallest piece of a streamed text, and the most pieces made of one, whatever its length. */
const pieceCharactersMin = 48;
const piecesMax = 400;

/** Text in pieces, none empty and none ending within a character. */
export function* piecesOf(text: string): Generator<string> {
  const length = Math.max(pieceCharactersMin, Math.ceil(text.length / piecesMax));
  for (let from = 0; from < text.length; ) {
    let to = Math.min(text.length, from + length);
    const last = text.charCodeAt(to - 1);
    if (to < text.length && last >= 0xd800 && last < 0xdc00) to += 1;
    yield text.slice(from, to);
    from = to;
  }
}
