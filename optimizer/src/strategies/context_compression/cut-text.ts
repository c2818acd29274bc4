// Owns cutting a long text down to its ends, what stands out in it and what the question asks for. Lines stay as they
// are; where some are gone, a line says how many.

import { elisionMarker } from "../../markers";
import { createIndex } from "../../text/bm25";
import { floorOf } from "../../text/floor";
import { type Cut, countGone, standOutFacts } from "./elide";

/** A line, or a piece of one that is too long to be kept whole. */
interface Unit {
  text: string;
  endsLine: boolean;
}

const lineCharsMax = 1_000;
const pieceChars = 400;
const headShare = 0.6;
const scoreMin = 0.5;
/** A gap shorter than what would say so is no gap. */
const gapCharsMin = 240;

/** The text within about `capChars`; null where nothing is to be left out. */
export function cutText(text: string, capChars: number, cut: Cut): string | null {
  if (text.length <= capChars) return null;
  const units = unitsOf(text);
  const keep = new Uint8Array(units.length);
  const texts = units.map((unit) => unit.text);
  const floor = floorOf(texts, cut.question);
  const facts = `${standOutFacts(floor.reasons)}, `;
  let chars = 0;
  for (let at = 0; at < units.length; at += 1) {
    if (!floor.keep[at]) continue;
    chars += take(units, keep, at);
    // What a piece of a line says may go on in the pieces beside it.
    if (at > 0 && !units[at - 1]?.endsLine) chars += take(units, keep, at - 1);
    if (!units[at]?.endsLine) chars += take(units, keep, at + 1);
  }
  cut.check();
  for (const at of asked(texts, cut)) chars += take(units, keep, at);
  takeEnds(units, keep, Math.max(0, capChars - chars));
  fillGaps(units, keep);
  return assemble(units, keep, facts, text.length, cut);
}

function take(units: readonly Unit[], keep: Uint8Array, at: number): number {
  if (keep[at]) return 0;
  keep[at] = 1;
  return (units[at] as Unit).text.length + 1;
}

function unitsOf(text: string): Unit[] {
  const units: Unit[] = [];
  for (let start = 0; start <= text.length; ) {
    const found = text.indexOf("\n", start);
    const end = found < 0 ? text.length : found;
    if (end - start <= lineCharsMax) units.push({ text: text.slice(start, end), endsLine: true });
    else addPieces(text, start, end, units);
    start = end + 1;
  }
  return units;
}

function addPieces(text: string, start: number, end: number, units: Unit[]): void {
  for (let from = start; from < end; ) {
    const to = from + pieceChars >= end ? end : breakBefore(text, from, from + pieceChars);
    units.push({ text: text.slice(from, to), endsLine: to >= end });
    from = to;
  }
}

/** A place near `to` to break at, behind a blank or a separator; never inside a surrogate pair. */
function breakBefore(text: string, from: number, to: number): number {
  for (let at = to; at > to - 120 && at > from + 1; at -= 1) {
    const before = text[at - 1];
    if (before === " " || before === "," || before === ";" || before === "\t") return at;
  }
  const code = text.charCodeAt(to);
  return code >= 0xdc00 && code <= 0xdfff ? to + 1 : to;
}

function asked(texts: readonly string[], { question, limits }: Cut): number[] {
  if (question.isEmpty) return [];
  const scores = createIndex(texts).score(question);
  const ranked = [...scores.keys()].filter((at) => (scores[at] as number) >= scoreMin);
  ranked.sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b);
  return ranked.slice(0, limits.maxQueryRows);
}

function takeEnds(units: readonly Unit[], keep: Uint8Array, room: number): void {
  const fill = (from: number, step: 1 | -1, most: number) => {
    let left = most;
    for (let at = from; at >= 0 && at < units.length; at += step) {
      const chars = (units[at] as Unit).text.length + 1;
      if (keep[at]) continue;
      if (chars > left) return;
      left -= chars;
      keep[at] = 1;
    }
  };
  fill(0, 1, headShare * room);
  fill(units.length - 1, -1, (1 - headShare) * room);
}

function fillGaps(units: readonly Unit[], keep: Uint8Array): void {
  for (let at = 0; at < units.length; ) {
    if (keep[at]) {
      at += 1;
      continue;
    }
    let end = at;
    let chars = 0;
    while (end < units.length && !keep[end]) chars += (units[end++] as Unit).text.length + 1;
    if (chars < gapCharsMin) keep.fill(1, at, end);
    at = end;
  }
}

function assemble(units: readonly Unit[], keep: Uint8Array, facts: string, chars: number, cut: Cut): string | null {
  if (keep.every((kept) => kept === 1)) return null;
  const parts: string[] = [];
  let line = 1;
  let isFirst = true;
  for (let at = 0; at < units.length; ) {
    const unit = units[at] as Unit;
    if (keep[at]) {
      parts.push(unit.text, unit.endsLine && at + 1 < units.length ? "\n" : "");
      line += unit.endsLine ? 1 : 0;
      at += 1;
      continue;
    }
    const gap = { lines: 0, chars: 0, from: line };
    while (at < units.length && !keep[at]) {
      const gone = units[at++] as Unit;
      gap.chars += gone.text.length + 1;
      if (gone.endsLine) gap.lines += 1;
    }
    line += gap.lines;
    const endsLine = (units[at - 1] as Unit).endsLine;
    parts.push(
      tellGap(gap, isFirst, `${facts}${gap.chars} of ${chars} chars`, cut),
      endsLine && at < units.length ? "\n" : "",
    );
    isFirst = false;
  }
  return parts.join("");
}

function tellGap(
  gap: { lines: number; chars: number; from: number },
  isFirst: boolean,
  facts: string,
  cut: Cut,
): string {
  const isInLine = gap.lines === 0;
  const gone = isInLine ? `${gap.chars} chars` : `lines ${gap.from}-${gap.from + gap.lines - 1}`;
  countGone(cut, isInLine ? "char" : "line", isInLine ? gap.chars : gap.lines);
  // Every gap says what is gone; the way back is the same for all of them.
  return isFirst ? elisionMarker({ gone, facts, handle: cut.handle() }) : `[... ${gone} elided]`;
}

const blobCharsMin = 256;

/** Long text without a blank in it, of the letters that bytes are written in. */
export function isBlob(value: string): boolean {
  if (value.length < blobCharsMin) return false;
  const from = value.startsWith("data:") ? value.indexOf(",") + 1 : 0;
  if (from > 100) return false;
  const step = Math.max(1, Math.floor((value.length - from) / 4_096));
  let digits = 0;
  let letters = 0;
  for (let at = from; at < value.length; at += step) {
    const code = value.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) digits += 1;
    else if ((code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a)) letters += 1;
    else if (code !== 0x2b && code !== 0x2f && code !== 0x3d && code !== 0x2d && code !== 0x5f) return false;
  }
  return digits > 0 && letters > 0;
}

/** A string value that stands inside kept data: what is gone of it is told inside it. */
export function cutString(value: string, capChars: number, cut: Cut): string {
  if (isBlob(value)) {
    countGone(cut, "char", value.length - 48);
    const facts = "encoded bytes";
    const gone = `${value.length - 48} of ${value.length} chars`;
    return value.slice(0, 48) + elisionMarker({ gone, facts, handle: cut.handle() });
  }
  return cutText(value, capChars, cut) ?? value;
}
