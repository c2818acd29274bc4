// Owns what makes one text out of another: runs of lines taken out and put in (Myers), written as hunks without
// context. Applied to the first text they give the second one, byte for byte.

import type { Budget } from "../../budget";

/** Lines [from, from + removed) of the first text give way to lines [to, to + added) of the second. */
export interface Hunk {
  from: number;
  removed: number;
  to: number;
  added: number;
}

/** More differences than this make no delta worth reading. */
const differencesMax = 600;

/** Null where the texts differ in too much. Lines are compared by number: equal numbers are equal lines. */
export function diffLines(before: Int32Array, after: Int32Array, budget: Budget): Hunk[] | null {
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < most - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail += 1;
  const a = before.subarray(head, before.length - tail);
  const b = after.subarray(head, after.length - tail);
  if (a.length === 0 && b.length === 0) return [];
  if (a.length === 0 || b.length === 0) return [{ from: head, removed: a.length, to: head, added: b.length }];
  const trace = shortestScript(a, b, budget);
  return trace ? readHunks(a, b, trace, head) : null;
}

/** For each number of differences, how far each diagonal came. */
function shortestScript(a: Int32Array, b: Int32Array, budget: Budget): Int32Array[] | null {
  const limit = Math.min(differencesMax, a.length + b.length);
  const reach = new Int32Array(2 * limit + 3);
  const middle = limit + 1;
  const trace: Int32Array[] = [];
  for (let d = 0; d <= limit; d += 1) {
    budget.check();
    trace.push(reach.slice(middle - d - 1, middle + d + 2));
    for (let k = -d; k <= d; k += 2) {
      const left = reach[middle + k - 1] as number;
      const right = reach[middle + k + 1] as number;
      let x = k === -d || (k !== d && left < right) ? right : left + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1;
      reach[middle + k] = x;
      if (x >= a.length && x - k >= b.length) return trace;
    }
  }
  return null;
}

function readHunks(a: Int32Array, b: Int32Array, trace: readonly Int32Array[], offset: number): Hunk[] {
  const hunks: Hunk[] = [];
  let x = a.length;
  let y = b.length;
  const add = (removed: number, added: number) => {
    const last = hunks.at(-1);
    // Read from the end: the one before may touch.
    if (last && last.from === x + offset + removed && last.to === y + offset + added) {
      last.from -= removed;
      last.to -= added;
      last.removed += removed;
      last.added += added;
    } else hunks.push({ from: x + offset, removed, to: y + offset, added });
  };
  for (let d = trace.length - 1; d > 0; d -= 1) {
    const reach = trace[d] as Int32Array;
    const at = (k: number) => reach[k + d + 1] as number;
    const k = x - y;
    const isInsertion = k === -d || (k !== d && at(k - 1) < at(k + 1));
    const before = isInsertion ? k + 1 : k - 1;
    x = at(before);
    y = x - before;
    if (isInsertion) add(0, 1);
    else add(1, 0);
  }
  return hunks.reverse();
}

/** "@@ -12,2 +12,3 @@" and the lines taken out (-) and put in (+). Line numbers from 1. */
export function writeHunks(hunks: readonly Hunk[], before: readonly string[], after: readonly string[]): string {
  const lines: string[] = [];
  for (const { from, removed, to, added } of hunks) {
    lines.push(`@@ -${from + 1},${removed} +${to + 1},${added} @@`);
    for (let at = from; at < from + removed; at += 1) lines.push(`-${before[at]}`);
    for (let at = to; at < to + added; at += 1) lines.push(`+${after[at]}`);
  }
  return lines.join("\n");
}

/**
 * The second text's lines, from the first one's and what `writeHunks` wrote.
 *
 * @throws SyntaxError when the hunks are not of this text
 */
export function applyHunks(before: readonly string[], text: string): string[] {
  const made: string[] = [];
  const lines = text === "" ? [] : text.split("\n");
  let at = 0;
  let next = 0;
  while (next < lines.length) {
    const head = /^@@ -(\d+),(\d+) \+(\d+),(\d+) @@$/.exec(lines[next] ?? "");
    if (!head) throw new SyntaxError("no hunk");
    const [from, removed, , added] = head.slice(1).map(Number) as [number, number, number, number];
    next += 1;
    while (at < from - 1) made.push(before[at++] as string);
    for (let count = 0; count < removed; count += 1) {
      if (lines[next++] !== `-${before[at++]}`) throw new SyntaxError("the hunk is of another text");
    }
    for (let count = 0; count < added; count += 1) made.push((lines[next++] ?? "").slice(1));
  }
  while (at < before.length) made.push(before[at++] as string);
  return made;
}
