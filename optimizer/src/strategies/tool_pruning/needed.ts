// Owns which tools a conversation needs: those it used or named, those that its questions are about, and those that
// belong to them. It depends on the conversation and on the tools it is given, and on nothing else.

import type { Draft } from "../../segments/draft";
import { createIndex } from "../../text/bm25";
import { includesWord } from "../../text/literals";
import { buildQuestion, type Question } from "../../text/question";
import { stem } from "../../text/stem";
import { type ToolFacts, wordsOf } from "./tool-facts";

export interface Limits {
  keepMin: number;
  maxKeep: number;
  alpha: number;
}

/** What the people of a conversation asked for, the last question first. */
export function wishOf({ segments }: Draft): Question {
  const words = segments.filter(({ role, kind }) => role === "user" && kind === "text");
  const last = words.at(-1);
  const earlier = words.filter(({ message }) => message !== last?.message).map(({ original }) => original);
  const lastUser = words.filter(({ message }) => message === last?.message).map(({ original }) => original);
  return buildQuestion({
    lastUser: lastUser.join("\n\n"),
    previousUser: earlier.length > 0 ? earlier.join("\n\n") : null,
    toolArgs: null,
    lastAssistant: null,
  });
}

/** Names of tools that were called, and of those that a text of the conversation names. */
export function mentionedTools(draft: Draft, names: readonly string[], check: () => void): Set<string> {
  const mentioned = new Set<string>();
  for (const { kind, toolName } of draft.segments)
    if (kind === "tool_use" && toolName !== null) mentioned.add(toolName);
  const wanted = names.filter((name) => name.length > 1 && !mentioned.has(name));
  for (const { original, kind } of draft.segments) {
    check();
    if (original === "" || kind === "thinking") continue;
    const small = original.toLowerCase();
    for (const name of wanted) {
      if (mentioned.has(name)) continue;
      // Results are full of words like "search" that name nothing; "search_issues" is no such word.
      const isNamed =
        kind === "tool_result"
          ? isDistinctive(name) && includesWord(original, name)
          : includesWord(small, name.toLowerCase());
      if (isNamed) mentioned.add(name);
    }
  }
  return mentioned;
}

function isDistinctive(name: string): boolean {
  return /[_\-.0-9]|[a-z][A-Z]/.test(name);
}

/**
 * Indexes of the tools that are about what is wished for; null where the words of the wish lead to none, so that nothing
 * can be said of any.
 */
export function aboutTools(
  tools: readonly ToolFacts[],
  fixed: ReadonlySet<number>,
  wish: Question,
  { keepMin, maxKeep, alpha }: Limits,
): Set<number> | null {
  const index = createIndex(
    tools.map(({ nameWords, description, details }) => `${nameWords.join(" ")} ${description} ${details}`),
    tools.map(({ nameWords }) => nameWords.join(" ")),
  );
  const best = index.best(wish);
  if (!best) return null;
  const scores = index.score(wish);
  const ranked = tools.map((_, at) => at).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  // Questions in several steps, and words that hardly match, want a wider choice.
  const isVague = best.coverage < lowCoverage || wish.intents.has("ENUM");
  const threshold = isVague ? alpha / 2 : alpha;
  const kept = new Set<number>();
  for (const [place, at] of ranked.entries()) {
    if (kept.size >= maxKeep) break;
    if (place < keepMin || (scores[at] ?? 0) >= threshold) kept.add(at);
  }
  const add = (found: readonly number[]) => {
    for (const at of found) if (kept.size < maxKeep) kept.add(at);
  };
  add(siblingsOf(tools, new Set([...fixed, ...kept]), wish));
  add(prerequisitesOf(tools, new Set([...fixed, ...kept])));
  return kept;
}

const lowCoverage = 0.2;

const verbs = [
  "create add new make open insert post write send",
  "delete remove drop clear close cancel",
  "update edit change modify set rename patch move assign",
  "list show find search query get read fetch view browse count",
  "run start execute invoke launch trigger deploy",
  "stop kill pause abort",
  "merge join combine",
  "download upload import export sync copy",
].map((group) => new Set(group.split(" ").map(stem)));

function verbGroups(words: Iterable<string>): Set<number> {
  const groups = new Set<number>();
  for (const word of words) {
    const term = stem(word);
    for (const [at, group] of verbs.entries()) if (group.has(term)) groups.add(at);
  }
  return groups;
}

/** Tools with the same noun as a kept one whose verb the wish has: who creates an issue may close it next. */
function siblingsOf(tools: readonly ToolFacts[], kept: ReadonlySet<number>, wish: Question): number[] {
  const wished = verbGroups(wordsOf(wish.text));
  if (wished.size === 0) return [];
  const nouns = new Set<string>();
  for (const at of kept) for (const noun of nounsOf(tools[at] as ToolFacts)) nouns.add(noun);
  return tools.flatMap((tool, at) => {
    if (kept.has(at) || !nounsOf(tool).some((noun) => nouns.has(noun))) return [];
    return [...verbGroups(tool.nameWords)].some((group) => wished.has(group)) ? [at] : [];
  });
}

function nounsOf({ nameWords }: ToolFacts): string[] {
  return nameWords.map(stem).filter((word) => word.length > 2 && !verbs.some((group) => group.has(word)));
}

/** Tools that say they belong to a kept one, and tools that a kept one sends its caller to. */
function prerequisitesOf(tools: readonly ToolFacts[], kept: ReadonlySet<number>): number[] {
  const wanted = new Set(kept);
  const found: number[] = [];
  for (let isGrowing = true; isGrowing; ) {
    isGrowing = false;
    for (const [at, { name, description }] of tools.entries()) {
      if (wanted.has(at) || name === "") continue;
      const isTied = [...wanted].some((other) => {
        const { name: otherName, description: said } = tools[other] as ToolFacts;
        const names = (text: string, word: string) => isDistinctive(word) && includesWord(text, word);
        return names(description, otherName) || names(said, name);
      });
      if (!isTied) continue;
      wanted.add(at);
      found.push(at);
      isGrowing = true;
    }
  }
  return found;
}
