// Owns what the parts of this strategy share: how much may go, and how what is gone is told and found again.

import type { FloorTally } from "../../text/floor";
import type { Question } from "../../text/question";
import type { RowLimits } from "./select-rows";

export interface Limits extends RowLimits {
  /** Text longer than this is cut down to its ends and what stands out. */
  textCapChars: number;
  /** "json": JSON stays JSON. "auto": it becomes a table where that is much shorter. */
  encoding: "auto" | "json";
  /** Words that keep a change in a diff from being folded into another. */
  riskWords: readonly string[];
}

/** One text being cut down. */
export interface Cut {
  limits: Limits;
  question: Question;
  /** Names the original; asked for only when something is left out. */
  handle(): string;
  check(): void;
  /** What was left out, for the report: noun → count. */
  gone: Map<string, number>;
}

export function countGone(cut: Cut, noun: string, count: number): void {
  if (count > 0) cut.gone.set(noun, (cut.gone.get(noun) ?? 0) + count);
}

/** A whole number with its noun. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** What can be said of all that is gone: where nearly everything stands out, only examples of it could be kept. */
export function standOutFacts(reasons: readonly FloorTally[]): string {
  const most = reasons.filter(({ guarded }) => guarded).sort((a, b) => b.found - a.found)[0];
  if (!most) return "none that stands out";
  return `${most.kept} of ${most.found} with ${most.reason.replace("_", " ")} kept as examples`;
}
