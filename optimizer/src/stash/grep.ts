// Owns searching through units of text, as `grep -n -C` shows it: numbers, a little context, `--` between places.
// Patterns are RE2's, whose matching takes linear time; what is no pattern is looked for as it stands.

import { RE2JS } from "re2js";
import type { Units } from "./units";

export interface Search {
  text: string;
  units: Units;
  /** Positions of the first unit to look through and of the one after the last. */
  from: number;
  to: number;
  /** Units shown before and after each match. */
  context: number;
  charsMax: number;
  /** The time to stop at; at least one unit is looked through. */
  isOver(): boolean;
}

export interface Finding {
  content: string;
  /** Matching units shown. */
  matches: number;
  /** Position of the unit to go on with; null = there is none. */
  next: number | null;
  /** The time was over inside a long unit: the rest of that one was not looked through. */
  isCut: boolean;
}

type Place = readonly [start: number, end: number];

export interface Pattern {
  /** The first place in a text, or null. */
  find(text: string): Place | null;
  /** It looks at where a text begins or ends, or a word does. */
  isAnchored: boolean;
}

/** Larger programs would be too slow on long lines, linear as they are. */
const programSizeMax = 300;
const plain = /^[\p{L}\p{N}\p{M} _"'=:;,<>/@#%&!~`-]*$/u;

/** Null for a pattern that is one, but too large. */
export function compilePattern(pattern: string): Pattern | null {
  if (plain.test(pattern)) return literal(pattern);
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch {
    return literal(pattern);
  }
  if (compiled.programSize() > programSizeMax) return null;
  return {
    find(text) {
      const matcher = compiled.matcher(text);
      return matcher.find() ? [matcher.start(), matcher.end()] : null;
    },
    isAnchored: /[\^$]|\\[bBAz]/.test(pattern),
  };
}

function literal(wanted: string): Pattern {
  return {
    find(text) {
      const at = text.indexOf(wanted);
      return at === -1 ? null : [at, at + wanted.length];
    },
    isAnchored: false,
  };
}

const pieceChars = 16_384;
const anchoredChars = 262_144;
const overlapChars = 1_024;
const unitCharsShown = 500;
const charsBeforeMatch = 200;

/** Looks through the units until the end, the limit of characters or the time. */
export function search(pattern: Pattern, within: Search): Finding {
  const { from, to, charsMax, isOver } = within;
  const finding: Finding = { content: "", matches: 0, next: null, isCut: false };
  const shown: string[] = [];
  let chars = 0;
  /** Position after the last unit shown. */
  let shownTo = from;
  for (let unit = from; unit < to; unit++) {
    const isFull = chars > charsMax || (unit > from && unit % 64 === 0 && isOver());
    if (isFull) {
      finding.next = unit;
      break;
    }
    const place = findInUnit(pattern, bodyOf(within, unit), isOver);
    if (place === "over") finding.isCut = true;
    if (place === null || place === "over") continue;
    const block = blockOf(pattern, within, unit, place, shownTo);
    const blockChars = block.lines.reduce((sum, one) => sum + one.length + 1, 0);
    if (chars + blockChars > charsMax && finding.matches > 0) {
      finding.next = unit;
      break;
    }
    shown.push(...block.lines);
    shownTo = block.shownTo;
    chars += blockChars;
    finding.matches++;
  }
  finding.content = shown.join("\n");
  return finding;
}

/** A match with what stands around it and was not shown yet. A following match ends its context: it is its own block. */
function blockOf(pattern: Pattern, within: Search, unit: number, place: Place, shownTo: number) {
  const { units, from, to, context, isOver } = within;
  const first = Math.max(shownTo, unit - context);
  const lines = context > 0 && shownTo > from && first > shownTo ? ["--"] : [];
  for (let before = first; before < unit; before++) lines.push(lineOf(units, before, "-", bodyOf(within, before), 0));
  lines.push(lineOf(units, unit, ":", bodyOf(within, unit), place[0]));
  let next = unit + 1;
  for (; next < Math.min(to, unit + 1 + context); next++) {
    const body = bodyOf(within, next);
    if (findInUnit(pattern, body, isOver)) break;
    lines.push(lineOf(units, next, "-", body, 0));
  }
  return { lines, shownTo: next };
}

/** A unit without its line end. */
function bodyOf({ text, units }: Pick<Search, "text" | "units">, unit: number): string {
  const body = text.slice(units.starts[unit], units.ends[unit]);
  if (!body.endsWith("\n")) return body;
  return body.slice(0, body.endsWith("\r\n") ? -2 : -1);
}

/**
 * Long units are looked through in pieces that overlap, so that the time can be kept. An anchor would hold at the edges of
 * pieces: there, in units that are very long, it is not believed.
 */
function findInUnit({ find, isAnchored }: Pattern, body: string, isOver: () => boolean): Place | "over" | null {
  if (body.length <= (isAnchored ? anchoredChars : pieceChars)) return find(body);
  for (let at = 0; at < body.length; at += pieceChars - overlapChars) {
    const piece = body.slice(at, at + pieceChars);
    const place = find(piece);
    if (place) {
      const [start, end] = place;
      const isAtEdge = (start === 0 && at > 0) || (end === piece.length && at + end < body.length);
      if (!isAnchored || !isAtEdge) return [start + at, end + at];
    }
    if (isOver()) return "over";
  }
  return null;
}

function lineOf({ name }: Units, unit: number, mark: string, body: string, matchAt: number): string {
  const number = `${name === "line" ? "" : `${name} `}${unit + 1}${mark}`;
  if (body.length <= unitCharsShown) return number + body;
  const start = Math.max(0, Math.min(matchAt - charsBeforeMatch, body.length - unitCharsShown));
  const end = Math.min(body.length, start + unitCharsShown);
  return `${number}${start > 0 ? "..." : ""}${body.slice(start, end)}${end < body.length ? "..." : ""}`;
}
