// Owns the runs of lines that a text shares with earlier ones: finding them, and putting pointers in their place.

import type { Budget } from "../../budget";
import { pointerMarker } from "../../markers";
import type { Anchor, Corpus } from "./corpus";

/** Lines [start, start + count) of a text stand as lines [line, line + count) of the anchor. */
export interface SharedRun {
  start: number;
  count: number;
  anchor: Anchor;
  line: number;
}

const linesMin = 6;
const charsMin = 400;
/** A run of many short lines must still be longer than its pointer. */
const charsAtLeast = 240;

/** In order, none overlapping. Of runs that begin at one line the longest is taken, of equals the earliest text's. */
export function findSharedRuns(text: Anchor, corpus: Corpus, budget: Budget): SharedRun[] {
  const runs: SharedRun[] = [];
  const { exact } = text;
  let at = 0;
  let steps = 0;
  while (at < exact.length) {
    steps += 1;
    if (steps % 1_024 === 0) budget.check();
    const run = longestAt(text, at, corpus);
    if (!run || !isLongEnough(text, run)) {
      at += 1;
      continue;
    }
    runs.push(run);
    at += run.count;
  }
  return runs;
}

function longestAt(text: Anchor, start: number, corpus: Corpus): SharedRun | null {
  let best: SharedRun | null = null;
  for (const { anchor, line } of corpus.seeds(text, start)) {
    const most = Math.min(text.exact.length - start, anchor.exact.length - line);
    let count = 0;
    while (count < most && text.exact[start + count] === anchor.exact[line + count]) count += 1;
    if (count > (best?.count ?? 0)) best = { start, count, anchor, line };
  }
  return best;
}

function isLongEnough({ lines }: Anchor, { start, count }: SharedRun): boolean {
  let chars = 0;
  for (let at = start; at < start + count; at += 1) chars += (lines[at] as string).length + 1;
  return chars >= charsMin || (count >= linesMin && chars >= charsAtLeast);
}

/** The text with a pointer in the place of each run. */
export function writeSharedRuns(
  { lines }: Anchor,
  runs: readonly SharedRun[],
  handle: string,
  placeOf: (anchor: Anchor) => string,
): string {
  const made: string[] = [];
  let at = 0;
  for (const { start, count, anchor, line } of runs) {
    made.push(...lines.slice(at, start));
    const where = count === 1 ? `line ${line + 1}` : `lines ${line + 1}-${line + count}`;
    made.push(pointerMarker(`${where} of ${placeOf(anchor)}`, handle));
    at = start + count;
  }
  made.push(...lines.slice(at));
  return made.join("\n");
}
