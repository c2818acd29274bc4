// Owns what is told of a run: the decisions in numbers, what stands left out, and which originals must be kept for it.

import type { Decision } from "@anyray/shared/protocol";
import { handleOf } from "./handles";
import type { Elision } from "./optimize";
import type { Notes, RunGround, Said } from "./run-of";
import type { Draft, Segment } from "./segments/draft";
import type { StashWrite, Strategy } from "./strategy";
import type { TextClass } from "./text/classify";

/** One strategy's run. */
export interface Ran {
  strategy: Strategy;
  said: Said;
  ms: number;
  /** Changed something that is no unit's text: a field, an annotation, an order. */
  isChanged: boolean;
}

export interface KindSavings {
  /** Estimated tokens of the units the kind changed, before anything was. */
  before: number;
  saved: number;
  units: number;
}

export function decide(
  ran: readonly Ran[],
  savings: ReadonlyMap<string, KindSavings>,
  reverted: ReadonlyMap<string, number>,
  factor: number,
): Decision[] {
  return ran.flatMap(({ strategy, said, ms, isChanged }) => {
    const sum = savings.get(strategy.kind);
    const isTold = strategy.tier === "read" ? said.metric !== null : strategy.tier === "params" && isChanged;
    if (!sum && !isTold) return [];
    const before = sum?.before ?? 0;
    const undone = reverted.get(strategy.kind) ?? 0;
    // Words said while the strategy ran speak of edits that do not all stand.
    const words = undone > 0 ? null : said.summary;
    const more = undone > 0 ? `, ${undone} more would not pay yet` : "";
    return [
      {
        kind: strategy.kind,
        summary: words ?? `${sum?.units ?? 0} shortened${more}`,
        tokensBefore: Math.round(before * factor),
        tokensAfter: Math.round((before - (sum?.saved ?? 0)) * factor),
        ...(said.metric === null || undone > 0 ? {} : { metric: said.metric }),
        ms: Math.round(ms * 1_000) / 1_000,
      },
    ];
  });
}

/** The class of the longest segment stands for all of them. */
export function mainClass(draft: Draft, classOf: (segment: Segment) => TextClass): TextClass {
  let longest: Segment | null = null;
  for (const segment of draft.segments) {
    if (segment.original !== "" && segment.tokensBefore > (longest?.tokensBefore ?? 0)) longest = segment;
  }
  return longest ? classOf(longest) : "prose";
}

export function elisionsOf(draft: Draft, { cache, sentUntil }: RunGround, rewrittenFrom: number): Elision[] {
  let rewrittenTokens = 0;
  if (cache.isWarm && Number.isFinite(rewrittenFrom)) {
    for (const unit of draft.units) if (unit.at >= rewrittenFrom && unit.at < sentUntil) rewrittenTokens += unit.tokens;
  }
  return draft.segments.flatMap((segment): Elision[] => {
    const kind = segment.claim;
    const tokensSaved = kind === null ? 0 : (draft.savings.get(segment)?.[kind] ?? 0);
    if (kind === null || tokensSaved <= 0) return [];
    const isFirst = segment.at === rewrittenFrom;
    const isCached = cache.isWarm && segment.at < sentUntil;
    return [{ kind, tool: segment.toolName, tokensSaved, isCached, rewrittenTokens: isFirst ? rewrittenTokens : 0 }];
  });
}

/** Originals that the output offers, those of earlier turns too: offering one again prolongs its keeping. */
export function neededWrites(
  { draft, handleKey, scope }: RunGround,
  notes: Notes,
  handles: readonly string[],
): StashWrite[] {
  const wanted = new Set(handles);
  const writes = [...notes.stashed.values()].filter(({ handle }) => wanted.delete(handle));
  if (wanted.size === 0) return writes;
  for (const segment of draft.segments) {
    if (!segment.isSettled || segment.text === segment.original || !segment.text.includes("ctx_")) continue;
    const handle = handleOf(handleKey, scope, segment.original);
    if (!wanted.delete(handle)) continue;
    const kind = segment.claim ?? "";
    writes.push({ handle, kind, class: "prose", toolName: segment.toolName, content: segment.original, index: null });
  }
  return writes;
}
