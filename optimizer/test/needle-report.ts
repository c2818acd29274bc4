// Owns counting which planted facts survived, by class, and saying so with the uncertainty that the count has.

/** How often something happened at least and at most, given `hits` of `tries`, at 95 %. */
export function clopperPearson(hits: number, tries: number, alpha = 0.05): { low: number; high: number } {
  if (tries === 0) return { low: 0, high: 1 };
  // The chance of at least `hits` grows with the rate, that of at most `hits` falls.
  const low = hits === 0 ? 0 : solve((rate) => 1 - atMost(hits - 1, tries, rate) < alpha / 2);
  const high = hits === tries ? 1 : solve((rate) => atMost(hits, tries, rate) > alpha / 2);
  return { low, high };
}

/** Where a claim that holds for small rates stops holding. */
function solve(holds: (rate: number) => boolean): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Chance of at most `hits` of `tries` at a rate. */
function atMost(hits: number, tries: number, rate: number): number {
  if (rate <= 0) return 1;
  if (rate >= 1) return hits >= tries ? 1 : 0;
  let logTerm = tries * Math.log1p(-rate);
  let sum = Math.exp(logTerm);
  for (let count = 1; count <= hits; count += 1) {
    logTerm += Math.log((tries - count + 1) / count) + Math.log(rate) - Math.log1p(-rate);
    sum += Math.exp(logTerm);
  }
  return Math.min(1, sum);
}

export interface Planted {
  /** Kind of text and kind of fact: "json/outlier". */
  class: string;
  seed: number;
  survived: boolean;
  /** Characters before and after. */
  before: number;
  after: number;
}

export interface ClassReport {
  class: string;
  tries: number;
  survived: number;
  low: number;
  high: number;
  /** Median share of the size that was left. */
  size: number;
  /** Of the first losses. */
  lostSeeds: number[];
}

/** One line per class, and one for all, in order of names. */
export function reportOf(planted: readonly Planted[]): ClassReport[] {
  const classes = [...new Set(planted.map((each) => each.class))].sort((a, b) => (a < b ? -1 : 1));
  const of = (name: string, some: readonly Planted[]): ClassReport => {
    const survived = some.filter((each) => each.survived).length;
    const sizes = some.map(({ before, after }) => after / before).sort((a, b) => a - b);
    const lostSeeds = some.filter((each) => !each.survived).map(({ seed }) => seed);
    const { low, high } = clopperPearson(survived, some.length);
    const size = sizes[sizes.length >> 1] ?? 1;
    return { class: name, tries: some.length, survived, low, high, size, lostSeeds: lostSeeds.slice(0, 8) };
  };
  return [
    ...classes.map((name) =>
      of(
        name,
        planted.filter((each) => each.class === name),
      ),
    ),
    of("all", planted),
  ];
}

export function printReport(title: string, reports: readonly ClassReport[]): void {
  const share = (value: number) => `${(100 * value).toFixed(1)} %`;
  const lines = reports.map(({ class: name, tries, survived, low, high, size, lostSeeds }) => {
    const lost = lostSeeds.length > 0 ? `  lost: ${lostSeeds.join(", ")}` : "";
    return `  ${name.padEnd(26)} ${`${survived}/${tries}`.padStart(10)}  ${share(low)} to ${share(high)}  size ${share(size)}${lost}`;
  });
  console.log([title, ...lines].join("\n"));
}

export interface Dice {
  /** In [0, 1). */
  next(): number;
  /** A whole number from `low` to `high`, both included. */
  int(low: number, high: number): number;
  pick<T>(items: readonly T[]): T;
  /** Of the normal distribution. */
  normal(): number;
  /** A word nobody knows. */
  word(): string;
}

/** The same numbers for the same seed. */
export function createDice(seed: number): Dice {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const int = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  const pick = <T>(items: readonly T[]) => items[int(0, items.length - 1)] as T;
  const word = () => {
    let text = "";
    for (let syllable = int(2, 3); syllable > 0; syllable -= 1)
      text += pick([..."bdfgklmnprstvz"]) + pick([..."aeiou"]);
    return text;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return { next, int, pick, normal, word };
}
