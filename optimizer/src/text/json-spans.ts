// Owns where JSON stands in a text: the whole of it, every line of it, or values inside it. What it names has parsed.

/** UTF-16 units, end exclusive. */
interface Range {
  start: number;
  end: number;
}

/** Whether the whole text is one object or array. */
export function isJson(text: string): boolean {
  const trimmed = text.trim();
  const [first, last] = [trimmed.charAt(0), trimmed.charAt(trimmed.length - 1)];
  if (!((first === "{" && last === "}") || (first === "[" && last === "]"))) return false;
  return parses(trimmed);
}

const ndjsonLinesMin = 5;
const ndjsonShare = 0.9;

/** Whether nearly every line is an object or array of its own. `lines` whole, not cut; blank ones do not count. */
export function isNdjson(lines: readonly string[]): boolean {
  const held = lines.filter((line) => line.trim() !== "");
  if (held.length < ndjsonLinesMin) return false;
  const most = held.length * (1 - ndjsonShare);
  if (held.filter((line) => !/^\s{0,8}[{[]/.test(line)).length > most) return false;
  return held.filter((line) => !isJson(line)).length <= most;
}

const valueCharsMin = 1_000;
/** A text that opens many brackets and closes none is not read again for each. */
const startsMax = 40;
const readShareMax = 4;

/** Objects and arrays of at least 1,000 characters inside a text, in order, none inside another. */
export function embeddedJson(text: string): Range[] {
  const spans: Range[] = [];
  let left = readShareMax * text.length;
  let starts = 0;
  let at = nextStart(text, 0);
  while (at >= 0 && starts < startsMax && left > 0 && text.length - at >= valueCharsMin) {
    const end = balancedEnd(text, at);
    left -= (end < 0 ? text.length : end) - at;
    if (end - at >= valueCharsMin) {
      starts++;
      if (parses(text.slice(at, end))) {
        spans.push({ start: at, end });
        at = nextStart(text, end);
        continue;
      }
    } else if (end < 0) starts++;
    // A short value holds no long one.
    at = nextStart(text, end > 0 && end - at < valueCharsMin ? end : at + 1);
  }
  return spans;
}

/** Where a value may begin: a bracket and then what a value may begin with. Code and prose mostly go on otherwise. */
const opening = /[{](?=\s{0,60}["}])|[[](?=\s{0,60}["{[\]\d\-tfn])/g;

function nextStart(text: string, from: number): number {
  opening.lastIndex = from;
  return opening.exec(text)?.index ?? -1;
}

/** Behind the bracket that closes the one at `start`; -1 where none does. Brackets in strings do not count. */
function balancedEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 34) {
      at = stringEnd(text, at + 1);
      if (at < 0) return -1;
    } else if (code === 123 || code === 91) depth++;
    else if (code === 125 || code === 93) {
      depth--;
      if (depth === 0) return at + 1;
    }
  }
  return -1;
}

/** Index of the closing quote; -1 where a line ends before: no string of JSON goes over lines. */
function stringEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 92) at++;
    else if (code === 34) return at;
    else if (code === 10) return -1;
  }
  return -1;
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
