// Owns the texts that later ones are compared with: their lines as numbers, and where each line stands. A text that
// something was left out of never gets in: what points at it would lead nowhere.

import type { Subject } from "../../subjects";
import { linesOf } from "../../text/lines";
import { normaliseLine } from "./normalise";

/** A text that stands whole, and that others may be told apart from. */
export interface Anchor {
  subject: Subject;
  lines: readonly string[];
  /** Numbers of the lines, and of the lines without durations, pids and seeds. */
  exact: Int32Array;
  normal: Int32Array;
  /** Different lines among `normal`. */
  distinct: number;
}

/** A line that stands in more texts, or at more places, than this tells nothing about where it was copied from. */
const placesMax = 16;
/** Lines that begin a shared run: this many together, or one this long. */
const seedLines = 3;
const seedCharsMin = 200;
const seedFactor = 1_000_003;

export interface Corpus {
  read(subject: Subject): Anchor;
  add(anchor: Anchor): void;
  /** The first anchor with the same text. */
  same(subject: Subject): Anchor | null;
  /** Anchor with the greatest share of lines in common, of those within twice the size; the first of equals. */
  nearest(text: Anchor): { anchor: Anchor; jaccard: number } | null;
  /** Places where the run of lines that begins at `at` of `text` may stand. */
  seeds(text: Anchor, at: number): readonly { anchor: Anchor; line: number }[];
}

export function createCorpus(): Corpus {
  const numbers = new Map<string, number>();
  const byText = new Map<string, Anchor>();
  const byLine = new Map<number, Anchor[]>();
  const bySeed = new Map<number, { anchor: Anchor; line: number }[]>();
  const numberOf = (line: string) => {
    const known = numbers.get(line);
    if (known !== undefined) return known;
    numbers.set(line, numbers.size);
    return numbers.size - 1;
  };
  return {
    read(subject) {
      const lines = linesOf(subject.text);
      const exact = Int32Array.from(lines, numberOf);
      const normal = Int32Array.from(lines, (line) => numberOf(normaliseLine(line)));
      return { subject, lines, exact, normal, distinct: new Set(normal).size };
    },
    add(anchor) {
      if (!byText.has(anchor.subject.text)) byText.set(anchor.subject.text, anchor);
      for (const line of new Set(anchor.normal)) addTo(byLine, line, anchor);
      for (let line = 0; line < anchor.lines.length; line += 1) {
        for (const seed of seedsAt(anchor, line)) addTo(bySeed, seed, { anchor, line });
      }
    },
    same: ({ text }) => byText.get(text) ?? null,
    nearest(text) {
      const shared = new Map<Anchor, number>();
      for (const line of new Set(text.normal)) {
        for (const anchor of byLine.get(line) ?? []) shared.set(anchor, (shared.get(anchor) ?? 0) + 1);
      }
      let best: { anchor: Anchor; jaccard: number } | null = null;
      for (const [anchor, count] of shared) {
        if (!isOfSize(anchor, text)) continue;
        const jaccard = count / (anchor.distinct + text.distinct - count);
        if (jaccard > (best?.jaccard ?? 0)) best = { anchor, jaccard };
      }
      return best;
    },
    seeds(text, at) {
      return seedsAt(text, at).flatMap((seed) => bySeed.get(seed) ?? []);
    },
  };
}

export function isOfSize(one: Anchor, other: Anchor): boolean {
  const a = one.subject.text.length;
  const b = other.subject.text.length;
  return a <= 2 * b && b <= 2 * a;
}

function addTo<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const values = map.get(key);
  if (!values) map.set(key, [value]);
  else if (values.length < placesMax) values.push(value);
}

/** Hashes only propose: what they propose is compared line by line. */
function seedsAt({ exact, lines }: Anchor, at: number): number[] {
  const seeds: number[] = [];
  if ((lines[at] ?? "").length >= seedCharsMin) seeds.push(-1 - (exact[at] as number));
  if (at + seedLines > exact.length) return seeds;
  let hash = 0;
  for (let next = at; next < at + seedLines; next += 1) {
    hash = (Math.imul(hash, seedFactor) + (exact[next] as number) + 1) >>> 0;
  }
  seeds.push(hash);
  return seeds;
}
