// Owns which lines of a text are of one kind: of one shape, or of shapes that are nearly one.

import { shapeOf } from "./line-shapes";

export interface ShapeGroups {
  /** Per line, its group. */
  groupOf: Int32Array;
  /** Per group, how many lines; groups are numbered by first appearance. */
  counts: readonly number[];
}

/** Shapes compared with each new one that begins alike; more of them are rare by any measure. */
const candidatesMax = 32;

/**
 * Lines grouped by shape. Shapes of as many words that begin alike and differ in at most 40 % of their words are one
 * group: "user anna signed in" and "user bert signed in".
 */
export function groupByShape(lines: readonly string[]): ShapeGroups {
  const groupOf = new Int32Array(lines.length);
  const counts: number[] = [];
  const known = new Map<string, number>();
  const alike = new Map<string, { words: readonly string[]; group: number }[]>();
  lines.forEach((line, index) => {
    const shape = shapeOf(line);
    let group = known.get(shape);
    if (group === undefined) {
      const words = shape.split(" ");
      const key = `${words.length} ${words[0]} ${words.length > 6 ? words[1] : ""}`;
      const candidates = alike.get(key) ?? [];
      group = candidates.find((candidate) => isAlike(candidate.words, words))?.group;
      if (group === undefined) {
        group = counts.push(0) - 1;
        if (candidates.length < candidatesMax) alike.set(key, [...candidates, { words, group }]);
      }
      known.set(shape, group);
    }
    groupOf[index] = group;
    counts[group] = (counts[group] ?? 0) + 1;
  });
  return { groupOf, counts };
}

function isAlike(a: readonly string[], b: readonly string[]): boolean {
  if (a.length < 4) return false;
  let differing = 0;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) differing++;
  return differing <= a.length * 0.4;
}
