// Owns how a text is counted: its lines, or the rows, hunks or messages it was kept with.

import type { StashIndex } from "../strategy";
import { elementsOf, isArrayAt, isJson, type Span, skipSpace } from "./json-spans";

/** Parts of a text that follow one another; offsets are UTF-16 units, ends exclusive. */
export interface Units {
  name: "line" | "row" | "result";
  starts: ArrayLike<number>;
  ends: ArrayLike<number>;
}

/** A line has its line end with it; what follows the last one is a line unless it is empty. */
export function linesOf(text: string): Units {
  let count = 0;
  for (let at = 0; at !== -1 && at < text.length; at = afterNewline(text, at)) count++;
  const starts = new Uint32Array(count);
  const ends = new Uint32Array(count);
  let at = 0;
  for (let line = 0; line < count; line++) {
    starts[line] = at;
    at = afterNewline(text, at);
    ends[line] = at === -1 ? text.length : at;
  }
  return { name: "line", starts, ends };
}

/** -1 where no line begins any more. */
function afterNewline(text: string, from: number): number {
  const newline = text.indexOf("\n", from);
  return newline === -1 ? -1 : newline + 1;
}

/** Rows as the text was kept with them; else the elements of a JSON array; else null. */
export function rowsOf(text: string, index: StashIndex | null): Units | null {
  if (index && index.unit !== "line" && index.unit !== "symbol") return unitsOfIndex(index, text.length);
  const start = skipSpace(text, 0);
  if (!isArrayAt(text, start) || !isJson(text)) return null;
  return unitsOfSpans("row", [...elementsOf(text, start)]);
}

export function unitsOfSpans(name: Units["name"], spans: readonly Span[]): Units {
  return {
    name,
    starts: Uint32Array.from(spans, ({ start }) => start),
    ends: Uint32Array.from(spans, ({ end }) => end),
  };
}

/** The unit of a symbol the text was kept with. */
export function spanOfSymbol(text: string, index: StashIndex | null, symbol: string): Span | null {
  const symbols = index?.symbols ?? {};
  const unit = Object.hasOwn(symbols, symbol) ? symbols[symbol] : undefined;
  if (!index || unit === undefined) return null;
  const { starts, ends } = unitsOfIndex(index, text.length);
  return { start: starts[unit] ?? 0, end: ends[unit] ?? 0 };
}

function unitsOfIndex({ starts }: StashIndex, length: number): Units {
  return { name: "row", starts, ends: [...starts.slice(1), length] };
}

/** From 1, both ends included: the units that a part of the text touches. Null where it touches none. */
export function countedIn(units: Units, { start, end }: Span): [first: number, last: number] | null {
  const first = firstEndingAfter(units, start);
  let last = first;
  while (last < units.starts.length && (units.starts[last] ?? end) < end) last++;
  return last > first ? [first + 1, last] : null;
}

/** Position of the first unit that ends after `at`. */
export function firstEndingAfter({ ends }: Units, at: number): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ends[middle] ?? 0) > at) high = middle;
    else low = middle + 1;
  }
  return low;
}
