// Owns the table of contents of a large text: what it is made of, in a few lines, so that the model knows what to ask
// for. What it shows of the text it shows verbatim.

import type { StashIndex } from "../../strategy";
import { grouped, lineStarts, linesOf } from "../../text/lines";
import { columnDigest } from "../../text/outliers";

export interface Contents {
  /** For the marker: "json object of 12 keys", "3,000 rows", "10,234 lines". */
  what: string;
  /** Lines, at most as many characters as were asked for. */
  toc: readonly string[];
  index: StashIndex;
}

/** Rows beyond this many are counted, not looked at. */
const rowsMax = 20_000;
const columnsMax = 40;
const endLines = 2;

export function contentsOf(text: string, charsMax: number): Contents {
  const lines = linesOf(text);
  const index: StashIndex = { starts: lineStarts(text), unit: "line" };
  const value = parse(text);
  if (Array.isArray(value)) {
    const what = `JSON array of ${grouped(value.length)} items`;
    return { what, toc: fit(rowDigest(value), charsMax), index };
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    return { what: `JSON object of ${grouped(entries.length)} keys`, toc: keyList(entries, charsMax), index };
  }
  const rows = parseRows(lines);
  if (rows) return { what: `${grouped(rows.length)} JSON rows`, toc: fit(rowDigest(rows), charsMax), index };
  return { what: `${grouped(lines.length)} lines`, toc: ends(lines, charsMax), index };
}

function parse(text: string): unknown {
  const first = text.trimStart().charAt(0);
  if (first !== "{" && first !== "[") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Null unless every line that is not blank is a JSON object. */
function parseRows(lines: readonly string[]): unknown[] | null {
  if (lines.length < 3 || !lines[0]?.startsWith("{")) return null;
  try {
    const rows = lines.filter((line) => line.trim() !== "").map((line): unknown => JSON.parse(line));
    return rows.every((row) => typeof row === "object" && row !== null) ? rows : null;
  } catch {
    return null;
  }
}

/** One line for each column. */
function rowDigest(rows: readonly unknown[]): string[] {
  const columns = new Map<string, unknown[]>();
  for (const [at, row] of rows.slice(0, rowsMax).entries()) {
    if (typeof row !== "object" || row === null || Array.isArray(row)) continue;
    for (const [name, value] of Object.entries(row)) {
      if (!columns.has(name) && columns.size >= columnsMax) continue;
      const values = columns.get(name) ?? [];
      while (values.length < at) values.push(undefined);
      values.push(typeof value === "object" && value !== null ? kindOf(value) : value);
      columns.set(name, values);
    }
  }
  return [...columns].map(([name, values]) => columnDigest(name, values));
}

/** "name string, packages {412}, items [1,000]", cut behind a whole entry. */
function keyList(entries: readonly (readonly [string, unknown])[], charsMax: number): string[] {
  let list = "keys:";
  for (const [at, [name, value]] of entries.entries()) {
    const next = `${at === 0 ? "" : ","} ${name} ${kindOf(value)}`;
    const rest = `, and ${grouped(entries.length - at)} more`;
    if (list.length + next.length + rest.length > charsMax) return [at === 0 ? "" : list + rest].filter(Boolean);
    list += next;
  }
  return [list];
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return `[${grouped(value.length)}]`;
  if (typeof value === "object" && value !== null) return `{${grouped(Object.keys(value).length)}}`;
  return value === null ? "null" : typeof value;
}

/** First and last lines, with what stands between them counted. */
function ends(lines: readonly string[], charsMax: number): string[] {
  const each = Math.floor(charsMax / (2 * endLines + 1));
  const show = (part: readonly string[]) => part.filter((line) => line.trim() !== "" && line.length <= each);
  const head = show(lines.slice(0, endLines));
  const tail = show(lines.slice(Math.max(endLines, lines.length - endLines)));
  const between = lines.length - head.length - tail.length;
  return [...head, `(${grouped(between)} lines between)`, ...tail];
}

function fit(lines: readonly string[], charsMax: number): string[] {
  const shown: string[] = [];
  let chars = 0;
  for (const line of lines) {
    chars += line.length + 1;
    if (chars > charsMax) break;
    shown.push(line);
  }
  return shown;
}
