// Owns how blocks that repeat in one text are written once: the first copy stays, a later one becomes one line that
// tells where the first stands, and what is another word in it. `restore` undoes it, character by character.

import { hasMarker, pointerMarker } from "../../markers";
import { guardedLines, isBlank } from "./guarded";
import { findTemplates, type RepeatLimits, type Slot, substitute } from "./templates";

export interface Shortened {
  text: string;
  /** Blocks written as a pointer. */
  copies: number;
  /** Of these, the ones with other words in them. */
  nearCopies: number;
}

interface Copy {
  /** Lines, end exclusive. */
  from: number;
  to: number;
  first: { from: number; to: number };
  slots: readonly Slot[];
}

/** null where nothing repeats, or the text already holds markers, which could not be told from ours. */
export function shortenRepeats(text: string, limits: RepeatLimits): Shortened | null {
  if (hasMarker(text)) return null;
  const lines = text.split("\n");
  if (lines.length < limits.minRepeats) return null;
  const guarded = guardedLines(lines);
  const copies = [...findBlocks(lines, guarded, limits), ...findTemplates(lines, guarded, limits)];
  if (copies.length === 0) return null;
  copies.sort((a, b) => a.from - b.from);
  const shortened = write(lines, copies);
  return shortened.copies > 0 && restore(shortened.text) === text ? shortened : null;
}

/** Runs of lines that always stand together, equal elsewhere: everything but the first of each. */
function findBlocks(lines: readonly string[], guarded: Uint8Array, limits: RepeatLimits): Copy[] {
  const runs = runsOf(lines, guarded, limits.minRepeats);
  const groups = new Map<string, { from: number; to: number }[]>();
  for (const run of runs) {
    const block = lines.slice(run.from, run.to).join("\n");
    if (block.length < limits.minBlockChars) continue;
    const group = groups.get(block);
    if (group) group.push(run);
    else groups.set(block, [run]);
  }
  const copies: Copy[] = [];
  for (const [first, ...others] of groups.values()) {
    if (!first || others.length + 1 < limits.minRepeats) continue;
    for (const { from, to } of others) copies.push({ from, to, first, slots: [] });
  }
  return copies;
}

/**
 * Two lines belong together when each, or the rarer one, never stands without the other: that is the same wherever
 * they occur, so that every copy of a block has the same ends.
 */
function runsOf(lines: readonly string[], guarded: Uint8Array, minRepeats: number): { from: number; to: number }[] {
  const ids = new Map<string, number>();
  const idOf = lines.map((line) => {
    const known = ids.get(line);
    if (known !== undefined) return known;
    ids.set(line, ids.size);
    return ids.size - 1;
  });
  const counts = new Uint32Array(ids.size);
  const pairs = new Map<number, number>();
  const pairAt = (index: number) => (idOf[index] as number) * ids.size + (idOf[index + 1] as number);
  for (let index = 0; index < lines.length; index += 1) {
    if (guarded[index] === 1) continue;
    const id = idOf[index] as number;
    counts[id] = (counts[id] as number) + 1;
    if (index + 1 >= lines.length || guarded[index + 1] === 1) continue;
    pairs.set(pairAt(index), (pairs.get(pairAt(index)) ?? 0) + 1);
  }
  const countAt = (index: number) => counts[idOf[index] as number] as number;
  const isRepeated = (index: number) => index < lines.length && guarded[index] !== 1 && countAt(index) >= minRepeats;
  const isJoined = (index: number) =>
    isRepeated(index + 1) && (pairs.get(pairAt(index)) ?? 0) >= Math.min(countAt(index), countAt(index + 1));
  const runs: { from: number; to: number }[] = [];
  for (let from = 0; from < lines.length; ) {
    if (!isRepeated(from)) {
      from += 1;
      continue;
    }
    let to = from + 1;
    while (isJoined(to - 1)) to += 1;
    const run = withoutBlankEnds(lines, from, to);
    if (run.to > run.from) runs.push(run);
    from = to;
  }
  return runs;
}

function withoutBlankEnds(lines: readonly string[], from: number, to: number): { from: number; to: number } {
  while (from < to && isBlank(lines[from] ?? "")) from += 1;
  while (to > from && isBlank(lines[to - 1] ?? "")) to -= 1;
  return { from, to };
}

/** What a pointer must save. */
const charsSavedMin = 24;
const openingChars = 40;
const markerCharsMax = 160;

function write(lines: readonly string[], copies: readonly Copy[]): Shortened {
  const out: string[] = [];
  /** Line of the text → its number in what is written, from 1: markers count the lines that the model sees. */
  const numbers = new Uint32Array(lines.length);
  let done = 0;
  let near = 0;
  let at = 0;
  const copyUntil = (end: number) => {
    for (; at < end; at += 1) {
      out.push(lines[at] as string);
      numbers[at] = out.length;
    }
  };
  for (const copy of copies) {
    if (copy.from < at) continue;
    copyUntil(copy.from);
    const first = numbers[copy.first.from] as number;
    const last = numbers[copy.first.to - 1] as number;
    const marker = pointerTo(first, last, copy.slots, lines[copy.first.from] as string);
    const chars = lines.slice(copy.from, copy.to).join("\n").length;
    // A first copy that was itself written as a pointer has no numbers to point at.
    const stands = first > 0 && last - first === copy.first.to - 1 - copy.first.from;
    if (!stands || marker.length > markerCharsMax || chars - marker.length < charsSavedMin) continue;
    out.push(marker);
    at = copy.to;
    done += 1;
    near += copy.slots.length > 0 ? 1 : 0;
  }
  copyUntil(lines.length);
  return { text: out.join("\n"), copies: done, nearCopies: near };
}

function pointerTo(first: number, last: number, slots: readonly Slot[], opening: string): string {
  const place = first === last ? `line ${first} of this text` : `lines ${first}-${last} of this text`;
  if (slots.length > 0) return pointerMarker(`${place}, with ${slotWords(slots)}`, null);
  return pointerMarker(`${place}: ${opening.trim().slice(0, openingChars).trim()}`, null);
}

function slotWords(slots: readonly Slot[]): string {
  return slots.map(({ word, now }) => `"${now}" for "${word}"`).join(", ");
}

const pointer = /^\[\.\.\. same as lines? (\d{1,9})(?:-(\d{1,9}))? of this text(, with ")?/;

/** The text as it was before `shortenRepeats`. */
export function restore(text: string): string {
  const lines = text.split("\n");
  const out: string[] = [];
  for (const line of lines) {
    const found = line.startsWith("[... same as line") ? pointer.exec(line) : null;
    if (!found) {
      out.push(line);
      continue;
    }
    const first = Number(found[1]);
    const last = Number(found[2] ?? found[1]);
    const block = lines.slice(first - 1, last);
    const slots = found[3] ? slotsIn(line) : [];
    for (const each of block) out.push(slots.length > 0 ? substitute(each, slots) : each);
  }
  return out.join("\n");
}

function slotsIn(line: string): Slot[] {
  const slots: Slot[] = [];
  for (const [, now = "", word = ""] of line.matchAll(/"([^"]+)" for "([^"]+)"/g)) slots.push({ word, now });
  return slots;
}
