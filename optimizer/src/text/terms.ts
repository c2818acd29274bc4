// Owns how text becomes terms: identifiers whole and in parts, natural words stemmed, stop words gone. Linear in the
// text and the same in every locale; what a term weighs is others' business.

import { stem } from "./stem";

const separator = 0;
const lower = 1;
const upper = 2;
const digit = 3;
const underscore = 4;
const connector = 5;
const ideograph = 6;

const kinds = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code);
  if (/[a-z]/.test(char)) kinds[code] = lower;
  else if (/[A-Z]/.test(char)) kinds[code] = upper;
  else if (/[0-9]/.test(char)) kinds[code] = digit;
  else if (/[_$]/.test(char)) kinds[code] = underscore;
  else if (/[-./]/.test(char)) kinds[code] = connector;
}

/** Letters outside ASCII count as small ones; their punctuation and blanks separate. */
function kindAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code < 128) return kinds[code] as number;
  if (code < 0xc0 || code === 0xd7 || code === 0xf7) return separator;
  if (code >= 0x2000 && code <= 0x2bff) return separator;
  if ((code >= 0x2e80 && code <= 0x303f) || (code >= 0xfe10 && code <= 0xff0f)) return separator;
  if (code >= 0x3040 && code <= 0x9fff) return ideograph;
  return code >= 0xd800 && code <= 0xf8ff ? separator : lower;
}

/** Longer runs are data, not words. */
const termCharsMax = 64;

/**
 * Calls `visit` with every word of `text` as it is spelt: parts of camelCase, snake_case, kebab-case and paths, and
 * (`isWhole`) what they are parts of. Ideographs come in pairs. Not always in the order of the text: a whole follows
 * its parts.
 */
export function scanWords(text: string, visit: (word: string, isWhole: boolean) => void): void {
  const length = text.length;
  let at = 0;
  while (at < length) {
    const kind = kindAt(text, at);
    if (kind === ideograph) at = scanIdeographs(text, at, visit);
    else if (kind === separator || kind === connector) at++;
    else at = scanChunk(text, at, visit);
  }
}

/** Words joined by "-", "." or "/". */
function scanChunk(text: string, from: number, visit: (word: string, isWhole: boolean) => void): number {
  let at = scanWord(text, from, visit);
  let words = 1;
  while (at + 1 < text.length && kindAt(text, at) === connector && isWordKind(kindAt(text, at + 1))) {
    at = scanWord(text, at + 1, visit);
    words++;
  }
  // Dates and times begin with a digit, and are never asked for as a whole: literals find them.
  if (words > 1 && at - from <= termCharsMax && kindAt(text, from) !== digit) visit(text.slice(from, at), true);
  return at;
}

function scanWord(text: string, from: number, visit: (word: string, isWhole: boolean) => void): number {
  let at = from;
  let partFrom = from;
  let parts = 0;
  let before = separator;
  for (; at < text.length; at++) {
    const kind = kindAt(text, at);
    if (!isWordKind(kind)) break;
    const beginsPart =
      kind === upper && (before === lower || ((before === upper || before === digit) && kindAfter(text, at) === lower));
    if (kind === underscore || beginsPart) {
      if (at > partFrom) parts += visitPart(text, partFrom, at, visit);
      partFrom = kind === underscore ? at + 1 : at;
    }
    before = kind;
  }
  if (at > partFrom) parts += visitPart(text, partFrom, at, visit);
  if (parts > 1 && at - from <= termCharsMax) visit(text.slice(from, at), true);
  return at;
}

function visitPart(text: string, from: number, to: number, visit: (word: string, isWhole: boolean) => void): number {
  if (to - from <= termCharsMax) visit(text.slice(from, to), false);
  return 1;
}

function scanIdeographs(text: string, from: number, visit: (word: string, isWhole: boolean) => void): number {
  let at = from + 1;
  while (at < text.length && kindAt(text, at) === ideograph) {
    visit(text.slice(at - 1, at + 1), false);
    at++;
  }
  if (at === from + 1) visit(text.slice(from, at), false);
  return at;
}

function kindAfter(text: string, at: number): number {
  return at + 1 < text.length ? kindAt(text, at + 1) : separator;
}

function isWordKind(kind: number): boolean {
  return kind >= lower && kind <= underscore;
}

const stopWords = new Set(
  `a about above after again all also am an and any are as at be because been before being below between both but by can
  could did do does doing done down during each else etc few for from further give go got had has have having he her here
  hers him his how however i if in into is it its itself just know let like look lot made make many may maybe me might
  more most much must my need no nor not now of off on once one only or other our ours out over own per please same say
  see she should show so some still such sure take tell than thank thanks that the their theirs them then there these
  they thing things this those through to too try under until up us use used using very via want was we well were what
  when where whether which while who whom why will with within without would yes yet you your yours`.split(/\s+/),
);

/** The term a word stands for; null for stop words and single characters. Wholes are not stemmed. */
export function termOf(word: string, isWhole: boolean): string | null {
  const small = word.toLowerCase();
  if (isWhole) return small;
  if (small.length < 2) return small.length === 1 && kindAt(small, 0) === ideograph ? small : null;
  if (stopWords.has(small)) return null;
  return isAsciiWord(small) ? stem(small) : small;
}

/** Terms of a text, repeated ones repeated. */
export function termsOf(text: string): string[] {
  const terms: string[] = [];
  scanWords(text, (word, isWhole) => {
    const term = termOf(word, isWhole);
    if (term !== null) terms.push(term);
  });
  return terms;
}

/** What a match is worth where one term begins with the other. */
export const prefixWorth = 0.7;
const prefixCharsMin = 4;
/** Shorter beginnings that are words of their own: environment, directory, library, argument, document, request. */
const shortForms = new Set(["env", "dir", "lib", "arg", "doc", "req", "app"]);
/** All terms that are alike begin with the same characters, this many. */
export const sharedChars = 3;

/** 1 for equal terms, 0.7 where one begins with the other (repo, repository), else 0. Numbers only equal themselves. */
export function likeness(a: string, b: string): number {
  if (a === b) return 1;
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  if (!long.startsWith(short) || (short.length < prefixCharsMin && !shortForms.has(short))) return 0;
  return isPlainTerm(long) ? prefixWorth : 0;
}

/** Letters only: what prefix equivalence holds for. */
export function isPlainTerm(term: string): boolean {
  for (let at = 0; at < term.length; at++) if (kindAt(term, at) !== lower) return false;
  return true;
}

function isAsciiWord(word: string): boolean {
  for (let at = 0; at < word.length; at++) if ((kinds[word.charCodeAt(at)] ?? separator) !== lower) return false;
  return true;
}
