// Owns what a question says about fields in so many words: "latency over 500", "size between 10 and 20", "the highest
// price". It understands nothing else; what it does not understand is ranked by words.

import type { Question } from "../../text/question";
import type { Column, Numbers } from "./columns";

export interface Predicate {
  column: string;
  /** For the digest: "over 500". */
  words: string;
  /** Rows that meet it, those that meet it most first. */
  rows: number[];
}

const over = new Set([
  "over",
  "above",
  "exceeding",
  "exceeds",
  "exceed",
  "greater",
  "more",
  "larger",
  "longer",
  "higher",
]);
const under = new Set(["under", "below", "less", "fewer", "smaller", "shorter", "lower"]);
const greatest = new Set(["highest", "most", "max", "maximum", "largest", "greatest", "biggest", "longest", "slowest"]);
const least = new Set(["lowest", "least", "min", "minimum", "smallest", "shortest", "fastest", "cheapest"]);
const reachWords = 4;
const extremeRows = 10;

/** What the question says about numeric columns. */
export function predicatesOf(question: Question, columns: readonly (Column & { numbers: Numbers })[]): Predicate[] {
  const words = wordsOf(question.text);
  if (words.length === 0) return [];
  return columns.flatMap((column) => {
    const names = new Set(namesOf(column.name));
    return words.flatMap((word, at) => {
      if (!names.has(word)) return [];
      const found = comparisonAt(words, at) ?? superlativeAt(words, at);
      return found ? [{ column: column.name, words: found.words, rows: rowsOf(column.numbers, found) }] : [];
    });
  });
}

interface Test {
  words: string;
  test(value: number): boolean;
  /** 1: greater values first; -1: lesser first. */
  order: 1 | -1;
  rowsMax: number;
}

function rowsOf({ rows, values }: Numbers, { test, order, rowsMax }: Test): number[] {
  const found: number[] = [];
  for (let at = 0; at < rows.length; at += 1) if (test(values[at] as number)) found.push(at);
  found.sort((a, b) => order * ((values[b] as number) - (values[a] as number)) || a - b);
  return found.slice(0, rowsMax).map((at) => rows[at] as number);
}

function comparisonAt(words: readonly string[], at: number): Test | null {
  for (let next = at + 1; next <= Math.min(words.length - 1, at + reachWords); next += 1) {
    const word = words[next] as string;
    const [first, second] = numbersAfter(words, next);
    if (first === undefined) continue;
    const rowsMax = Number.POSITIVE_INFINITY;
    if (over.has(word) || word === ">" || word === ">=") {
      const test = word === ">=" ? (value: number) => value >= first : (value: number) => value > first;
      return { words: `over ${first}`, test, order: 1, rowsMax };
    }
    if (under.has(word) || word === "<" || word === "<=") {
      const test = word === "<=" ? (value: number) => value <= first : (value: number) => value < first;
      return { words: `under ${first}`, test, order: -1, rowsMax };
    }
    if (word === "between" && second !== undefined) {
      const [low, high] = first <= second ? [first, second] : [second, first];
      const test = (value: number) => value >= low && value <= high;
      return { words: `${low} to ${high}`, test, order: 1, rowsMax };
    }
    if (word === "=" || word === "==" || word === "equals" || word === "equal" || word === "is" || word === "of") {
      return { words: `= ${first}`, test: (value) => value === first, order: 1, rowsMax };
    }
  }
  return null;
}

/** The first two numbers within reach. */
function numbersAfter(words: readonly string[], at: number): number[] {
  const numbers: number[] = [];
  for (const word of words.slice(at + 1, at + 1 + reachWords)) {
    const number = numberIn(word);
    if (number !== null) numbers.push(number);
  }
  return numbers;
}

/** "500", "500ms", "1,500": the number in front. */
function numberIn(word: string): number | null {
  const code = word.charCodeAt(0);
  if (code !== 0x2d && (code < 0x30 || code > 0x39)) return null;
  const number = Number.parseFloat(word.replaceAll(",", ""));
  return Number.isFinite(number) ? number : null;
}

function superlativeAt(words: readonly string[], at: number): Test | null {
  for (let near = Math.max(0, at - reachWords); near < at; near += 1) {
    const word = words[near] as string;
    if (greatest.has(word)) return { words: "greatest", test: () => true, order: 1, rowsMax: extremeRows };
    if (least.has(word)) return { words: "least", test: () => true, order: -1, rowsMax: extremeRows };
  }
  return null;
}

const wordsMax = 400;

function wordsOf(text: string): string[] {
  const words: string[] = [];
  let word = "";
  const end = () => {
    if (word !== "" && words.length < wordsMax) words.push(word.endsWith(".") ? word.slice(0, -1) : word);
    word = "";
  };
  for (const char of text.slice(0, 8_000).toLowerCase()) {
    const isSign = char === "<" || char === ">" || char === "=";
    const wasSign = word !== "" && "<>=".includes(word[0] as string);
    if (isSign !== wasSign) end();
    if (isSign || isWordChar(char)) word += char;
    else end();
  }
  end();
  return words;
}

function isWordChar(char: string): boolean {
  return (char >= "a" && char <= "z") || (char >= "0" && char <= "9") || "_-.,".includes(char) || char > "\x7f";
}

const unitParts = new Set(["ms", "sec", "seconds", "bytes", "mb", "kb", "gb", "usd", "pct", "percent", "count", "id"]);

/** How a question may call a column: by its path, its last name, or a part of that. */
function namesOf(path: string): string[] {
  const lower = path.toLowerCase();
  const leaf = lower.slice(lower.lastIndexOf(".") + 1);
  const camel = path.slice(path.lastIndexOf(".") + 1).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const parts = [...leaf.split(/[_\-$]/), ...camel.split(/[_\-$]/)];
  return [lower, leaf, ...parts.filter((part) => part.length > 2 && !unitParts.has(part))];
}
