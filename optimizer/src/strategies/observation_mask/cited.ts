// Owns which results are still talked about: those whose own words the live question or the last answers use.

import { hasMarker } from "../../markers";
import type { Draft } from "../../segments/draft";
import type { Subject } from "../../subjects";
import { eachIdentifier, identifiersOf } from "../../text/identifiers";

/** An identifier that stands in more results than this belongs to none of them. */
const resultsMax = 2;
/** So many of a result's own identifiers make it cited. */
const citationsMin = 2;
const answersRead = 2;
const opening = "[... ";
/** Longer arguments hold content, not names. */
const argsCharsMax = 2_000;

/** What is talked about now. */
export interface LivingWords {
  /** The last user's. One identifier of theirs is enough: they ask for it. */
  asked: readonly string[];
  /** The last two texts of the assistant. */
  answers: readonly string[];
}

export function livingWords({ segments }: Draft): LivingWords {
  const texts = segments.filter(({ kind, original }) => kind === "text" && original !== "");
  const lastUser = texts.findLast(({ role }) => role === "user")?.message;
  const asked = texts.filter(({ role, message }) => role === "user" && message === lastUser);
  const answers = texts.filter(({ role }) => role === "assistant").slice(-answersRead);
  return {
    asked: asked.map(({ original }) => ownWords(original)),
    answers: answers.map(({ original }) => ownWords(original)),
  };
}

/** Without the markers at its end and what stands in them: that was said by nobody. */
export function ownWords(text: string): string {
  if (!hasMarker(text)) return text;
  for (let at = text.indexOf(opening); at >= 0; at = text.indexOf(opening, at + 1)) {
    const end = text.indexOf("\n", at);
    if (hasMarker(text.slice(at, end < 0 ? text.length : end))) return text.slice(0, at);
  }
  return text;
}

/** Of `subjects`, those that are cited. */
export function citedSubjects(subjects: readonly Subject[], { asked, answers }: LivingWords): Set<Subject> {
  const wanted = new Map<string, number>();
  for (const text of answers) for (const identifier of identifiersOf(text)) wanted.set(identifier, 1);
  for (const text of asked) for (const identifier of identifiersOf(text)) wanted.set(identifier, citationsMin);
  const cited = new Set<Subject>();
  if (wanted.size === 0) return cited;
  const found = new Map<string, Set<Subject>>();
  for (const subject of subjects) {
    const note = (identifier: string) => {
      if (!wanted.has(identifier)) return;
      const holders = found.get(identifier);
      if (holders) holders.add(subject);
      else found.set(identifier, new Set([subject]));
    };
    eachIdentifier(ownWords(subject.text), note);
    const { toolArgs } = subject.segment;
    if (toolArgs !== null && toolArgs.length <= argsCharsMax) eachIdentifier(toolArgs, note);
  }
  const counts = new Map<Subject, number>();
  for (const [identifier, holders] of found) {
    if (holders.size > resultsMax) continue;
    const weight = wanted.get(identifier) ?? 0;
    for (const subject of holders) counts.set(subject, (counts.get(subject) ?? 0) + weight);
  }
  for (const [subject, count] of counts) if (count >= citationsMin) cited.add(subject);
  return cited;
}
