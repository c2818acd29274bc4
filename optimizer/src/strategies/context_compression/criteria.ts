// Owns which rows stand out from their neighbours, by criteria that need no question: outliers, rare values, unusual
// fields, types and shapes, sudden changes. Each criterion that meets too many rows keeps exemplars instead.

import { shapeOf } from "../../text/line-shapes";
import { extremes, isIdLike, numericOutliers, rareCategories } from "../../text/outliers";
import { type Column, categoriesOf, type Numbers, numbersOf } from "./columns";

export interface Limits {
  /** Robust deviations from the median that make a number stand out. */
  outlierK: number;
  /** A value is rare up to this share of the rows. */
  rareFrac: number;
}

export interface Marked {
  keep: Uint8Array;
  /** Columns of numbers that measure something. */
  measures: (Column & { numbers: Numbers })[];
}

/** A criterion that meets more than this share of the rows tells nothing apart. */
const selectiveShare = 0.35;
const unusualShare = 0.05;

/** `isNamed` says whether the question names a value: then its rows count, and other rare values of the column do not. */
export function markRows(
  rowCount: number,
  columns: readonly Column[],
  limits: Limits,
  isNamed: (value: string) => boolean,
  check: () => void,
): Marked {
  const keep = new Uint8Array(rowCount);
  const measures: Marked["measures"] = [];
  const mark = (rows: readonly number[]) => {
    for (const row of selective(rows, rowCount)) keep[row] = 1;
  };
  for (const column of columns) {
    check();
    for (const rows of unusualFields(column, rowCount)) mark(rows);
    const numbers = numbersOf(column);
    if (numbers) {
      if (numbers.others.length <= unusualMax(rowCount)) mark(numbers.others);
      if (isIdLike(column.name, numbers.values)) continue;
      measures.push({ ...column, numbers });
      for (const rows of unusualNumbers(numbers, limits.outlierK)) mark(rows);
    }
    if (!numbers || new Set(numbers.values).size <= 50) {
      for (const rows of unusualValues(column, limits.rareFrac, isNamed)) mark(rows);
    }
  }
  return { keep, measures };
}

function unusualMax(rowCount: number): number {
  return Math.max(1, Math.floor(unusualShare * rowCount));
}

/** Rows themselves while they are few; else the first, the last and some between. */
function selective(rows: readonly number[], rowCount: number): readonly number[] {
  if (rows.length <= Math.max(3, selectiveShare * rowCount)) return rows;
  const at = [0, 1 / 4, 2 / 4, 3 / 4, 1].map((share) => Math.floor(share * (rows.length - 1)));
  return [...new Set(at)].map((index) => rows[index] as number);
}

/** Rows with a field that hardly any has, rows without one that nearly all have, rows with a value of another type. */
function* unusualFields({ values, present }: Column, rowCount: number): Generator<number[]> {
  const max = unusualMax(rowCount);
  const rowsWhere = (test: (value: unknown) => boolean) => values.flatMap((value, row) => (test(value) ? [row] : []));
  if (present <= max) yield rowsWhere((value) => value !== undefined);
  if (rowCount - present <= max) yield rowsWhere((value) => value === undefined);
  const types = new Map<string, number>();
  for (const value of values) {
    if (value === undefined) continue;
    const type = value === null ? "null" : typeof value;
    types.set(type, (types.get(type) ?? 0) + 1);
  }
  if (types.size < 2) return;
  for (const [type, count] of types) {
    if (count <= max)
      yield rowsWhere((value) => value !== undefined && (value === null ? "null" : typeof value) === type);
  }
}

function* unusualNumbers({ rows, values }: Numbers, k: number): Generator<number[]> {
  const rowAt = (at: number) => rows[at] as number;
  yield numericOutliers(values, k).map(rowAt);
  yield extremes(values).map(rowAt);
  yield changePoints(values).map(rowAt);
}

const changesMax = 5;
const changeRatio = 4;
const seriesMin = 40;

/** Where the level of a series jumps: the last value before and the first after. Measured against the noise between
 * neighbours, for the jump itself widens every other spread. */
export function changePoints(values: Float64Array): number[] {
  if (values.length < seriesMin) return [];
  const width = Math.max(5, Math.floor(values.length / 50));
  const steps = Float64Array.from(values.subarray(1), (value, at) => Math.abs(value - (values[at] as number))).sort();
  const spread = (1.4826 * (steps[steps.length >> 1] as number)) / Math.SQRT2;
  if (!(spread > 0)) return [];
  const sums = new Float64Array(values.length + 1);
  for (let at = 0; at < values.length; at += 1) sums[at + 1] = (sums[at] as number) + middleAt(values, at);
  const jumps: { at: number; size: number }[] = [];
  for (let at = width; at + width <= values.length; at += 1) {
    const before = (sums[at] as number) - (sums[at - width] as number);
    const after = (sums[at + width] as number) - (sums[at] as number);
    const size = Math.abs(after - before) / width;
    if (size > changeRatio * spread) jumps.push({ at, size });
  }
  jumps.sort((a, b) => b.size - a.size || a.at - b.at);
  const taken: number[] = [];
  for (const { at } of jumps) {
    if (taken.length >= changesMax) break;
    if (taken.every((other) => Math.abs(other - at) > width)) taken.push(at);
  }
  return taken.sort((a, b) => a - b).flatMap((at) => [at - 1, at]);
}

/** The middle of a value and its neighbours: a single value far off is no change of level. */
function middleAt(values: Float64Array, at: number): number {
  const value = values[at] as number;
  const before = values[at - 1] ?? value;
  const after = values[at + 1] ?? value;
  return Math.max(Math.min(before, value), Math.min(Math.max(before, value), after));
}

function* unusualValues(column: Column, rareFrac: number, isNamed: (value: string) => boolean): Generator<number[]> {
  const values = categoriesOf(column);
  const rowsOf = new Map<string, number[]>();
  for (const [row, value] of values.entries()) {
    if (value === null) continue;
    const rows = rowsOf.get(value);
    if (rows) rows.push(row);
    else rowsOf.set(value, [row]);
  }
  const most = Math.max(2, rareFrac * values.length);
  const named = rowsOf.size <= namedValuesMax ? [...rowsOf.keys()].filter(isNamed) : [];
  // A value that the question names only counts where it tells rows apart.
  for (const value of named) yield rowsOf.get(value) as number[];
  const rare = rareCategories(values);
  for (const value of rare) {
    const rows = rowsOf.get(value) ?? [];
    if (rows.length <= most && (named.length === 0 || rows.length <= 1)) yield rows;
  }
  if (rowsOf.size > 50 || rowsOf.size * 2 > values.length) yield rareShapes(rowsOf, values.length);
}

const namedValuesMax = 400;

/** Texts of a shape of their own among texts that are mostly alike. */
function rareShapes(rowsOf: ReadonlyMap<string, number[]>, rowCount: number): number[] {
  const shapes = new Map<string, number[]>();
  for (const [value, rows] of rowsOf) {
    const shape = shapeOf(value.length > 400 ? value.slice(0, 400) : value);
    const known = shapes.get(shape);
    if (known) known.push(...rows);
    else shapes.set(shape, [...rows]);
  }
  if (shapes.size > 0.3 * rowCount) return [];
  const most = Math.max(1, 0.004 * rowCount);
  return [...shapes.values()].filter((rows) => rows.length <= most).flat();
}
