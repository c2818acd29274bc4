// Owns what elisions are worth in money and in tokens: what a call was spared, less what asking back and rewriting the
// provider's cache cost.

import { usdOfNano } from "@anyray/shared/money";
import { costNanoUsd } from "@anyray/shared/pricing";
import { noUsage } from "@anyray/shared/usage";
import type { ModelFacts } from "./models";
import type { OptimizeResult } from "./optimize";
import type { Parts } from "./optimizer";
import type { StashRecord } from "./stash/record";
import { estimateTokens } from "./text/tokens";

/** Of a conversation that asks something back nobody knows the length here: a usual one. */
const prefixTokensUsual = 20_000;

export function noteElisions({ net }: Parts, result: OptimizeResult, model: ModelFacts): void {
  for (const { kind, tool, tokensSaved, isCached, rewrittenTokens } of result.elisions) {
    net.note({
      kind,
      tool,
      tokensSaved,
      savedPrice: isCached ? model.cacheRead : 1,
      cacheWriteTokens: rewrittenTokens,
      cacheWritePrice: model.cacheWrite5m - model.cacheRead,
    });
  }
}

export function noteRetrieval(
  { net }: Parts,
  { kind, toolName }: Pick<StashRecord, "kind" | "toolName">,
  content: string,
): void {
  net.noteRetrieval({
    kind,
    tool: toolName,
    prefixTokens: prefixTokensUsual,
    retrievedTokens: estimateTokens(content),
  });
}

/** USD; 0 where the model has no price. What the provider had cached would have cost a cached read only. */
export function priceSavings({ priceBook }: Parts, model: string | null, result: OptimizeResult): number {
  if (model === null || result.tokensSaved <= 0) return 0;
  const price = priceBook.priceOf("openai", model) ?? priceBook.priceOf("anthropic", model);
  if (!price) return 0;
  const cachedInputTokens = Math.min(result.cachedTokensSaved, result.tokensSaved);
  const spared = { ...noUsage, inputTokens: result.tokensSaved, cachedInputTokens };
  return usdOfNano(costNanoUsd(spared, { ...price, request: 0 }));
}
