// Owns how a marker tells where a text stands in the conversation: by tool, turn and what the call was about. Counted
// from the conversation's beginning, so that the words stay the same on every later turn.

import type { Draft, Segment } from "../../segments/draft";
import { callFacts, toolLabel } from "../../tool-call";

/** Names a segment: "Read result of turn 3 (src/a.ts)". */
export function namePlaces(draft: Draft): (segment: Segment) => string {
  const turnOf = countTurns(draft);
  const ordinals = countResults(draft, turnOf);
  return (segment) => {
    const turn = turnOf(segment.message);
    const { nth, of } = ordinals.get(segment) ?? { nth: 1, of: 1 };
    const { about } = callFacts(segment.toolArgs);
    const what = segment.role === "user" ? toolLabel(segment) : `${toolLabel(segment)} result`;
    return `${what}${of > 1 ? ` ${nth}` : ""} of turn ${turn}${about === "" ? "" : ` (${about})`}`;
  };
}

/** The assistant's turns begin with 1; what stands before the first is of turn 0. */
function countTurns({ messages }: Draft): (message: number) => number {
  let turn = 0;
  const turns = messages.map(({ role }, index) => {
    if (role === "assistant" && messages[index - 1]?.role !== "assistant") turn += 1;
    return turn;
  });
  return (message) => turns[message] ?? 0;
}

/** Results of one tool in one turn are told apart by number. */
function countResults({ segments }: Draft, turnOf: (message: number) => number) {
  const groups = new Map<string, Segment[]>();
  for (const segment of segments) {
    if (segment.kind !== "tool_result" && segment.kind !== "text") continue;
    const key = `${turnOf(segment.message)}\n${segment.role}\n${segment.toolName}`;
    const group = groups.get(key);
    if (group) group.push(segment);
    else groups.set(key, [segment]);
  }
  const ordinals = new Map<Segment, { nth: number; of: number }>();
  for (const group of groups.values()) {
    for (const [index, segment] of group.entries()) ordinals.set(segment, { nth: index + 1, of: group.length });
  }
  return ordinals;
}
