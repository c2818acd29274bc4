// Owns where the values of a JSON text stand, so that a part of it can be given as it is written: numbers keep their
// spelling. Scans only text that JSON.parse has accepted; never recurses.

/** UTF-16 units, end exclusive. */
export interface Span {
  start: number;
  end: number;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

export function skipSpace(text: string, at: number): number {
  let position = at;
  while (position < text.length && isSpace(text.charCodeAt(position))) position++;
  return position;
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    at = text.indexOf('"', at);
    if (at === -1) return text.length;
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === backslash) slashes++;
    if (slashes % 2 === 0) return at + 1;
  }
}

/** Where the value that begins at `start` ends; the end of the text where it never does. */
export function valueEnd(text: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = stringEnd(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (code === openBrace || code === openBracket) depth++;
    else if (code === closeBrace || code === closeBracket) {
      // Below zero: the end of what a bare number or word stands in.
      if (depth === 0) return at;
      depth--;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (code === comma || isSpace(code))) return at;
    at++;
  }
  return text.length;
}

export function isObjectAt(text: string, at: number): boolean {
  return text.charCodeAt(at) === openBrace;
}

export function isArrayAt(text: string, at: number): boolean {
  return text.charCodeAt(at) === openBracket;
}

/** The elements of the array that begins at `start`. */
export function* elementsOf(text: string, start: number): Generator<Span> {
  let at = skipSpace(text, start + 1);
  while (at < text.length && text.charCodeAt(at) !== closeBracket) {
    const end = valueEnd(text, at);
    yield { start: at, end };
    at = skipSpace(text, end);
    if (text.charCodeAt(at) === comma) at = skipSpace(text, at + 1);
  }
}

/** The members of the object that begins at `start`, in the order of the text. */
export function* membersOf(text: string, start: number): Generator<Span & { key: string }> {
  let at = skipSpace(text, start + 1);
  while (at < text.length && text.charCodeAt(at) !== closeBrace) {
    const keyEnd = stringEnd(text, at);
    const key = JSON.parse(text.slice(at, keyEnd)) as string;
    const valueAt = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = valueEnd(text, valueAt);
    yield { key, start: valueAt, end };
    at = skipSpace(text, end);
    if (text.charCodeAt(at) === comma) at = skipSpace(text, at + 1);
  }
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const candidatesMax = 32;

/**
 * The JSON values of a text: the text itself, or each of its lines, or the longest value that stands in it. `isList`
 * says that the values are to be read as the elements of one array. Null where there is none.
 */
export function findJson(text: string): { isList: boolean; spans: readonly Span[] } | null {
  if (isJson(text)) return { isList: false, spans: [{ start: skipSpace(text, 0), end: text.trimEnd().length }] };
  const lines = jsonLines(text);
  if (lines) return { isList: true, spans: lines };
  let best: Span | null = null;
  let budget = text.length * 4;
  let at = nextOpening(text, 0);
  for (let tries = 0; at !== -1 && tries < candidatesMax && budget > 0; tries++) {
    const end = valueEnd(text, at);
    budget -= end - at;
    const isFound = isJson(text.slice(at, end));
    if (isFound && (!best || end - at > best.end - best.start)) best = { start: at, end };
    at = nextOpening(text, isFound ? end : at + 1);
  }
  return best && { isList: false, spans: [best] };
}

function nextOpening(text: string, from: number): number {
  const brace = text.indexOf("{", from);
  const bracket = text.indexOf("[", from);
  return brace === -1 || bracket === -1 ? Math.max(brace, bracket) : Math.min(brace, bracket);
}

function jsonLines(text: string): Span[] | null {
  const spans: Span[] = [];
  for (let at = 0; at < text.length; ) {
    const newline = text.indexOf("\n", at);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(at, end);
    if (line.trim() !== "") {
      if (!/^\s*[[{]/.test(line) || !isJson(line)) return null;
      spans.push({ start: skipSpace(text, at), end: at + line.trimEnd().length });
    }
    at = end + 1;
  }
  return spans.length > 1 ? spans : null;
}
