// Owns taking a JSON object apart into the texts of its members, so that what is carried in it can be handed on and
// answered byte for byte. Refuses what is no JSON object, a member given twice and nesting without end.

import { AnyrayError } from "@anyray/shared/errors";

/** Deeper than any real request; a body of brackets alone would hold the event loop for seconds. */
const depthMax = 256;
/** Below this many characters even the worst nesting is read in a few milliseconds, and is let through. */
const unguardedCharsMax = 32_768;

const quote = 0x22;
const backslash = 0x5c;

/** Member's name → the text of its value, without space around it. */
export type Members = ReadonlyMap<string, string>;

/**
 * The members of the object that `text` is. The values of `opaque` members are bounded but not read: whether they are
 * JSON is told by the first that parses them. All others are sure to be JSON.
 *
 * @throws AnyrayError invalid_json
 */
export function readMembers(text: string, opaque: readonly string[]): Members {
  const members = new Map<string, string>();
  let at = skipSpace(text, 0);
  if (text[at] !== "{") throw notJson("it is no JSON object");
  at = skipSpace(text, at + 1);
  if (text[at] === "}") {
    endOfText(text, at + 1);
    return members;
  }
  for (;;) {
    if (text.charCodeAt(at) !== quote) throw notJson("a member's name is missing");
    const keyEnd = endOfString(text, at);
    const key = parsed(text.slice(at, keyEnd));
    at = skipSpace(text, keyEnd);
    if (typeof key !== "string" || text[at] !== ":") throw notJson("a member has no value");
    const start = skipSpace(text, at + 1);
    const end = endOfValue(text, start);
    const value = text.slice(start, end);
    if (!opaque.includes(key)) parsed(value);
    if (members.has(key)) throw notJson(`it has a member ${JSON.stringify(key.slice(0, 40))} twice`);
    members.set(key, value);
    at = skipSpace(text, end);
    if (text[at] === "}") break;
    if (text[at] !== ",") throw notJson("what stands behind a value is neither , nor }");
    at = skipSpace(text, at + 1);
  }
  endOfText(text, at + 1);
  return members;
}

/** @throws AnyrayError invalid_json */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes what it was given.
    throw notJson("a value in it does not parse");
  }
}

function notJson(fault: string): AnyrayError {
  return new AnyrayError("invalid_json", `The body is not a JSON object in UTF-8: ${fault}.`);
}

function endOfText(text: string, from: number): void {
  if (skipSpace(text, from) !== text.length) throw notJson("something stands behind its end");
}

/** Just behind the string that opens at `from`; the end of `text` where it never closes. */
function endOfString(text: string, from: number): number {
  let at = from + 1;
  for (;;) {
    at = text.indexOf('"', at);
    if (at < 0) return text.length;
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === backslash) escapes += 1;
    at += 1;
    if (escapes % 2 === 0) return at;
  }
}

function endOfValue(text: string, start: number): number {
  if (text.charCodeAt(start) === quote) return endOfString(text, start);
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at) - 1;
    else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > depthMax && text.length > unguardedCharsMax) {
        throw notJson(`it is nested more than ${depthMax} levels deep`);
      }
    } else if (code === 0x7d || code === 0x5d) {
      depth -= 1;
      if (depth === 0) return at + 1;
      if (depth < 0) return at;
    } else if (depth === 0 && (code === 0x2c || isSpace(code))) return at;
  }
  return text.length;
}

/** Whether brackets are nested deeper than code that calls itself should follow, in a text that should be JSON. */
export function isDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfString(text, at) - 1;
    else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > depthMax) return true;
    } else if (code === 0x7d || code === 0x5d) depth -= 1;
  }
  return false;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (isSpace(text.charCodeAt(at))) at += 1;
  return at;
}
