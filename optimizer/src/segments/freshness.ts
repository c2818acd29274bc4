// Owns which pieces belong to the live turn: the last user's own words, and every tool's output that the model has
// not answered yet.

import type { Found, FoundPiece } from "./api";

export function findFreshness({ messages, pieces }: Found) {
  const turns = assistantTurns(messages.map(({ role }) => role === "assistant"));
  // An answer that the caller began itself is no answer: what stands before it is still unanswered.
  let last = messages.length - 1;
  while (last >= 0 && messages[last]?.role === "assistant") last -= 1;
  while (last >= 0 && messages[last]?.role !== "assistant") last -= 1;
  const words = pieces.findLast(({ role, kind }) => role === "user" && kind === "text")?.message ?? -1;
  const turnsInAll = turns.at(-1) ?? 0;
  return {
    isFresh({ role, message }: FoundPiece): boolean {
      if (message < 0 || role === "system" || role === "developer" || role === "assistant") return false;
      return message > last || (message === words && role === "user");
    },
    /** Assistant turns that begin after the piece. */
    age({ message }: FoundPiece): number {
      return turnsInAll - (message < 0 ? 0 : (turns[message] ?? 0));
    },
  };
}

/** For each message, how many turns of the assistant have begun up to it; adjacent elements are one turn. */
function assistantTurns(isAssistant: readonly boolean[]): number[] {
  let turns = 0;
  return isAssistant.map((is, index) => {
    if (is && !isAssistant[index - 1]) turns += 1;
    return turns;
  });
}
