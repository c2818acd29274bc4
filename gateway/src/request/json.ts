// Owns looking into a JSON body: parsing it with a bound on depth, and changing single values in place so that
// every other byte stays the caller's.

import { AnyrayError } from "@anyray/shared/errors";
import type { JsonObject } from "../endpoints/endpoint";
import { isObject } from "../endpoints/fields";
import { joinBytes } from "../sse";

type Bytes = Uint8Array<ArrayBuffer>;

/** Deeper than any real request; a body of brackets alone would hold the event loop for seconds. */
const depthMax = 256;
/** Below this many bytes even the worst nesting parses in a few milliseconds. */
const unguardedBytesMax = 16_384;

const quote = 0x22;
const backslash = 0x5c;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/**
 * Parses a body that must be a JSON object.
 *
 * @throws AnyrayError invalid_json saying what was wrong
 */
export function parseObject(body: Uint8Array | null): JsonObject {
  if (!body || body.length === 0) throw invalid("The request has no body. Send a JSON object.");
  if (nestingIsDeep(body)) {
    throw invalid(`The request body is nested more than ${depthMax} levels deep.`);
  }
  let json: unknown;
  try {
    json = JSON.parse(decoder.decode(body));
  } catch (error) {
    const fault = error instanceof SyntaxError ? error.message.slice(0, 80) : "not valid UTF-8";
    // The parser's message may quote a token of the body; that much goes back to the one who sent it, nowhere else.
    throw invalid(`The request body is not valid JSON (${fault}). Send a JSON object.`);
  }
  if (!isObject(json)) throw invalid("The request body is JSON, but not an object. Send a JSON object.");
  return json;
}

function invalid(message: string): AnyrayError {
  return new AnyrayError("invalid_json", message);
}

/** Whether brackets are nested deeper than any real body's. */
export function nestingIsDeep(body: Uint8Array): boolean {
  if (body.length <= unguardedBytesMax) return false;
  let depth = 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === quote) at = endOfString(body, at) - 1;
    else if (byte === 0x7b || byte === 0x5b) depth += 1;
    else if (byte === 0x7d || byte === 0x5d) depth -= 1;
    if (depth > depthMax) return true;
  }
  return false;
}

/** Bytes of a string looked at one by one before native search takes over: a call of it costs as much as so many. */
const nearBytes = 64;

/** Position just after the string that opens at `from`; the end of `body` when it never closes. */
function endOfString(body: Uint8Array, from: number): number {
  let at = from + 1;
  for (;;) {
    const far = Math.min(body.length, at + nearBytes);
    while (at < far) {
      const byte = body[at];
      at += byte === backslash ? 2 : 1;
      if (byte === quote) return at;
    }
    at = body.indexOf(quote, at);
    if (at < 0) return body.length;
    let escapes = 0;
    while (body[at - 1 - escapes] === backslash) escapes += 1;
    at += 1;
    if (escapes % 2 === 0) return at;
  }
}

/** Where a top-level value of a valid JSON object lies, or null. Of doubled keys the last one counts, as in a parser. */
export function findValue(body: Uint8Array, key: string): [start: number, end: number] | null {
  let found: [number, number] | null = null;
  let at = skipSpace(body, 0) + 1;
  for (;;) {
    at = skipSpace(body, at);
    if (body[at] !== quote) return found;
    const keyEnd = endOfString(body, at);
    const isKey = JSON.parse(decoder.decode(body.subarray(at, keyEnd))) === key;
    const start = skipSpace(body, skipSpace(body, keyEnd) + 1);
    const end = endOfValue(body, start);
    if (isKey) found = [start, end];
    at = skipSpace(body, end);
    if (body[at] !== 0x2c) return found;
    at += 1;
  }
}

function endOfValue(body: Uint8Array, start: number): number {
  if (body[start] === quote) return endOfString(body, start);
  let depth = 0;
  for (let at = start; at < body.length; at++) {
    const byte = body[at];
    if (byte === quote) at = endOfString(body, at) - 1;
    else if (byte === 0x7b || byte === 0x5b) depth += 1;
    else if (byte === 0x7d || byte === 0x5d) {
      depth -= 1;
      if (depth === 0) return at + 1;
      if (depth < 0) return at;
    } else if (depth === 0 && (byte === 0x2c || isSpace(byte))) return at;
  }
  return body.length;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function skipSpace(body: Uint8Array, from: number): number {
  // A byte order mark is no space, but it may stand before the object.
  let at = from === 0 && body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : from;
  while (isSpace(body[at])) at += 1;
  return at;
}

/** `body` with the bytes [start, end) replaced by `text`. */
export function replaceBytes(body: Uint8Array, start: number, end: number, text: string): Bytes {
  return joinBytes([body.subarray(0, start), encoder.encode(text), body.subarray(end)]);
}

/** `body` with `text` ("key":value) put in as the first member of the object that begins at `start`. */
export function insertMember(body: Uint8Array, start: number, text: string): Bytes {
  const inside = skipSpace(body, start + 1);
  return replaceBytes(body, start + 1, start + 1, body[inside] === 0x7d ? text : `${text},`);
}

export function startOfObject(body: Uint8Array): number {
  return skipSpace(body, 0);
}

/** The object of a valid body, without what may stand around it: a byte order mark, spaces, line ends. */
export function objectIn(body: Bytes): Bytes {
  let end = body.length;
  while (isSpace(body[end - 1])) end -= 1;
  return body.subarray(startOfObject(body), end);
}
