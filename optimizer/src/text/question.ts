// Owns what the live turn asks for: words with weights, literals, intents; and where a user's own words end and pasted
// data begins. It reads; what is kept is decided elsewhere.

import { type Intent, type IntentLexicon, intentLexicon, intentsOf } from "./intents";
import { createFinder, type LiteralFinder, literalsOf } from "./literals";
import { dataLines, findFence } from "./pasted";
import { likeness, scanWords, sharedChars, termOf } from "./terms";

export type { Intent } from "./intents";

export interface Question {
  /** Term as terms.ts makes it → weight in (0, 1]; below 0 for what the question excludes. */
  terms: ReadonlyMap<string, number>;
  /** Numbers, ids, paths, identifiers, quoted strings as the question spells them. */
  literals: readonly string[];
  intents: ReadonlySet<Intent>;
  /** No term, no literal, no intent. */
  isEmpty: boolean;
  /** The words of the last user, pasted data cut away. */
  text: string;
}

export interface Asked {
  lastUser: string;
  previousUser: string | null;
  /** Arguments of the tool call that made the text that is asked about: JSON, or a line. */
  toolArgs: string | null;
  lastAssistant: string | null;
}

const previousWeight = 0.5;
const toolWeight = 0.5;
const assistantWeight = 0.25;
const excludedWeight = -0.5;
/** What stands further inside a long message is its matter, hardly its question. */
const wordsCharsMax = 8_000;
const termsMax = 256;

export function buildQuestion(from: Asked, lexicon: IntentLexicon = intentLexicon): Question {
  const text = ownWords(from.lastUser);
  const { wanted, excluded } = splitNegated(text);
  const command = from.toolArgs === null ? "" : argumentWords(from.toolArgs);
  const terms = new Map<string, number>();
  addTerms(terms, wanted, 1);
  addTerms(terms, excluded, excludedWeight);
  if (from.previousUser !== null) {
    const previous = splitNegated(ownWords(from.previousUser));
    addTerms(terms, previous.wanted, previousWeight);
    addTerms(terms, previous.excluded, excludedWeight * previousWeight);
  }
  addTerms(terms, command, toolWeight);
  if (from.lastAssistant !== null) addTerms(terms, announced(from.lastAssistant), assistantWeight);
  const literals = new Set([...literalsOf(wanted), ...literalsOf(command, { smallNumbers: false })]);
  const intents = intentsOf(wanted, lexicon);
  const isEmpty = literals.size === 0 && intents.size === 0 && ![...terms.values()].some((weight) => weight > 0);
  return { terms, literals: [...literals], intents, isEmpty, text };
}

/** What was said first, and with more weight, counts. */
function addTerms(terms: Map<string, number>, text: string, weight: number): void {
  scanWords(text, (word, isWhole) => {
    const term = termOf(word, isWhole);
    if (term !== null && terms.size < termsMax && !terms.has(term)) terms.set(term, weight);
  });
}

function ownWords(message: string): string {
  const pasted = pastedRange(message);
  const words = pasted ? `${message.slice(0, pasted.start)}\n${message.slice(pasted.end)}` : message;
  if (words.length <= wordsCharsMax) return words.trim();
  return `${words.slice(0, wordsCharsMax / 2)}\n${words.slice(-wordsCharsMax / 2)}`.trim();
}

const negation =
  /\b(?:ignor(?:e|ing)|exclud(?:e|ing)|except(?: for)?|without|other than|not the|apart from|besides)\b/gi;
const clauseEnd = /[,.;:!?)\n]|\bbut\b|\band (?:show|list|tell|find|give|explain)\b/gi;

/** "Why does it fail, ignoring the cache warnings?" → what is asked for, and what is not. */
function splitNegated(text: string): { wanted: string; excluded: string } {
  let wanted = "";
  let excluded = "";
  let at = 0;
  for (const cue of text.matchAll(negation)) {
    if (cue.index < at) continue;
    const from = cue.index + cue[0].length;
    clauseEnd.lastIndex = from;
    const end = clauseEnd.exec(text)?.index ?? text.length;
    wanted += `${text.slice(at, cue.index)} `;
    excluded += `${text.slice(from, end)} `;
    at = end;
  }
  return { wanted: wanted + text.slice(at), excluded };
}

const argumentCharsMax = 2_000;

/** The values of a call's arguments; their names say what the tool wants, not what is looked for. */
function argumentWords(toolArgs: string): string {
  const values: string[] = [];
  const collect = (value: unknown, depth: number): void => {
    if (typeof value === "string") values.push(value.slice(0, argumentCharsMax));
    else if (typeof value === "number") values.push(String(value));
    else if (typeof value === "object" && value !== null && depth < 6) {
      for (const each of Object.values(value).slice(0, 50)) collect(each, depth + 1);
    }
  };
  try {
    collect(JSON.parse(toolArgs), 0);
  } catch {
    values.push(toolArgs.slice(0, argumentCharsMax));
  }
  return values.join("\n").slice(0, 2 * argumentCharsMax);
}

const announcement =
  /\b(?:let me|let's|i['’]?ll|i will|i need to|next,?|now i|look(?:ing)? (?:for|at|into)|search(?:ing)?|check(?:ing)?|find(?:ing)?)\b/i;
const announcedCharsMax = 1_200;

/** The last paragraph of what the model said, where it says what it is about to look for. */
function announced(text: string): string {
  const end = text.slice(-announcedCharsMax).trimEnd();
  const last = end.slice(end.lastIndexOf("\n\n") + 1);
  return announcement.test(last) ? last : "";
}

/** A smaller blob is not worth to be looked at. */
const pastedCharsMin = 400;

/**
 * Where the data stands that a user pasted into a message: a fenced block, or what is left when prose at its head and
 * tail is cut away. null where there is none; the whole message where it is all data. UTF-16 units, end exclusive.
 */
export function pastedRange(userText: string): { start: number; end: number } | null {
  if (userText.length < pastedCharsMin) return null;
  const range = findFence(userText) ?? dataLines(userText);
  return range !== null && range.end - range.start >= pastedCharsMin ? range : null;
}

interface Matcher {
  finder: LiteralFinder;
  /** First characters → the question's terms that begin with them. */
  byStart: ReadonlyMap<string, readonly { term: string; index: number }[]>;
  weights: readonly number[];
  /** Sum of the weights above 0. */
  wanted: number;
}

const matchers = new WeakMap<Question, Matcher>();

/** What finds a question's terms among the terms of texts; made once per question. */
export function matcherOf(question: Question): Matcher {
  const known = matchers.get(question);
  if (known) return known;
  const byStart = new Map<string, { term: string; index: number }[]>();
  const weights: number[] = [];
  for (const [term, weight] of question.terms) {
    const start = term.slice(0, sharedChars);
    const group = byStart.get(start);
    const entry = { term, index: weights.length };
    if (group) group.push(entry);
    else byStart.set(start, [entry]);
    weights.push(weight);
  }
  const wanted = weights.reduce((sum, weight) => sum + Math.max(0, weight), 0);
  const matcher = { finder: createFinder(question.literals), byStart, weights, wanted };
  matchers.set(question, matcher);
  return matcher;
}

/**
 * `literal`: one of the question's literals stands in the text. `score`: share of the question's weight that does,
 * less what it excludes, in [0, 1].
 */
export function matches(question: Question, text: string): { literal: boolean; score: number } {
  const matcher = matcherOf(question);
  const literal = matcher.finder.has(text);
  if (matcher.wanted === 0) return { literal, score: 0 };
  const worths = new Float64Array(matcher.weights.length);
  scanWords(text, (word, isWhole) => {
    const group = matcher.byStart.get(word.slice(0, sharedChars).toLowerCase());
    if (!group) return;
    const term = termOf(word, isWhole);
    if (term === null) return;
    for (const { term: asked, index } of group) {
      worths[index] = Math.max(worths[index] as number, likeness(asked, term));
    }
  });
  const sum = worths.reduce((total, worth, index) => total + worth * (matcher.weights[index] as number), 0);
  return { literal, score: Math.max(0, Math.min(1, sum / matcher.wanted)) };
}
