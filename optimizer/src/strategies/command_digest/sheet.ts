// Owns a command's output while it is judged line by line: what is kept, what is known noise, what is detail that may
// go. It reads nothing into the words; the digesters do.

/** Longer lines are judged by their beginning: what a pattern costs has a bound. */
const headCharsMax = 400;

/**
 * - `unknown`: nobody said anything of it
 * - `keep`: stays
 * - `noise`: recognised, and counted by the tool itself: a passed test, a progress line
 * - `detail`: may go unless the safety floor wants it
 */
export type Verdict = "unknown" | "keep" | "noise" | "detail";

export interface Sheet {
  /** As they are printed: without colours, and of what a terminal overwrote only the last. */
  readonly lines: readonly string[];
  /** Their first 400 characters. */
  readonly heads: readonly string[];
  /** The same without space around. */
  readonly trimmed: readonly string[];
  readonly size: number;
  verdict(index: number): Verdict;
  /** Why a line goes, in a word or two for people. */
  label(index: number): string;
  keep(index: number): void;
  /** Both leave alone what is kept, and what another digester step said before. */
  noise(index: number, label: string): void;
  detail(index: number, label: string): void;
  /** Adds a line of our own behind a kept line. */
  note(index: number, text: string): void;
  notesAt(index: number): readonly string[];
}

/** Judges a whole sheet. False: not understood, or the tool's own summary counts otherwise; then nothing is changed. */
export type Digester = (sheet: Sheet, limits: Limits) => boolean;

export interface Limits {
  maxFailures: number;
  contextLines: number;
  groupSameMessage: boolean;
}

export function createSheet(text: string): Sheet {
  const lines = text.split("\n").map(asPrinted);
  const heads = lines.map((line) => (line.length > headCharsMax ? line.slice(0, headCharsMax) : line));
  const verdicts: Verdict[] = new Array(lines.length).fill("unknown");
  const labels = new Map<number, string>();
  const notes = new Map<number, string[]>();
  const mark = (index: number, verdict: Verdict, label: string) => {
    if (verdicts[index] !== "unknown") return;
    verdicts[index] = verdict;
    labels.set(index, label);
  };
  return {
    lines,
    heads,
    trimmed: heads.map((head) => head.trim()),
    size: lines.length,
    verdict: (index) => verdicts[index] ?? "unknown",
    label: (index) => labels.get(index) ?? "other",
    keep(index) {
      verdicts[index] = "keep";
    },
    noise: (index, label) => mark(index, "noise", label),
    detail: (index, label) => mark(index, "detail", label),
    note: (index, text) => void notes.set(index, [...(notes.get(index) ?? []), text]),
    notesAt: (index) => notes.get(index) ?? [],
  };
}

/** What a terminal shows of a line in the end. */
function asPrinted(line: string): string {
  let shown = line.endsWith("\r") ? line.slice(0, -1) : line;
  const overwritten = shown.lastIndexOf("\r");
  if (overwritten >= 0) shown = shown.slice(overwritten + 1);
  return shown.includes("\u001b") ? withoutEscapes(shown) : shown;
}

const escapeChar = "\u001b";

/** Drops colours and cursor moves (CSI) and titles and links (OSC); linear. */
export function withoutEscapes(line: string): string {
  const parts: string[] = [];
  let at = 0;
  for (let found = line.indexOf(escapeChar); found >= 0; found = line.indexOf(escapeChar, at)) {
    parts.push(line.slice(at, found));
    at = endOfEscape(line, found);
  }
  parts.push(line.slice(at));
  return parts.join("");
}

function endOfEscape(line: string, start: number): number {
  const kind = line[start + 1];
  let at = start + 2;
  if (kind === "[") {
    while (at < line.length && !isFinalByte(line.charCodeAt(at))) at += 1;
    return Math.min(at + 1, line.length);
  }
  if (kind === "]") {
    while (at < line.length && line[at] !== "\u0007" && line[at] !== escapeChar) at += 1;
    if (line[at] === escapeChar) return Math.min(at + 2, line.length);
    return Math.min(at + 1, line.length);
  }
  return Math.min(at, line.length);
}

function isFinalByte(code: number): boolean {
  return code >= 0x40 && code <= 0x7e;
}

/** The words between two rules of one character: `=== FAILURES ===` → "FAILURES". null where it is no such line. */
export function ruled(head: string, rule: string): string | null {
  const line = head.trim();
  if (line.length < 5 || !line.startsWith(rule.repeat(2)) || !line.endsWith(rule.repeat(2))) return null;
  let from = 0;
  let to = line.length;
  while (from < to && line[from] === rule) from += 1;
  while (to > from && line[to - 1] === rule) to -= 1;
  return line.slice(from, to).trim();
}

/** "3 failed" → 3; 0 where the word has no number before it. */
export function numberBefore(head: string, word: string): number {
  const at = head.indexOf(` ${word}`);
  if (at < 1) return 0;
  let from = at;
  while (from > 0 && isDigit(head.charCodeAt(from - 1))) from -= 1;
  return from === at ? 0 : Number(head.slice(from, at));
}

/** "Failures: 3" → 3; null where the name does not stand there. */
export function numberAfter(head: string, name: string): number | null {
  const at = head.indexOf(name);
  if (at < 0) return null;
  let from = at + name.length;
  while (head[from] === " ") from += 1;
  let to = from;
  while (isDigit(head.charCodeAt(to))) to += 1;
  return to === from ? null : Number(head.slice(from, to));
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Index of the last line that `is`; -1 = none. */
export function lastLine(sheet: Sheet, is: (head: string, index: number) => boolean): number {
  for (let index = sheet.size - 1; index >= 0; index -= 1) if (is(sheet.heads[index] ?? "", index)) return index;
  return -1;
}

/** Keeps each line that `is`; gives how many. */
export function keepWhere(sheet: Sheet, is: (trimmed: string, index: number) => boolean): number {
  let kept = 0;
  for (let index = 0; index < sheet.size; index += 1) {
    if (!is(sheet.trimmed[index] ?? "", index)) continue;
    sheet.keep(index);
    kept += 1;
  }
  return kept;
}

export function noiseWhere(sheet: Sheet, label: string, is: (trimmed: string, index: number) => boolean): number {
  let found = 0;
  for (let index = 0; index < sheet.size; index += 1) {
    if (!is(sheet.trimmed[index] ?? "", index)) continue;
    sheet.noise(index, label);
    found += 1;
  }
  return found;
}

/** Indexes from `from` up to, without, `to`. */
export function range(from: number, to: number): number[] {
  const indexes: number[] = [];
  for (let index = from; index < to; index += 1) indexes.push(index);
  return indexes;
}
