// Owns the safety floor: which units of a text stay, whatever the question is. Every criterion may only add; one that
// takes in too much to tell anything apart is replaced by examples and counts.

import { createFinder } from "./literals";
import { numericColumns } from "./numeric-pairs";
import { extremes, isIdLike, numericOutliers } from "./outliers";
import type { Question } from "./question";
import { isCause, isFrame, isSevere, isSummary, isWarning } from "./severity";
import { groupByShape, type ShapeGroups } from "./shape-groups";

/**
 * - edge: the first and the last unit
 * - severe: failures; frame: what of a stack trace stands by one
 * - summary: totals, exit codes
 * - literal: the question's own numbers, ids, paths, where they are rare
 * - rare_shape: lines like few others
 * - outlier: numbers far off; extreme: the least and the greatest
 * - warning: the first and the last of each kind
 */
export type FloorReason =
  | "edge"
  | "severe"
  | "frame"
  | "summary"
  | "literal"
  | "rare_shape"
  | "outlier"
  | "extreme"
  | "warning";

/** What one criterion found and kept. Content-free. */
export interface FloorTally {
  reason: FloorReason;
  /** Units that meet it. */
  found: number;
  /** Units kept for it. */
  kept: number;
  /** It met too many units to tell them apart: exemplars stand for them. */
  guarded: boolean;
  /** Where guarded: each exemplar, and how many units of its kind there are. */
  exemplars: readonly { unit: number; count: number }[];
}

export interface Floor {
  /** 1 for units that must stay. */
  keep: Uint8Array;
  /** Criteria that kept something, in the order of FloorReason. */
  reasons: readonly FloorTally[];
}

export interface FloorOptions {
  /** Keep units of rare shapes; default true. */
  shapes?: boolean;
  /** Units are rows of JSON: their columns are judged by who knows them, not by shapes and pairs. Default false. */
  isJsonRows?: boolean;
}

/** A criterion that selects more than this is not selective. */
const selectiveShare = 0.35;
const literalShare = 0.1;
const rareShare = 0.004;
/** Robust deviations: text states more columns than tables do, and means fewer of them. */
const outlierLimit = 8;
const columnValuesMin = 8;
const mostDifferent = 3;

export function floorOf(units: readonly string[], question: Question, options: FloorOptions = {}): Floor {
  const { shapes = true, isJsonRows = false } = options;
  const grouped = rememberGroups(units);
  const keep = new Uint8Array(units.length);
  const reasons: FloorTally[] = [];
  const add = (reason: FloorReason, found: readonly number[], isGuarded: boolean) => {
    if (found.length === 0) return;
    const guarded = isGuarded && found.length > selectiveShare * units.length;
    const exemplars = guarded ? exemplarsOf(found, grouped()) : [];
    const kept = guarded ? exemplars.map(({ unit }) => unit) : found;
    for (const unit of kept) keep[unit] = 1;
    reasons.push({ reason, found: found.length, kept: kept.length, guarded, exemplars });
  };
  add("edge", units.length > 1 ? [0, units.length - 1] : [...units.keys()], false);
  add("severe", placesOf(units, isSevere), true);
  add("frame", framesOf(units, keep), false);
  add("summary", placesOf(units, isSummary), true);
  add("literal", literalUnits(units, question), true);
  if (shapes && !isJsonRows) add("rare_shape", rareUnits(grouped()), true);
  if (!isJsonRows) {
    const { outliers, ends } = numericUnits(units);
    add("outlier", outliers, true);
    add("extreme", ends, true);
  }
  add("warning", warningUnits(units, grouped), true);
  return { keep, reasons };
}

/** Shapes cost more than all the rest: only looked at where something asks. */
function rememberGroups(units: readonly string[]): () => ShapeGroups {
  let groups: ShapeGroups | null = null;
  return () => {
    groups ??= groupByShape(units);
    return groups;
  };
}

function placesOf(units: readonly string[], meets: (unit: string) => boolean): number[] {
  const places: number[] = [];
  for (let unit = 0; unit < units.length; unit++) if (meets(units[unit] as string)) places.push(unit);
  return places;
}

/** The first, the last, and three of the kinds that are rarest among the rest; ascending. */
function exemplarsOf(found: readonly number[], { groupOf }: ShapeGroups): { unit: number; count: number }[] {
  const counts = new Map<number, number>();
  const firsts = new Map<number, number>();
  for (const unit of found) {
    const group = groupOf[unit] as number;
    counts.set(group, (counts.get(group) ?? 0) + 1);
    if (!firsts.has(group)) firsts.set(group, unit);
  }
  const ends = new Set([found[0] as number, found.at(-1) as number]);
  const shown = new Set([...ends].map((unit) => groupOf[unit] as number));
  const others = [...firsts].filter(([group]) => !shown.has(group));
  others.sort(([a, first], [b, other]) => (counts.get(a) ?? 0) - (counts.get(b) ?? 0) || first - other);
  const chosen = [...ends, ...others.slice(0, mostDifferent).map(([, unit]) => unit)].sort((a, b) => a - b);
  return chosen.map((unit) => ({ unit, count: counts.get(groupOf[unit] as number) ?? 0 }));
}

const framesFirst = 5;
const framesLast = 3;

/** Of each trace beside a unit that stays: the first five frames, the last three, and every cause. */
function framesOf(units: readonly string[], keep: Uint8Array): number[] {
  const frames: number[] = [];
  let isInTrace = false;
  for (let unit = 0; unit < units.length; unit++) {
    if (!isFrame(units[unit] as string)) {
      const isCausing = isCause(units[unit] as string);
      if (isCausing && isInTrace) frames.push(unit);
      isInTrace = keep[unit] === 1 || (isInTrace && (isCausing || units[unit]?.trim() === ""));
      continue;
    }
    const end = traceEnd(units, unit);
    isInTrace ||= isKeptBehind(units, keep, end);
    if (isInTrace) {
      const run = Array.from({ length: end - unit }, (_, at) => unit + at);
      frames.push(
        ...(run.length > framesFirst + framesLast ? [...run.slice(0, framesFirst), ...run.slice(-framesLast)] : run),
      );
    }
    unit = end - 1;
  }
  return frames;
}

/** Frames, and the source lines that Python and Ruby print under them. */
function traceEnd(units: readonly string[], start: number): number {
  let end = start + 1;
  for (; end < units.length; end++) {
    const line = units[end] as string;
    if (isFrame(line)) continue;
    const isSource = /^\s{4,}\S/.test(line) && isFrame(units[end - 1] as string) && !isCause(line);
    if (!isSource) break;
  }
  return end;
}

/** Python and Go say what happened at the end, or the other way round: a blank line may lie between. */
function isKeptBehind(units: readonly string[], keep: Uint8Array, end: number): boolean {
  const next = units[end]?.trim() === "" ? end + 1 : end;
  return keep[next] === 1 && next < units.length - 1;
}

function literalUnits(units: readonly string[], { literals }: Question): number[] {
  const finder = createFinder(literals);
  if (finder.count === 0) return [];
  const places: number[][] = literals.map(() => []);
  units.forEach((unit, index) => {
    for (const literal of finder.find(unit)) places[literal]?.push(index);
  });
  const most = Math.max(1, literalShare * units.length);
  const found = new Set(places.flatMap((some) => (some.length <= most ? some : [])));
  return [...found].sort((a, b) => a - b);
}

function rareUnits({ groupOf, counts }: ShapeGroups): number[] {
  const most = Math.max(1, rareShare * groupOf.length);
  const places: number[] = [];
  groupOf.forEach((group, unit) => {
    if ((counts[group] ?? 0) <= most) places.push(unit);
  });
  return places;
}

function numericUnits(units: readonly string[]): { outliers: number[]; ends: number[] } {
  const outliers = new Set<number>();
  const ends = new Set<number>();
  for (const column of numericColumns(units)) {
    if (column.values.length < columnValuesMin || isIdLike(column.name, column.values)) continue;
    for (const place of numericOutliers(column.values, outlierLimit)) outliers.add(column.units[place] as number);
    for (const place of extremes(column.values)) ends.add(column.units[place] as number);
  }
  const ascending = (places: Set<number>) => [...places].sort((a, b) => a - b);
  return { outliers: ascending(outliers), ends: ascending(ends) };
}

function warningUnits(units: readonly string[], grouped: () => ShapeGroups): number[] {
  const warnings = placesOf(units, isWarning);
  if (warnings.length === 0) return [];
  const { groupOf } = grouped();
  const ends = new Map<number, { first: number; last: number }>();
  for (const unit of warnings) {
    const group = groupOf[unit] as number;
    const known = ends.get(group);
    if (known) known.last = unit;
    else ends.set(group, { first: unit, last: unit });
  }
  const places = new Set([...ends.values()].flatMap(({ first, last }) => [first, last]));
  return [...places].sort((a, b) => a - b);
}
