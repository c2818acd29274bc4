// Owns how the report of one failure is shortened: its name and what was expected always stay, its stack and the code
// around it up to a limit. Which lines belong to a failure is told by the digesters.

import type { Limits, Sheet } from "./sheet";

export interface Failure {
  /** Lines that name it; always kept. */
  headings: readonly number[];
  /** Everything else that belongs to it, in order. */
  body: readonly number[];
  /** Lines of `body` from here on are captured output, no report. */
  capturedFrom?: number;
}

/** Frames of other people's code tell little when there are many. */
const foreign = [
  "site-packages/",
  "dist-packages/",
  "node_modules/",
  "node:internal",
  "<frozen ",
  "/lib/python",
  "java.base/",
  "jdk.internal.",
  "sun.reflect.",
  "org.junit.",
  "org.apache.maven.",
  "/gems/",
  "/vendor/",
  "/usr/local/go/src/",
  "/rustc/",
  "std::panicking",
  "core::ops::function",
];
const framesFew = 3;
const framesTail = 3;

/** Keeps of all failures what must be told; of the first `maxFailures` different ones also how it came about. */
export function keepFailures(sheet: Sheet, failures: readonly Failure[], limits: Limits): void {
  const messages = new Map<string, string>();
  const told = new Set<string>();
  let full = 0;
  for (const failure of failures) {
    for (const index of failure.headings) sheet.keep(index);
    const report = failure.body.filter((index) => index < (failure.capturedFrom ?? Number.POSITIVE_INFINITY));
    const said = report.filter((index) => isSaid(sheet.trimmed[index] ?? ""));
    const message = messageOf(sheet, said);
    const first = messages.get(message);
    const isKnown = limits.groupSameMessage && said.length > 0 && first !== undefined;
    if (!isKnown) messages.set(message, sheet.trimmed[failure.headings[0] ?? 0] ?? "");
    const isFull = !isKnown && full < limits.maxFailures;
    if (isFull) full += 1;
    for (const index of said) {
      const line = sheet.lines[index] ?? "";
      if (isFull || !told.has(line)) sheet.keep(index);
      else sheet.noise(index, "same message");
      told.add(line);
    }
    // Without a word that says what was wrong, the first lines must do.
    if (said.length === 0) for (const index of nonBlank(sheet, report).slice(0, 3)) sheet.keep(index);
    if (isFull) keepHowItCame(sheet, report, said, limits.contextLines);
    for (const index of report) sheet.detail(index, isKnown ? "same failure as above" : "context of failures");
    for (const index of failure.body) sheet.detail(index, "captured output");
  }
}

/** What a line says rather than shows: the exception, the expected and the actual value, the cause. */
export function isSaid(trimmed: string): boolean {
  if (trimmed === "") return false;
  if (isCause(trimmed)) return true;
  const first = trimmed[0];
  if (first === "E" && (trimmed[1] === " " || trimmed === "E")) return true;
  if ((first === "+" || first === "-") && (trimmed.length === 1 || trimmed[1] === " " || isWordStart(trimmed[1]))) {
    return true;
  }
  if (first === ">" && trimmed[1] === " ") return true;
  return saying.test(trimmed) || exceptionName.test(trimmed);
}

const saying =
  /\b(?:expected|received|actual|asserti?o?n?s?|assert_?\w{0,24}|expect|got|want|left|right|should|differs?|mismatch|panicked|panic|failed|failure|fail|fatal|error|exception|diff)\b/i;
const exceptionName = /^(?:Uncaught )?[A-Za-z_$][\w.$]*(?:Error|Exception|Failure|Warning|Interrupt|Exit)\b/;

function isWordStart(char: string | undefined): boolean {
  return char !== undefined && char !== "-" && char !== "+" && char !== "=";
}

function isCause(trimmed: string): boolean {
  return (
    trimmed.startsWith("Caused by") ||
    trimmed.startsWith("Suppressed:") ||
    trimmed.startsWith("During handling of") ||
    trimmed.startsWith("The above exception") ||
    trimmed.startsWith("[cause]")
  );
}

/** Line of a stack: where it was, not what was wrong. */
export function isFrame(trimmed: string): boolean {
  return (
    trimmed.startsWith("at ") ||
    trimmed.startsWith('File "') ||
    trimmed.startsWith("# ./") ||
    trimmed.startsWith("# /") ||
    trimmed.startsWith("❯ ") ||
    trimmed.startsWith("from ") ||
    (trimmed.includes(".py:") && /^[^\s:]+\.py:\d+: /.test(trimmed))
  );
}

/** First frame of the project's own, the last three, and up to `contextLines` lines around what was said. */
function keepHowItCame(sheet: Sheet, report: readonly number[], said: readonly number[], contextLines: number): void {
  const frames = report.filter((index) => isFrame(sheet.trimmed[index] ?? ""));
  const isForeign = (index: number) => foreign.some((place) => sheet.heads[index]?.includes(place));
  const own = frames.find((index) => !isForeign(index));
  const isMany = frames.length > framesFew;
  const kept = isMany ? [...frames.slice(-framesTail), ...(own === undefined ? [] : [own])] : frames;
  const inReport = new Set(report);
  for (const index of kept) {
    sheet.keep(index);
    // The line of code under a Python frame.
    if (sheet.trimmed[index]?.startsWith('File "') && inReport.has(index + 1)) sheet.keep(index + 1);
  }
  const stays = new Set(kept);
  const dropped = new Set<number>();
  for (const index of frames) {
    if (stays.has(index)) continue;
    dropped.add(index);
    if (sheet.trimmed[index]?.startsWith('File "')) dropped.add(index + 1);
  }
  const anchors = said.length > 0 ? said : kept;
  const around = nonBlank(sheet, report)
    .filter((index) => sheet.verdict(index) !== "keep" && !dropped.has(index))
    .map((index) => ({ index, distance: distanceTo(anchors, index) }))
    .sort((a, b) => a.distance - b.distance || a.index - b.index);
  for (const { index } of around.slice(0, contextLines)) sheet.keep(index);
}

/** `anchors` are in order. */
function distanceTo(anchors: readonly number[], index: number): number {
  let low = 0;
  let high = anchors.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((anchors[middle] as number) < index) low = middle + 1;
    else high = middle;
  }
  const after = anchors[low] ?? Number.POSITIVE_INFINITY;
  const before = anchors[low - 1] ?? Number.NEGATIVE_INFINITY;
  return Math.min(after - index, index - before);
}

function nonBlank(sheet: Sheet, indexes: readonly number[]): number[] {
  return indexes.filter((index) => sheet.trimmed[index] !== "");
}

/** What was said with its numbers and addresses masked: equal for failures of one cause. */
function messageOf(sheet: Sheet, said: readonly number[]): string {
  return said.map((index) => maskNumbers(sheet.trimmed[index] ?? "")).join("\n");
}

export function maskNumbers(text: string): string {
  return text.replace(/0x[0-9a-f]+|\d+/gi, "#");
}
