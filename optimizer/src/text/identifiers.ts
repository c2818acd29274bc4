// Owns the words of a text that name one certain thing: identifiers, paths, numbers of some length. One pass over the
// characters; the natural words around them are left out.

const charsMin = 3;
const charsMax = 120;

/** Calls `found` with each in order, repeated ones repeated. */
export function eachIdentifier(text: string, found: (identifier: string) => void): void {
  const { length } = text;
  let at = 0;
  while (at < length) {
    while (at < length && !isPart(text.charCodeAt(at))) at += 1;
    const start = at;
    while (at < length && isPart(text.charCodeAt(at))) at += 1;
    addWord(text, start, at, found);
  }
}

/** Each once. */
export function identifiersOf(text: string): Set<string> {
  const identifiers = new Set<string>();
  eachIdentifier(text, (identifier) => identifiers.add(identifier));
  return identifiers;
}

function addWord(text: string, from: number, to: number, found: (identifier: string) => void): void {
  let start = from;
  let end = to;
  // A full stop or a colon behind a word is the sentence's.
  while (start < end && isEdge(text.charCodeAt(start))) start += 1;
  while (end > start && isEdge(text.charCodeAt(end - 1))) end -= 1;
  if (end - start < charsMin || end - start > charsMax || !isDistinctive(text, start, end)) return;
  found(text.slice(start, end));
}

/** Letters, digits, and what joins them inside names and paths. */
function isPart(code: number): boolean {
  if (code >= 128) return false;
  return isDigit(code) || isLetter(code) || code === 95 || code === 45 || code === 46 || code === 47 || code === 58;
}

function isEdge(code: number): boolean {
  return code === 45 || code === 46 || code === 58 || code === 47;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isLetter(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

/** It has a digit among at least three, joins words, or changes case inside: no natural word does. */
function isDistinctive(text: string, start: number, end: number): boolean {
  let digits = 0;
  for (let at = start; at < end; at += 1) {
    const code = text.charCodeAt(at);
    if (isDigit(code)) digits += 1;
    else if (code === 95 || code === 46 || code === 47) return true;
    else if (at > start && code >= 65 && code <= 90 && isLower(text.charCodeAt(at - 1))) return true;
  }
  return digits > 0 && (digits < end - start || digits >= charsMin);
}

function isLower(code: number): boolean {
  return code >= 97 && code <= 122;
}
