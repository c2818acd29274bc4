// Owns the literals of a text: numbers, versions, ids, paths, codes, identifiers, what stands in quotes; and where they
// occur. Compared without regard to case, as whole words, never as patterns: what a user writes is no regular expression.

const literalCharsMax = 200;
const literalsMax = 64;

export interface LiteralOptions {
  /** Numbers of up to four digits count; in a command line they are mostly limits and flags. Default true. */
  smallNumbers?: boolean;
}

/** Literals in order, as they are spelt, each once, at most 64. */
export function literalsOf(text: string, { smallNumbers = true }: LiteralOptions = {}): string[] {
  const literals = new Set<string>();
  const add = (literal: string) => {
    if (literals.size < literalsMax && literal.length <= literalCharsMax) literals.add(literal);
  };
  for (const quoted of quotedIn(text)) add(quoted);
  for (const word of text.split(/\s/)) {
    const bare = trimMarks(word);
    // key=value and key:value name a value as much as the pair.
    const parts =
      bare.length <= literalCharsMax && /^[\w.-]+=[^=]+$/.test(bare) ? [bare.slice(bare.indexOf("=") + 1)] : [];
    for (const candidate of [bare, ...parts.map(trimMarks)]) if (isLiteral(candidate, smallNumbers)) add(candidate);
  }
  return [...literals];
}

const quotes: Readonly<Record<string, string>> = { '"': '"', "'": "'", "`": "`", "“": "”", "‘": "’" };

/** What stands between quotes on one line, 2 to 200 characters. An apostrophe inside a word opens nothing. */
function quotedIn(text: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length; at++) {
    const closing = quotes[text.charAt(at)];
    if (closing === undefined || (at > 0 && isWordChar(text.charCodeAt(at - 1)))) continue;
    const end = closingQuote(text, at + 1, closing);
    if (end < 0) continue;
    const inside = text.slice(at + 1, end).trim();
    if (inside.length >= 2) found.push(inside);
    at = end;
  }
  return found;
}

function closingQuote(text: string, from: number, closing: string): number {
  const until = Math.min(text.length, from + literalCharsMax);
  for (let at = from; at < until; at++) {
    const char = text.charAt(at);
    if (char === "\n") return -1;
    if (char === closing && !(at + 1 < text.length && isWordChar(text.charCodeAt(at + 1)))) return at;
  }
  return -1;
}

const leading = new Set([..."([{<\"'`“‘*,;:!?"]);
const trailing = new Set([...")]}>\"'`”’*,;:!?."]);

function trimMarks(word: string): string {
  let start = 0;
  let end = word.length;
  while (start < end && leading.has(word.charAt(start))) start++;
  // The brackets of a call belong to its name.
  while (end > start && trailing.has(word.charAt(end - 1)) && word.charAt(end - 2) !== "(") end--;
  return word.slice(start, end);
}

function isLiteral(word: string, smallNumbers: boolean): boolean {
  if (word.length < 2 || word.length > literalCharsMax || word.startsWith("-")) return false;
  if (/\d/.test(word)) return smallNumbers || !/^\d{1,4}$/.test(word);
  // Paths and urls; not "and/or".
  if (/[\\/]/.test(word))
    return /^[\\/~.]|[\\/].*[\\/]|[\\/][^\\/]*\.\w+$|:\/\//.test(word) && /[A-Za-z]{2}/.test(word);
  if (/^[A-Z][A-Z_]{2,}$/.test(word)) return word.includes("_") || /^E[A-Z]{3,}$/.test(word);
  if (/^[A-Za-z$_][\w$]*(?:(?:\.|::|->)[A-Za-z$_][\w$]*)+(?:\(\))?$/.test(word)) return true;
  return (
    /^[A-Za-z$][\w$]*(?:\(\))?$/.test(word) && (/[a-z][A-Z]/.test(word) || /\w_\w/.test(word) || word.endsWith("()"))
  );
}

/** What literals are searched for; made once for many texts. */
export interface LiteralFinder {
  count: number;
  /** Indexes of the literals that stand in the text, ascending. */
  find(text: string): number[];
  /** Whether any does. */
  has(text: string): boolean;
}

/** "5xx" stands for every status of its hundred. */
const statusClass = /^([1-5])xx$/;

export function createFinder(literals: readonly string[]): LiteralFinder {
  const wanted = literals.map((literal) => {
    const small = literal.toLowerCase().replace(/\(\)$/, "");
    return { small, hundred: statusClass.exec(small)?.[1] ?? null };
  });
  const holds = (text: string, { small, hundred }: { small: string; hundred: string | null }) =>
    hundred === null ? includesWord(text, small) : includesStatus(text, hundred);
  return {
    count: literals.length,
    find(text) {
      if (wanted.length === 0) return [];
      const small = text.toLowerCase();
      return wanted.flatMap((literal, index) => (holds(small, literal) ? [index] : []));
    },
    has(text) {
      if (wanted.length === 0) return false;
      const small = text.toLowerCase();
      return wanted.some((literal) => holds(small, literal));
    },
  };
}

/** As a whole word where its ends are word characters: "12" is not in "3124". Both in small letters. */
export function includesWord(text: string, word: string): boolean {
  if (word === "") return false;
  const opensAsWord = isWordChar(word.charCodeAt(0));
  const endsAsWord = isWordChar(word.charCodeAt(word.length - 1));
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const end = at + word.length;
    const isOpen = !opensAsWord || at === 0 || !isWordChar(text.charCodeAt(at - 1));
    if (isOpen && (!endsAsWord || end === text.length || !isWordChar(text.charCodeAt(end)))) return true;
  }
  return false;
}

function includesStatus(text: string, hundred: string): boolean {
  for (let at = text.indexOf(hundred); at >= 0; at = text.indexOf(hundred, at + 1)) {
    if (at > 0 && isWordChar(text.charCodeAt(at - 1))) continue;
    if (isDigit(text.charCodeAt(at + 1)) && isDigit(text.charCodeAt(at + 2)) && !isWordChar(text.charCodeAt(at + 3))) {
      return true;
    }
  }
  return false;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** False for NaN: what stands outside a text is no word. */
function isWordChar(code: number): boolean {
  return isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95 || code >= 0xc0;
}
