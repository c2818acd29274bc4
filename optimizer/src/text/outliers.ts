// Owns what stands out in a column of values. Medians, not means: one spike must not hide itself.

const valuesMin = 8;
/** Makes a median absolute deviation, and a mean one, comparable with a standard deviation. */
const medianScale = 1.4826;
const meanScale = 1.2533;
const flaggedMin = 3;
const flaggedShare = 0.05;
const mostExtreme = 5;

type Numbers = Float64Array | readonly number[];

/**
 * Indexes of values further than `k` robust deviations from the median, ascending. Fewer than 8 numbers, a series that
 * only rises or falls, and consecutive numbers have none. Where more than 3 and 5 % are that far off, the 5 furthest.
 * What is not finite is left out.
 */
export function numericOutliers(values: Numbers, k: number): number[] {
  const places = finitePlaces(values);
  if (places.length < valuesMin) return [];
  const numbers = Float64Array.from(places, (place) => values[place] as number);
  if (isMonotone(numbers) || hasConstantStep(numbers)) return [];
  const middle = medianOf(numbers);
  const distances = numbers.map((value) => Math.abs(value - middle));
  const spread = spreadOf(distances);
  if (spread === 0) return [];
  const flagged = places.map((place, index) => ({ place, distance: distances[index] as number }));
  const far = flagged.filter(({ distance }) => distance / spread > k);
  if (far.length > Math.max(flaggedMin, flaggedShare * numbers.length)) {
    far.sort((a, b) => b.distance - a.distance || a.place - b.place);
    far.length = Math.min(far.length, mostExtreme);
  }
  return far.map(({ place }) => place).sort((a, b) => a - b);
}

function spreadOf(distances: Float64Array): number {
  const deviation = medianOf(distances);
  if (deviation > 0) return medianScale * deviation;
  return (meanScale * distances.reduce((sum, distance) => sum + distance, 0)) / distances.length;
}

/** Indexes of the least and of the greatest values, each where at most two tie for it; ascending. */
export function extremes(values: Numbers): number[] {
  const places = finitePlaces(values);
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const place of places) {
    least = Math.min(least, values[place] as number);
    most = Math.max(most, values[place] as number);
  }
  if (!(least < most)) return [];
  const lows = places.filter((place) => values[place] === least);
  const highs = places.filter((place) => values[place] === most);
  const kept = [...(lows.length <= 2 ? lows : []), ...(highs.length <= 2 ? highs : [])];
  return kept.sort((a, b) => a - b);
}

const categoriesMax = 50;
const frequentShare = 0.8;
const frequentMax = 5;
const rareCountMin = 2;

/**
 * Values that are rare in a column of categories: 2 to 50 different ones, at most half as many as rows, where at most 5
 * make up 80 %. Of the others those with at most 2 rows, or a tenth (`rareShare`) of them. Missing values do not count.
 */
export function rareCategories(values: readonly (string | null)[], rareShare = 0.1): Set<string> {
  const counts = new Map<string, number>();
  let total = 0;
  for (const value of values) {
    if (value === null) continue;
    total++;
    counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  if (counts.size < 2 || counts.size > categoriesMax || counts.size > total / 2) return new Set();
  const sorted = byCount(counts);
  let covered = 0;
  let frequent = 0;
  while (covered < frequentShare * total) covered += sorted[frequent++]?.count ?? total;
  if (frequent > frequentMax) return new Set();
  const most = Math.max(rareCountMin, rareShare * total);
  return new Set(sorted.slice(frequent).flatMap(({ value, count }) => (count <= most ? [value] : [])));
}

/** The most frequent first; equals in the order of their characters, never of a locale. */
export function byCount(counts: ReadonlyMap<string, number>): { value: string; count: number }[] {
  const sorted = [...counts].map(([value, count]) => ({ value, count }));
  return sorted.sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
}

const idNames = new Set("id ids uid gid pid guid uuid ts timestamp port trace span seq sequence hash".split(" "));
/** Seconds since 1970, as of 2001. */
const epochSecondsMin = 1e9;

/**
 * Whether numbers name things or moments rather than measure them: by the last word of the column's name, or because
 * they are consecutive. A "time" is a moment where its numbers are as large as moments are, else a duration.
 */
export function isIdLike(name: string, values: Numbers): boolean {
  const last = lastWord(name);
  if (idNames.has(last)) return true;
  const numbers = Float64Array.from(finitePlaces(values), (place) => values[place] as number);
  if (last === "time" || last === "at") return numbers.length > 0 && medianOf(numbers) >= epochSecondsMin;
  return hasConstantStep(numbers);
}

/** In small letters: "user_id" → "id", "traceID" → "id", "spanId" → "id". */
function lastWord(name: string): string {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").split(/[^A-Za-z0-9]+/);
  return (words.filter((word) => word !== "").at(-1) ?? "").toLowerCase();
}

/** The middle of numbers in any order, the mean of two in the middle; 0 for none. */
export function medianOf(values: Numbers): number {
  if (values.length === 0) return 0;
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

function finitePlaces(values: Numbers): number[] {
  const places: number[] = [];
  for (let place = 0; place < values.length; place++) if (Number.isFinite(values[place])) places.push(place);
  return places;
}

function isMonotone(values: Float64Array): boolean {
  let rises = true;
  let falls = true;
  for (let at = 1; at < values.length && (rises || falls); at++) {
    const [before, value] = [values[at - 1] as number, values[at] as number];
    if (value < before) rises = false;
    if (value > before) falls = false;
  }
  return rises || falls;
}

/** Whole numbers in any order, each further from the next by the same step. */
function hasConstantStep(numbers: Float64Array): boolean {
  if (numbers.length < 3) return false;
  const values = numbers.slice().sort();
  const step = (values[1] as number) - (values[0] as number);
  if (step === 0 || !Number.isInteger(step) || !Number.isInteger(values[0])) return false;
  for (let at = 2; at < values.length; at++)
    if ((values[at] as number) - (values[at - 1] as number) !== step) return false;
  return true;
}

const namedMax = 5;
const momentShare = 0.9;
const sumNames = new Set(
  "amount amounts count counts bytes size total price cost qty quantity tokens hits rows items".split(" "),
);
const moment = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;

/**
 * One line: what a column holds, for example "state: ok 290, failed 8, pending 2" or "size: 12..31, median 20".
 * Counts are exact. null and undefined are missing.
 */
export function columnDigest(name: string, values: readonly unknown[]): string {
  const held = values.filter((value) => value !== null && value !== undefined);
  const missing = values.length - held.length;
  const gaps = missing > 0 ? `, ${missing} missing` : "";
  const label = /^[^\s:]{1,60}$/.test(name) ? name : JSON.stringify(name);
  if (held.length === 0) return `${label}: all ${values.length} missing`;
  const digest =
    constantDigest(held) ?? numberDigest(name, held) ?? momentDigest(held) ?? categoryDigest(held) ?? otherDigest(held);
  return `${label}: ${digest}${gaps}`;
}

function constantDigest(values: readonly unknown[]): string | null {
  const first = spell(values[0]);
  if (first === null || values.some((value) => spell(value) !== first)) return null;
  return values.length === 1 ? `${first} (1)` : `${first} (all ${values.length})`;
}

function numberDigest(name: string, values: readonly unknown[]): string | null {
  const numbers = values.filter((value): value is number => typeof value === "number" && Number.isFinite(value));
  if (numbers.length < values.length) return null;
  const different = new Set(numbers).size;
  // Few values that come again and again, status codes for one, are told by their counts.
  if (different <= namedMax && different <= numbers.length / 2) return null;
  const least = numbers.reduce((low, value) => Math.min(low, value));
  const most = numbers.reduce((high, value) => Math.max(high, value));
  const range = `${spellNumber(least)}..${spellNumber(most)}`;
  if (isIdLike(name, numbers)) return `${range}, ${different} different`;
  const sum = sumNames.has(lastWord(name))
    ? `, sum ${spellNumber(numbers.reduce((total, value) => total + value, 0))}`
    : "";
  return `${range}, median ${spellNumber(medianOf(numbers))}${sum}`;
}

/** The span of moments that are all written alike: only those sort by their characters. */
function momentDigest(values: readonly unknown[]): string | null {
  const moments = values.filter(
    (value): value is string => typeof value === "string" && moment.test(value.slice(0, 40)),
  );
  if (moments.length < 2 || moments.length < momentShare * values.length) return null;
  const form = (text: string) => text.replace(/\d/g, "0");
  const first = form(moments[0] ?? "");
  if (moments.some((text) => form(text) !== first)) return null;
  const sorted = moments.toSorted();
  const others = values.length - moments.length;
  return `${sorted[0]}..${sorted.at(-1)}${others > 0 ? `, ${others} others` : ""}`;
}

function categoryDigest(values: readonly unknown[]): string | null {
  const counts = countsOf(values);
  if (counts === null || !isCategory(counts, values.length)) return null;
  const sorted = byCount(counts);
  const named = sorted.slice(0, namedMax).map(({ value, count }) => `${value} ${count}`);
  const rest = sorted.slice(namedMax);
  const restRows = rest.reduce((sum, { count }) => sum + count, 0);
  return rest.length > 0 ? `${named.join(", ")}, ${rest.length} others ${restRows}` : named.join(", ");
}

function isCategory(counts: ReadonlyMap<string, number>, total: number): boolean {
  return counts.size <= categoriesMax && counts.size <= total / 2;
}

function otherDigest(values: readonly unknown[]): string {
  const kinds = new Map<string, { count: number; least: number; most: number; different: Set<unknown> }>();
  for (const value of values) {
    const kind = Array.isArray(value) ? "arrays" : typeof value === "object" ? "objects" : `${typeof value}s`;
    const size = typeof value === "string" || Array.isArray(value) ? value.length : 0;
    const seen = kinds.get(kind) ?? { count: 0, least: size, most: size, different: new Set() };
    seen.count++;
    seen.least = Math.min(seen.least, size);
    seen.most = Math.max(seen.most, size);
    seen.different.add(value);
    kinds.set(kind, seen);
  }
  const told = [...kinds].map(([kind, { count, least, most, different }]) => {
    if (kind === "strings") return `${count} strings (${different.size} different, ${least}..${most} characters)`;
    return kind === "arrays" ? `${count} arrays (of ${least}..${most})` : `${count} ${kind}`;
  });
  return told.join(", ");
}

/** null where some value has no short spelling. */
function countsOf(values: readonly unknown[]): Map<string, number> | null {
  const counts = new Map<string, number>();
  for (const value of values) {
    const spelt = spell(value);
    if (spelt === null) return null;
    counts.set(spelt, (counts.get(spelt) ?? 0) + 1);
  }
  return counts;
}

/** As it stands in a digest; null for what has no short spelling. */
function spell(value: unknown): string | null {
  if (typeof value === "string") return value.length <= 40 ? spellString(value) : null;
  if (typeof value === "number") return spellNumber(value);
  return typeof value === "boolean" ? String(value) : null;
}

/** Quoted where it would not be told from the digest's own marks, or from a number. */
function spellString(value: string): string {
  return /^[A-Za-z_][\w./@-]*$/.test(value) && !/^(?:true|false|null)$/.test(value) ? value : JSON.stringify(value);
}

/** Whole numbers exactly, others with six digits. */
function spellNumber(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}
