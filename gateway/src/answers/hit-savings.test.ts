import { expect, test } from "bun:test";
import { createPriceBook } from "@anyray/shared/pricing";
import { noUsage } from "@anyray/shared/usage";
import { savingsOfHit } from "./hit-savings";

const saved = { ...noUsage, inputTokens: 1_000_000, cachedInputTokens: 400_000, outputTokens: 100_000 };

test("a hit saves all that its answer took, cached input at its own price", () => {
  const price = createPriceBook({ overrides: [], now: () => Date.UTC(2026, 10, 21) }).priceOf("openai", "gpt-4o-mini");
  // USD per million: 0.15 input, 0.075 cached, 0.60 output.
  const costNano = 600_000 * 150 + 400_000 * 75 + 100_000 * 600;
  expect(savingsOfHit(saved, price)).toEqual({
    tokensSaved: 1_100_000,
    decisions: { semantic_cache: 1_100_000 },
    baselineCostNanoUsd: costNano,
    savingsNanoUsd: costNano,
  });
});

test("what has no price saves tokens and no money; what stated no usage saves nothing", () => {
  const unpriced = { tokensSaved: 1_100_000, decisions: { semantic_cache: 1_100_000 } };
  expect(savingsOfHit(saved, null)).toEqual({ ...unpriced, baselineCostNanoUsd: null, savingsNanoUsd: 0 });
  expect(savingsOfHit(noUsage, null)).toMatchObject({ tokensSaved: 0, savingsNanoUsd: 0 });
});
