// Owns what a call saved that a cached answer served: all that the answer cost when it was new. Nothing is estimated:
// the figures are what its provider stated then, at the prices of now.

import { costNanoUsd, type Price } from "@anyray/shared/pricing";
import { cappedTokens, type Usage } from "@anyray/shared/usage";
import type { Savings } from "../savings";

/** The strategy that decides on hits, as rows name it. */
const kind = "semantic_cache";

/** @param price null = unpriced: tokens are saved, and nobody knows what they were worth */
export function savingsOfHit(saved: Readonly<Usage>, price: Price | null): Savings {
  const tokensSaved = cappedTokens(saved);
  const baselineCostNanoUsd = price && costNanoUsd(saved, price);
  const decisions = { [kind]: tokensSaved };
  return { tokensSaved, decisions, baselineCostNanoUsd, savingsNanoUsd: baselineCostNanoUsd ?? 0 };
}
