// Owns what a call would have cost without the optimizer.
//
// The rule: the tokens the optimizer says it saved are added to the input that the provider stated, and the call is
// priced again. They count as read from the provider's cache where the provider says that more than half of the input
// was, and as plain input everywhere else: never at the higher price of a cache write, though a long prompt that is
// sent for the first time would have paid it. What an edit made the provider write to its cache anew is in the cost
// itself. A call that used no input saved none.

import { costNanoUsd, type Price } from "@anyray/shared/pricing";
import { tokensMax, type Usage } from "@anyray/shared/usage";
import { savingsOfHit } from "./answers/hit-savings";
import type { Optimized } from "./call";

export interface Savings {
  /** Below zero where the optimizer made the request longer. */
  tokensSaved: number;
  /** Strategy kind → tokens saved; null where nothing was changed. */
  decisions: Record<string, number> | null;
  /** Null = unpriced. */
  baselineCostNanoUsd: number | null;
  /** Below zero is a loss; 0 for an unpriced model. */
  savingsNanoUsd: number;
}

/** @param costNano of `usage` by `price`; null = unpriced */
export function savingsOf(
  { outcome, facts, saved }: Pick<Optimized, "outcome" | "facts" | "saved">,
  usage: Readonly<Usage>,
  costNano: number | null,
  price: Price | null,
): Savings {
  if (saved) return savingsOfHit(saved, price);
  const plain = { tokensSaved: 0, decisions: null, baselineCostNanoUsd: costNano, savingsNanoUsd: 0 };
  if (outcome !== "optimized" || !facts) return plain;
  const isUsed = usage.inputTokens > 0;
  // Kinds without tokens stay: whether calls fail after a strategy's edit must show.
  const decisions = sumByKind(facts.decisions, isUsed);
  const tokensSaved = isUsed ? Math.max(-usage.inputTokens, facts.estimatedTokensSaved) : 0;
  if (!isUsed || costNano === null || price === null) return { ...plain, tokensSaved, decisions };
  const baselineCostNanoUsd = costNanoUsd(withTokens(usage, tokensSaved), price);
  return { tokensSaved, decisions, baselineCostNanoUsd, savingsNanoUsd: baselineCostNanoUsd - costNano };
}

function withTokens(usage: Readonly<Usage>, tokens: number): Usage {
  const isMostlyCached = usage.cachedInputTokens * 2 > usage.inputTokens;
  const written = usage.cachedInputTokens + usage.cacheWriteTokens;
  if (isMostlyCached) {
    // A loss cannot take more than there is of the kind it is taken from.
    const added = Math.max(-usage.cachedInputTokens, tokens);
    return {
      ...usage,
      inputTokens: usage.inputTokens + added,
      cachedInputTokens: usage.cachedInputTokens + added,
    };
  }
  return { ...usage, inputTokens: Math.max(written, usage.inputTokens + tokens) };
}

function sumByKind(
  decisions: readonly { kind: string; tokensBefore: number; tokensAfter: number }[],
  isUsed: boolean,
): Record<string, number> {
  // A map first, because a kind may be named like what every object has.
  const sums = new Map<string, number>();
  for (const { kind, tokensBefore, tokensAfter } of decisions) {
    const saved = isUsed ? Math.round(tokensBefore - tokensAfter) : 0;
    sums.set(kind, Math.max(-tokensMax, Math.min(tokensMax, (sums.get(kind) ?? 0) + saved)));
  }
  return Object.fromEntries(sums);
}
