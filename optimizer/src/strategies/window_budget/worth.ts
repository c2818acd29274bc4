// Owns what a unit of a conversation is worth keeping: by the words of the question, by its age, by how often later
// turns come back to what it brought up. And which units the last answers still speak of.

import type { Draft, Segment } from "../../segments/draft";
import type { Run } from "../../strategy";
import { createIndex } from "../../text/bm25";
import { eachIdentifier, identifiersOf } from "../../text/identifiers";
import { buildQuestion } from "../../text/question";
import { livingWords, ownWords } from "../observation_mask/cited";
import type { Unit } from "./units";

const wordsWeight = 0.5;
const ageWeight = 0.3;
const agePower = 0.8;
const citationsWeight = 0.2;
/** So many mentions by later turns count as much as any number. */
const citationsFull = 5;
/** Beginning of each result that is read for the question's words. */
const readCharsMax = 4_000;
/** What stands in more units than this is cited without any of them being meant. */
const holdersMax = 2;

/** Per unit, in [0, 1]. `units` in order of place. */
export function worthOf(units: readonly Unit[], draft: Draft, run: Run): Float64Array {
  const texts = units.map((unit) => textOf(unit, draft));
  const index = createIndex(texts);
  const first = draft.segments.find(({ role, kind }) => role === "user" && kind === "text")?.original ?? "";
  const asked = index.score(run.question());
  const began = index.score(
    buildQuestion({ lastUser: first, previousUser: null, toolArgs: null, lastAssistant: null }),
  );
  const citations = citationsOf(units, draft);
  return Float64Array.from(units, (_, at) => {
    const words = Math.max(asked[at] ?? 0, began[at] ?? 0);
    const age = power(units.length - 1 - at);
    const cited = Math.min(1, (citations[at] ?? 0) / citationsFull);
    return wordsWeight * words + ageWeight * age + citationsWeight * cited;
  });
}

/** By multiplication alone: the same on every machine. */
function power(exponent: number): number {
  let value = 1;
  for (let count = 0; count < Math.min(exponent, 100); count += 1) value *= agePower;
  return value;
}

function textOf(unit: Unit, draft: Draft): string {
  return segmentsOf(unit, draft)
    .map((segment) => saidIn(segment).slice(0, readCharsMax))
    .join("\n");
}

function saidIn({ kind, original, toolArgs }: Segment): string {
  return kind === "tool_use" ? (toolArgs ?? "") : ownWords(original);
}

export function segmentsOf({ messages }: Unit, draft: Draft) {
  return messages.flatMap((index) => draft.messages[index]?.segments ?? []);
}

/** How often later turns name what was named in a unit first. */
function citationsOf(units: readonly Unit[], draft: Draft): Uint32Array {
  const counts = new Uint32Array(units.length);
  const firstIn = new Map<string, number>();
  for (const [at, unit] of units.entries()) {
    for (const segment of segmentsOf(unit, draft)) {
      const isSaid = segment.kind === "tool_use" || (segment.kind === "text" && segment.role === "assistant");
      eachIdentifier(saidIn(segment), (identifier) => {
        const first = firstIn.get(identifier);
        if (first === undefined) firstIn.set(identifier, at);
        else if (isSaid && first < at) counts[first] = (counts[first] as number) + 1;
      });
    }
  }
  return counts;
}

/** Units that hold what the live question or the last two texts of the assistant name, where few others do. */
export function citedUnits(units: readonly Unit[], draft: Draft): Set<Unit> {
  const wanted = new Set<string>();
  const { asked, answers } = livingWords(draft);
  const living = [...asked, ...answers];
  for (const text of living) for (const identifier of identifiersOf(text)) wanted.add(identifier);
  const holders = new Map<string, Set<Unit>>();
  for (const unit of wanted.size === 0 ? [] : units) {
    for (const segment of segmentsOf(unit, draft)) {
      const said = saidIn(segment);
      // What cites does not cite itself.
      if (living.includes(said)) continue;
      eachIdentifier(said, (identifier) => {
        if (!wanted.has(identifier)) return;
        const known = holders.get(identifier);
        if (known) known.add(unit);
        else holders.set(identifier, new Set([unit]));
      });
    }
  }
  const cited = new Set<Unit>();
  for (const each of holders.values()) if (each.size <= holdersMax) for (const unit of each) cited.add(unit);
  return cited;
}
