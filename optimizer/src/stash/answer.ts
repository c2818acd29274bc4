// Owns the answer to a question about an original: the part asked for, what it covers, and how to ask for the rest.
// Everything shown is a slice of the original; only what a search found is numbered.

import { AnyrayError } from "@anyray/shared/errors";
import { compilePattern, search } from "./grep";
import { findByPath } from "./json-path";
import type { Span } from "./json-spans";
import { maxCharsDefault, type Range, type RetrieveQuery } from "./query";
import type { StashRecord } from "./record";
import { countedIn, firstEndingAfter, linesOf, rowsOf, spanOfSymbol, type Units, unitsOfSpans } from "./units";

export interface RetrieveAnswer {
  handle: string;
  content: string;
  /** Of the whole original. */
  totalChars: number;
  /** What `content` shows lines of, from 1, both ends included; with how many there are. */
  lines?: Range;
  totalLines?: number;
  /** The same in rows, where they were asked for or searched. */
  rows?: Range;
  totalRows?: number;
  /** Values found by `jsonPath`, or units shown that match `grep`. */
  matches?: number;
  truncated: boolean;
  /** With the handle, the question that goes on where this answer ends. */
  next?: Partial<RetrieveQuery>;
}

/** What is asked for: a text, and the part of it that counts. */
interface Part extends Span {
  text: string;
  lines: Units | null;
  rows: Units | null;
  /** Values that `jsonPath` found. */
  found?: number;
}

const searchMs = 200;
/** One line with a whole array in it: its rows are worth more than its line number. */
const lineCharsWide = 2_000;
const contextLines = 2;

/**
 * @throws AnyrayError `invalid_request` for a part that the original does not have
 */
export function answerQuery(
  query: RetrieveQuery,
  record: StashRecord,
  clock = () => performance.now(),
): RetrieveAnswer {
  const part = partOf(query, record);
  return query.grep === undefined ? windowOf(query, record, part) : searched(query, query.grep, record, part, clock);
}

function partOf({ lines, rows, jsonPath, symbol }: RetrieveQuery, { content, index }: StashRecord): Part {
  const units = linesOf(content);
  const whole = { text: content, lines: units, rows: null, start: 0, end: content.length };
  if (lines) return { ...whole, ...spanOfRange(units, "lines", lines) };
  if (rows) {
    const counted = rowsOf(content, index) ?? { ...units, name: "row" };
    return { ...whole, rows: counted, ...spanOfRange(counted, "rows", rows) };
  }
  if (symbol !== undefined) {
    const span = spanOfSymbol(content, index, symbol);
    if (!span) throw noSuch("symbol", `none of that name; ${Object.keys(index?.symbols ?? {}).length} are known`);
    return { ...whole, ...span };
  }
  if (jsonPath === undefined) return whole;
  const spans = findByPath(content, jsonPath);
  if (!spans) throw noSuch("jsonPath", "this original holds no JSON");
  const [only, ...more] = spans;
  if (only && more.length === 0) return { ...whole, ...only, found: 1 };
  return partOfResults(content, spans);
}

/** Several values, one under the other. */
function partOfResults(content: string, spans: readonly Span[]): Part {
  const values = spans.map(({ start, end }) => content.slice(start, end));
  let at = 0;
  const places = values.map((value) => {
    const start = at;
    at += value.length + 1;
    return { start, end: start + value.length };
  });
  const text = values.join("\n");
  return { text, lines: null, rows: unitsOfSpans("result", places), start: 0, end: text.length, found: spans.length };
}

function spanOfRange({ starts, ends }: Units, name: string, [first, last]: Range): Span {
  if (first > starts.length) throw noSuch(name, `this original has ${starts.length}`);
  return { start: starts[first - 1] ?? 0, end: ends[Math.min(last, ends.length) - 1] ?? 0 };
}

function noSuch(field: string, why: string): AnyrayError {
  return new AnyrayError("invalid_request", `${field}: ${why}`);
}

function windowOf(query: RetrieveQuery, { content }: StashRecord, part: Part): RetrieveAnswer {
  const start = Math.min(part.end, part.start + query.offset);
  const end = cutAt(part.text, start, part.end, query.maxChars);
  return {
    handle: query.handle,
    content: part.text.slice(start, end),
    totalChars: content.length,
    ...covered(part, { start, end }),
    ...(part.found === undefined ? {} : { matches: part.found }),
    ...goingOn(query, end < part.end ? end - part.start : null),
  };
}

/** Where an answer ends: at the end of a line where that is not too early, never within a character. */
function cutAt(text: string, start: number, end: number, charsMax: number): number {
  if (end - start <= charsMax) return end;
  const latest = start + charsMax;
  const lineEnd = text.lastIndexOf("\n", latest - 1) + 1;
  if (lineEnd > start + charsMax / 2) return lineEnd;
  const code = text.charCodeAt(latest);
  const before = text.charCodeAt(latest - 1);
  const isWithinPair = code >= 0xdc00 && code <= 0xdfff && before >= 0xd800 && before <= 0xdbff;
  return isWithinPair && charsMax > 1 ? latest - 1 : latest;
}

function covered({ lines, rows }: Part, span: Span) {
  const linesShown = lines && countedIn(lines, span);
  const rowsShown = rows?.name === "row" ? countedIn(rows, span) : null;
  return {
    ...(linesShown ? { lines: linesShown, totalLines: lines.starts.length } : {}),
    ...(rowsShown ? { rows: rowsShown, totalRows: rows?.starts.length ?? 0 } : {}),
  };
}

function goingOn({ handle: _, offset: __, maxChars, ...asked }: RetrieveQuery, offset: number | null) {
  if (offset === null) return { truncated: false };
  return { truncated: true, next: { ...asked, offset, ...(maxChars === maxCharsDefault ? {} : { maxChars }) } };
}

function searched(
  query: RetrieveQuery,
  pattern: string,
  { content, index }: StashRecord,
  part: Part,
  clock: () => number,
): RetrieveAnswer {
  const compiled = compilePattern(pattern);
  if (!compiled) throw noSuch("grep", "the pattern is too large");
  const units = unitsToSearch(part, index);
  const start = Math.min(part.end, part.start + query.offset);
  const from = start < part.end ? firstEndingAfter(units, start) : units.starts.length;
  let to = from;
  while (to < units.starts.length && (units.starts[to] ?? part.end) < part.end) to++;
  const endsAt = clock() + searchMs;
  const finding = search(compiled, {
    text: part.text,
    units,
    from,
    to,
    context: units.name === "line" ? contextLines : 0,
    charsMax: query.maxChars,
    isOver: () => clock() > endsAt,
  });
  const next = finding.next === null ? null : Math.max(start + 1, units.starts[finding.next] ?? 0) - part.start;
  const going = goingOn(query, next);
  const cut = cutAt(finding.content, 0, finding.content.length, query.maxChars);
  const isCut = finding.isCut || cut < finding.content.length;
  return {
    handle: query.handle,
    content: finding.content.slice(0, cut),
    totalChars: content.length,
    ...(units.name === "line" ? { totalLines: units.starts.length } : {}),
    ...(units.name === "row" ? { totalRows: units.starts.length } : {}),
    matches: finding.matches,
    ...going,
    truncated: going.truncated || isCut,
  };
}

function unitsToSearch({ text, lines, rows }: Part, index: StashRecord["index"]): Units {
  if (rows) return rows;
  const counted = lines ?? linesOf(text);
  const isWide = text.length > counted.starts.length * lineCharsWide;
  return (isWide ? rowsOf(text, index) : null) ?? counted;
}
