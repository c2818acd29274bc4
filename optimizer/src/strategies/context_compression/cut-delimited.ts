// Owns cutting tables of delimited values: the header and the rows that stand out stay, byte for byte. What is no
// regular table, or has values over several lines, is none of its business.

import { elisionMarker } from "../../markers";
import { toNumber } from "./columns";
import { type Cut, countGone } from "./elide";
import { rangesOf } from "./json-document";
import { selectRows } from "./select-rows";

const delimiters = [",", "\t", ";", "|"];
const rowsMin = 8;

/** The table with ordinary rows left out; null where none is, or where it is no table. */
export function cutDelimited(text: string, cut: Cut): string | null {
  const lines = text.split("\n");
  while (lines.at(-1)?.trim() === "") lines.pop();
  const [header = "", ...rows] = lines;
  if (rows.length < rowsMin) return null;
  const delimiter = delimiterOf(header);
  const names = delimiter === null ? null : cellsOf(header, delimiter);
  if (delimiter === null || names === null) return null;
  const values: Record<string, unknown>[] = [];
  for (const [index, row] of rows.entries()) {
    if (index % 512 === 0) cut.check();
    const cells = cellsOf(row, delimiter);
    if (cells?.length !== names.length) return null;
    values.push(Object.fromEntries(names.map((name, at) => [name, valueIn(cells[at] as string)])));
  }
  const selected = selectRows(rows, values, cut.question, cut.limits, cut.check);
  if (!selected) return null;
  const { kept, digest, facts } = selected;
  const gone = rows.length - kept.length;
  countGone(cut, "row", gone);
  const marker = elisionMarker({ gone: `${gone} of ${rows.length} rows`, facts, handle: cut.handle() });
  const said = [`[all ${rows.length} rows: ${digest.join(" | ")}]`, `[rows shown, counted from 0: ${rangesOf(kept)}]`];
  return [marker, ...said, header, ...kept.map((row) => rows[row] as string)].join("\n");
}

/** The one that the header has most of. */
function delimiterOf(header: string): string | null {
  let best: string | null = null;
  let most = 1;
  for (const delimiter of delimiters) {
    const count = header.split(delimiter).length;
    if (count > most) {
      most = count;
      best = delimiter;
    }
  }
  return best;
}

/** Null where a quote does not close on the line. */
function cellsOf(line: string, delimiter: string): string[] | null {
  const end = line.endsWith("\r") ? line.length - 1 : line.length;
  const cells: string[] = [];
  for (let at = 0; at <= end; ) {
    if (line[at] === '"' && at < end) {
      const close = closingQuote(line, at + 1, end);
      if (close < 0 || (close + 1 < end && line[close + 1] !== delimiter)) return null;
      cells.push(line.slice(at + 1, close).replaceAll('""', '"'));
      at = close + 2;
      if (close + 1 === end) return cells;
      continue;
    }
    const found = line.indexOf(delimiter, at);
    const stop = found < 0 || found > end ? end : found;
    cells.push(line.slice(at, stop));
    at = stop + 1;
  }
  return cells;
}

function closingQuote(line: string, from: number, end: number): number {
  for (let at = line.indexOf('"', from); at >= 0 && at < end; at = line.indexOf('"', at + 2)) {
    if (line[at + 1] !== '"' || at + 1 >= end) return at;
  }
  return -1;
}

/** An empty cell holds nothing. */
function valueIn(cell: string): unknown {
  const text = cell.trim();
  return text === "" ? null : (toNumber(text) ?? text);
}
