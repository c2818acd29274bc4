// Owns whether two hunks are the same change at two places. It says yes only where nothing but names that both sides
// of a hunk share tells them apart: a number, an operator, a text, a new name makes it another change.

import type { Hunk } from "./diff-parts";

export interface Change {
  /** Tokens of the changed lines with names of its own masked, in fives. */
  shingles: ReadonlySet<string>;
  /** All that is no name, in order. */
  signs: string;
  /** Names of its own that came or went with the change, in order. */
  own: string;
}

interface Token {
  text: string;
  isName: boolean;
}

interface Line {
  sign: "+" | "-";
  tokens: Token[];
}

const commonShare = 0.3;
const likeMin = 0.7;
const lineCharsMax = 2_000;

/** What each hunk changes, seen among the others. */
export function changesOf(hunks: readonly Hunk[]): Change[] {
  const read = hunks.map(readLines);
  const counts = new Map<string, number>();
  for (const lines of read) {
    for (const name of new Set(lines.flatMap(({ tokens }) => tokens.filter(({ isName }) => isName).map(textOf)))) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  const isRare = (name: string) => (counts.get(name) ?? 0) < commonShare * hunks.length;
  return read.map((lines) => changeOf(lines, isRare));
}

function textOf({ text }: Token): string {
  return text;
}

function changeOf(lines: readonly Line[], isRare: (name: string) => boolean): Change {
  const added = namesOf(lines, "+");
  const removed = namesOf(lines, "-");
  const isShared = (name: string) => added.has(name) && removed.has(name);
  const stream: string[] = [];
  const signs: string[] = [];
  const own: string[] = [];
  for (const { sign, tokens } of lines) {
    stream.push(sign);
    signs.push(sign);
    for (const { text, isName } of tokens) {
      // The same name always has the same place in its hunk's numbering: a swap of two is no twin.
      const isMasked = isName && isRare(text) && isShared(text);
      stream.push(isMasked ? "\u0001" : text);
      if (!isName) signs.push(text);
      else if (!isMasked) own.push(text);
    }
  }
  return { shingles: shinglesOf(stream), signs: signs.join(" "), own: own.join(" ") + pattern(lines) };
}

/** Which masked name stands where, as numbers in order of appearance. */
function pattern(lines: readonly Line[]): string {
  const numbers = new Map<string, number>();
  const order: number[] = [];
  for (const { tokens } of lines) {
    for (const { text, isName } of tokens) {
      if (!isName) continue;
      if (!numbers.has(text)) numbers.set(text, numbers.size);
      order.push(numbers.get(text) as number);
    }
  }
  return `|${order.join(" ")}`;
}

function namesOf(lines: readonly Line[], side: "+" | "-"): Set<string> {
  const names = new Set<string>();
  for (const { sign, tokens } of lines) {
    if (sign === side) for (const { text, isName } of tokens) if (isName) names.add(text);
  }
  return names;
}

function shinglesOf(stream: readonly string[]): Set<string> {
  const shingles = new Set<string>();
  for (let at = 0; at + 5 <= Math.max(5, stream.length); at += 1) shingles.add(stream.slice(at, at + 5).join("\u0000"));
  return shingles;
}

export function isTwin(a: Change, b: Change): boolean {
  if (a.signs !== b.signs || a.own !== b.own) return false;
  let shared = 0;
  for (const shingle of a.shingles) if (b.shingles.has(shingle)) shared += 1;
  return shared >= likeMin * (a.shingles.size + b.shingles.size - shared);
}

function readLines({ lines }: Hunk): Line[] {
  return lines.flatMap((line) => {
    const sign = line[0];
    return sign === "+" || sign === "-" ? [{ sign, tokens: tokensOf(line.slice(1, lineCharsMax)) }] : [];
  });
}

/** Names, numbers, quoted texts, single signs; blanks count for nothing but at a line's beginning. */
function tokensOf(line: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < line.length; ) {
    const code = line.charCodeAt(at);
    if (code === 0x20 || code === 0x09 || code === 0x0d) {
      at += 1;
      continue;
    }
    const start = at;
    if (isQuote(code)) at = quotedEnd(line, at);
    else if (isNameStart(code)) while (at < line.length && isNamePart(line.charCodeAt(at))) at += 1;
    else if (isDigit(code)) while (at < line.length && isNumberPart(line.charCodeAt(at))) at += 1;
    else at += 1;
    const text = line.slice(start, at);
    tokens.push({ text: isQuote(code) ? withoutClimb(text) : text, isName: isNameStart(code) && !fixed.has(text) });
  }
  return tokens;
}

/** Words that decide what a condition means are never masked. */
const fixed = new Set(
  "true false null None True False nil undefined not and or if else elif unless while for return is in instanceof await async public private protected static final const let var".split(
    " ",
  ),
);

/** From how far below a path is looked at is no difference. */
function withoutClimb(text: string): string {
  let at = 1;
  while (text.startsWith("../", at) || text.startsWith("./", at)) at += text.startsWith("../", at) ? 3 : 2;
  return at > 1 ? text[0] + text.slice(at) : text;
}

function quotedEnd(line: string, start: number): number {
  const quote = line.charCodeAt(start);
  for (let at = start + 1; at < line.length; at += 1) {
    const code = line.charCodeAt(at);
    if (code === 0x5c) at += 1;
    else if (code === quote) return at + 1;
  }
  return line.length;
}

function isQuote(code: number): boolean {
  return code === 0x22 || code === 0x27 || code === 0x60;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isNameStart(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f || code === 0x24 || code > 0x7f
  );
}

function isNamePart(code: number): boolean {
  return isNameStart(code) || isDigit(code);
}

function isNumberPart(code: number): boolean {
  return isNamePart(code) || code === 0x2e;
}
