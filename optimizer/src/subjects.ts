// Owns which texts of a request a strategy may look at under its `roles`: results of tools whole, and of what users
// wrote only the data they pasted. The user's own words are nobody's subject.

import type { Draft, EditTier, Segment } from "./segments/draft";
import type { ParamSpec, Run, StashIndex } from "./strategy";
import { lineStarts } from "./text/lines";
import { pastedRange } from "./text/question";

/** A text, or the part of one, that may be edited. */
export interface Subject {
  readonly segment: Segment;
  /** Where `text` stands in the segment's text. UTF-16 units, end exclusive. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export const rolesParam = {
  type: "list",
  default: ["tool", "function"],
  choices: ["tool", "function", "user"],
  help: 'Whose texts may be edited. "tool" and "function" are results of tools; "user" adds data that users pasted.',
} satisfies ParamSpec;

/** In order of place; only texts of at least `charsMin` characters. */
export function subjectsOf(draft: Draft, roles: unknown, charsMin: number): Subject[] {
  const wanted = new Set(Array.isArray(roles) ? roles : []);
  const takesTools = wanted.has("tool") || wanted.has("function");
  const subjects: Subject[] = [];
  for (const segment of draft.segments) {
    const { kind, role, text } = segment;
    if (text.length < charsMin || draft.messages[segment.message]?.isDropped) continue;
    if (kind === "tool_result" && takesTools) subjects.push({ segment, start: 0, end: text.length, text });
    if (kind !== "text" || role !== "user" || !wanted.has("user")) continue;
    const range = pastedRange(text);
    if (!range || range.end - range.start < charsMin) continue;
    subjects.push({ segment, ...range, text: text.slice(range.start, range.end) });
  }
  return subjects;
}

/** Whether the subject may be edited; what was pasted counts as such. */
export function accepts(draft: Draft, { segment }: Subject, tier: EditTier): boolean {
  return draft.accepts(segment, tier, segment.role === "user");
}

/** Puts `text` in the subject's place; what stands around it stays. */
export function replace(draft: Draft, { segment, start, end }: Subject, text: string, tier: EditTier): boolean {
  const whole = segment.text.slice(0, start) + text + segment.text.slice(end);
  return draft.propose(segment, whole, tier, segment.role === "user");
}

/** Notes the subject's original by its lines; gives its handle. */
export function stashLines(run: Run, subject: Subject): string {
  return stashWith(run, subject, { starts: lineStarts(subject.text), unit: "line" });
}

export function stashWith(run: Run, { segment, text }: Subject, index: StashIndex): string {
  return text === segment.original ? run.stash(segment, index) : run.stashText(text, index);
}
