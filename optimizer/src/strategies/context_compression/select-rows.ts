// Owns which rows of a collection stay: what stands out, what the question asks for, the ends, a few ordinary ones for
// comparison; and the digest of all the rows. It reads rows; it writes nothing.

import { createIndex } from "../../text/bm25";
import { floorOf } from "../../text/floor";
import { columnDigest } from "../../text/outliers";
import type { Question } from "../../text/question";
import { type Column, flattenRows, numbersOf, toNumber } from "./columns";
import { markRows } from "./criteria";
import { standOutFacts } from "./elide";
import { type Predicate, predicatesOf } from "./predicates";

export interface RowLimits {
  outlierK: number;
  rareFrac: number;
  /** Most rows kept for the question or for comparison; what stands out is beyond it. */
  maxArrayItems: number;
  maxQueryRows: number;
}

export interface SelectedRows {
  /** Ascending. */
  kept: number[];
  /** One line per column, over all rows. */
  digest: string[];
  /** Of the rows that are gone. */
  facts: string;
}

const fillersMax = 3;
const digestLinesMax = 24;
const scoreMin = 0.5;
/** A selection that keeps more than this is no selection. */
const keptShareMax = 0.7;

/** `texts` are the rows as JSON; `values` what they hold. Null: hardly anything could be left out. */
export function selectRows(
  texts: readonly string[],
  values: readonly unknown[],
  question: Question,
  limits: RowLimits,
  check: () => void,
): SelectedRows | null {
  const columns = flattenRows(values, check);
  const isSeries = columns.length === 1 && columns[0]?.name === "value";
  const { keep, measures } = markRows(texts.length, columns, limits, createNamed(question), check);
  check();
  const floor = floorOf(texts, question, { isJsonRows: true });
  for (let row = 0; row < keep.length; row += 1) if (floor.keep[row]) keep[row] = 1;
  const edges = isSeries ? 5 : 2;
  for (let row = 0; row < edges && row < keep.length; row += 1) keep[row] = 1;
  for (let row = 1; row <= (isSeries ? 5 : 1); row += 1) keep[keep.length - row] = 1;
  const predicates = predicatesOf(question, measures);
  check();
  for (const row of asked(texts, question, predicates, limits)) keep[row] = 1;
  const kept: number[] = [];
  for (let row = 0; row < keep.length; row += 1) if (keep[row]) kept.push(row);
  if (kept.length > keptShareMax * texts.length) return null;
  return { kept, digest: digestOf(columns, predicates), facts: standOutFacts(floor.reasons) };
}

/** Fillers first, then the question's rows from the best down: a higher limit keeps all that a lower one kept. */
function asked(
  texts: readonly string[],
  question: Question,
  predicates: readonly Predicate[],
  { maxArrayItems, maxQueryRows }: RowLimits,
): number[] {
  const fillers = [1, 2, 3].slice(0, Math.min(fillersMax, maxArrayItems));
  const rows = fillers.map((part) => Math.floor((part * texts.length) / (fillersMax + 1)));
  const wanted = new Set<number>();
  for (const predicate of predicates) for (const row of predicate.rows) wanted.add(row);
  if (!question.isEmpty) {
    const scores = createIndex(texts).score(question);
    const ranked = [...scores.keys()].filter((row) => (scores[row] as number) >= scoreMin);
    ranked.sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
    for (const row of ranked.slice(0, maxQueryRows)) wanted.add(row);
  }
  const room = Math.min(maxQueryRows, Math.max(0, maxArrayItems - rows.length));
  return [...rows, ...[...wanted].slice(0, room)];
}

function digestOf(columns: readonly Column[], predicates: readonly Predicate[]): string[] {
  const lines = columns.slice(0, digestLinesMax).map((column) => {
    const isNumeric = numbersOf(column) !== null;
    return columnDigest(
      column.name,
      isNumeric ? column.values.map((value) => toNumber(value) ?? value) : column.values,
    );
  });
  if (columns.length > digestLinesMax) lines.push(`${columns.length - digestLinesMax} more columns`);
  for (const { column, words, rows } of predicates) lines.push(`${column} ${words}: ${rows.length} rows`);
  return lines;
}

/** Whether the question names a value: among its literals, or as words of its own. */
function createNamed(question: Question): (value: string) => boolean {
  const literals = new Set(question.literals);
  const text = ` ${spaced(question.text)} `;
  return (value) => {
    if (value.length < 2 || value.length > 80) return false;
    if (literals.has(value)) return true;
    const words = spaced(value).trim();
    return words.length > 1 && text.includes(` ${words} `);
  };
}

/** Lower case, each run of anything but letters and digits one space. */
function spaced(text: string): string {
  return text
    .slice(0, 8_000)
    .toLowerCase()
    .replace(/[^a-z0-9\u0080-\uffff]+/g, " ");
}
