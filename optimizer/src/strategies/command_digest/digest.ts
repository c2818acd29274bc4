// Owns the digest of one command's output: lines judged by its digester, what the safety floor adds, and how the rest
// is written. Every line of it is the tool's own, but for those in brackets that tell what is gone.

import type { Tool } from "../../test-signatures";
import { floorOf } from "../../text/floor";
import { grouped } from "../../text/lines";
import { createFinder } from "../../text/literals";
import type { Question } from "../../text/question";
import { judgeCoverage } from "./coverage";
import { digesters } from "./digesters";
import { keepFlipped } from "./flips";
import { createSheet, type Limits, type Sheet } from "./sheet";

export interface Digest {
  /** Without the marker that leads to the original. */
  text: string;
  /** For the marker: how much is gone, and what. Content-free. */
  gone: string;
  facts: string;
  linesGone: number;
}

/**
 * null where the output is not understood, contradicts its own summary, or has nothing that can go. `failedBefore`:
 * tests that failed in earlier outputs; where they pass now, they are shown.
 */
export function digest(
  text: string,
  tool: Tool,
  limits: Limits,
  question: Question,
  failedBefore: readonly string[] = [],
): Digest | null {
  const sheet = judge(text, tool, limits);
  if (!sheet) return null;
  judgeCoverage(sheet);
  if (!keepUnknown(sheet)) return null;
  keepFlipped(sheet, failedBefore);
  keepFloor(sheet, question);
  keepAsked(sheet, question);
  return write(sheet);
}

function judge(text: string, tool: Tool, limits: Limits): Sheet | null {
  for (const read of digesters[tool]) {
    const sheet = createSheet(text);
    if (read(sheet, limits)) return sheet;
  }
  return null;
}

const unknownFew = 12;
const unknownShare = 0.1;
const unknownShareMax = 0.4;

/**
 * A few lines that nobody understood are kept; many are left to the safety floor. False where there are so many that
 * the output holds something else besides.
 */
function keepUnknown(sheet: Sheet): boolean {
  const unknown: number[] = [];
  let lines = 0;
  for (let index = 0; index < sheet.size; index += 1) {
    if (sheet.trimmed[index] === "") continue;
    lines += 1;
    if (sheet.verdict(index) === "unknown") unknown.push(index);
  }
  const isFew = unknown.length <= Math.max(unknownFew, sheet.size * unknownShare);
  for (const index of unknown) {
    if (isFew) sheet.keep(index);
    else sheet.detail(index, "other output");
  }
  return isFew || unknown.length <= unknownShareMax * lines;
}

/** The floor sees every line, so that limits cannot change what it finds; noise it cannot call back. */
function keepFloor(sheet: Sheet, question: Question): void {
  const places: number[] = [];
  for (let index = 0; index < sheet.size; index += 1) {
    if (sheet.trimmed[index] !== "") places.push(index);
  }
  const units = places.map((index) => sheet.lines[index] ?? "");
  const { keep } = floorOf(units, question, { shapes: false });
  for (const [at, index] of places.entries()) {
    if (keep[at] === 1 && sheet.verdict(index) !== "noise") sheet.keep(index);
  }
}

const literalsMax = 32;
const askedShare = 0.1;

/** What the question names stays even where it is noise: a test that passed, a file in a list. */
function keepAsked(sheet: Sheet, question: Question): void {
  const finder = createFinder(question.literals.slice(0, literalsMax));
  if (finder.count === 0) return;
  const found: number[][] = [];
  for (let index = 0; index < sheet.size; index += 1) {
    for (const literal of finder.find(sheet.heads[index] ?? "")) {
      const lines = found[literal];
      if (lines) lines.push(index);
      else found[literal] = [index];
    }
  }
  for (const lines of found) {
    if (lines && lines.length <= Math.max(1, sheet.size * askedShare)) for (const index of lines) sheet.keep(index);
  }
}

/** A gap that a note would not be shorter than is shown. */
const gapCharsMin = 24;

function write(sheet: Sheet): Digest | null {
  const out: string[] = [];
  const all = new Map<string, number>();
  let linesGone = 0;
  for (let index = 0; index < sheet.size; ) {
    if (sheet.verdict(index) === "keep") {
      out.push(sheet.lines[index] ?? "", ...sheet.notesAt(index));
      index += 1;
      continue;
    }
    const from = index;
    let chars = 0;
    while (index < sheet.size && sheet.verdict(index) !== "keep") chars += (sheet.trimmed[index++] ?? "").length;
    if (chars <= gapCharsMin) pushShown(out, sheet, from, index);
    else {
      const labels = labelsOf(sheet, from, index);
      const count = [...labels.values()].reduce((sum, each) => sum + each, 0);
      for (const [label, each] of labels) all.set(label, (all.get(label) ?? 0) + each);
      linesGone += count;
      out.push(`[... ${grouped(count)} ${count === 1 ? "line" : "lines"}: ${wordsOf(labels)}]`);
    }
  }
  if (linesGone === 0) return null;
  return {
    text: out.join("\n"),
    gone: `${grouped(linesGone)} of ${grouped(sheet.size)} lines`,
    facts: wordsOf(all),
    linesGone,
  };
}

/** As it is, with at most one blank line in a row. */
function pushShown(out: string[], sheet: Sheet, from: number, to: number): void {
  for (let index = from; index < to; index += 1) {
    const line = sheet.lines[index] ?? "";
    if (line.trim() !== "" || out.at(-1)?.trim() !== "") out.push(line);
  }
}

function labelsOf(sheet: Sheet, from: number, to: number): Map<string, number> {
  const labels = new Map<string, number>();
  for (let index = from; index < to; index += 1) {
    if (sheet.trimmed[index] === "") continue;
    const label = sheet.label(index);
    labels.set(label, (labels.get(label) ?? 0) + 1);
  }
  return labels;
}

const labelsTold = 4;

function wordsOf(labels: ReadonlyMap<string, number>): string {
  const sorted = [...labels].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  if (sorted.length === 1) return sorted[0]?.[0] ?? "";
  const told = sorted.slice(0, labelsTold).map(([label, count]) => `${grouped(count)} ${label}`);
  return sorted.length > labelsTold ? `${told.join(", ")}, more` : told.join(", ");
}
