import { describe, expect, test } from "bun:test";
import { costNanoUsd, createPriceBook, type Price } from "@anyray/shared/pricing";
import type { OptimizeFacts } from "@anyray/shared/protocol";
import { noUsage, type Usage } from "@anyray/shared/usage";
import fc from "fast-check";
import { savingsOf } from "./savings";

const override = {
  provider: "p",
  model: "m",
  inputUsdPerMillion: 2,
  outputUsdPerMillion: 10,
  cachedInputUsdPerMillion: 0.5,
  cacheWriteUsdPerMillion: 2.5,
  cacheWriteLongUsdPerMillion: null,
  longContextAboveTokens: 200_000,
  longInputUsdPerMillion: 4,
  longOutputUsdPerMillion: 20,
  longCachedInputUsdPerMillion: null,
  longCacheWriteUsdPerMillion: null,
  longCacheWriteLongUsdPerMillion: null,
};
const price = createPriceBook({ overrides: [override], now: Date.now }).priceOf("p", "m") as Price;

const factsOf = (estimatedTokensSaved: number, byKind: Record<string, number> = { k: estimatedTokensSaved }) =>
  ({
    decisions: Object.entries(byKind).map(([kind, saved]) => ({
      ...{ kind, summary: "", ms: 0 },
      ...{ tokensBefore: Math.max(0, saved), tokensAfter: Math.max(0, -saved) },
    })),
    estimatedTokensSaved,
  }) as unknown as OptimizeFacts;

const used = (given: Partial<Usage>): Usage => ({ ...noUsage, ...given });
const save = (saved: number, usage: Usage, priced: Price | null = price) =>
  savingsOf({ outcome: "optimized", facts: factsOf(saved) }, usage, priced && costNanoUsd(usage, priced), priced);

describe("saved tokens are worth", () => {
  test("the price of plain input", () => {
    const usage = used({ inputTokens: 1_000, outputTokens: 100 });
    // 500 tokens at 2 USD per million.
    expect(save(500, usage)).toEqual({
      tokensSaved: 500,
      decisions: { k: 500 },
      savingsNanoUsd: 1_000_000,
      baselineCostNanoUsd: costNanoUsd(usage, price) + 1_000_000,
    });
  });

  test("that of a cached read where most of the input was one", () => {
    const of = (cachedInputTokens: number) => save(500, used({ inputTokens: 1_000, cachedInputTokens })).savingsNanoUsd;
    expect([of(500), of(501), of(1_000)]).toEqual([1_000_000, 250_000, 250_000]);
  });

  test("never that of a cache write", () => {
    expect(save(500, used({ inputTokens: 1_000, cacheWriteTokens: 1_000 })).savingsNanoUsd).toBe(1_000_000);
  });

  test("the dearer rate of a long context that the edit avoided, for the whole call", () => {
    const usage = used({ inputTokens: 150_000, outputTokens: 1_000 });
    const { baselineCostNanoUsd, savingsNanoUsd } = save(100_000, usage);
    expect(baselineCostNanoUsd).toBe(250_000 * 4_000 + 1_000 * 20_000);
    expect(savingsNanoUsd).toBe(1_020_000_000 - (150_000 * 2_000 + 1_000 * 10_000));
  });
});

test("nothing is saved by what changed nothing, and by a call that used nothing; its kinds still show", () => {
  const usage = used({ inputTokens: 1_000 });
  const cost = costNanoUsd(usage, price);
  for (const outcome of ["unchanged", "timeout", "off", "error"] as const) {
    expect(savingsOf({ outcome, facts: factsOf(500) }, usage, cost, price)).toEqual({
      tokensSaved: 0,
      decisions: null,
      baselineCostNanoUsd: cost,
      savingsNanoUsd: 0,
    });
  }
  expect(savingsOf({ outcome: "optimized", facts: factsOf(500) }, noUsage, 0, price)).toEqual({
    tokensSaved: 0,
    decisions: { k: 0 },
    baselineCostNanoUsd: 0,
    savingsNanoUsd: 0,
  });
});

test("tokens of a model without a price are counted, and worth nothing known", () => {
  expect(save(500, used({ inputTokens: 1_000 }), null)).toEqual({
    tokensSaved: 500,
    decisions: { k: 500 },
    baselineCostNanoUsd: null,
    savingsNanoUsd: 0,
  });
});

test("kinds that ran twice are one, under any name", () => {
  const facts = factsOf(9, {});
  const decision = (kind: string, tokensBefore: number) => ({
    kind,
    summary: "",
    tokensBefore,
    tokensAfter: 1.4,
    ms: 0,
  });
  const decisions = [decision("k", 5), decision("k", 3), decision("constructor", 2.4)];
  const { decisions: sums } = savingsOf(
    { outcome: "optimized", facts: { ...facts, decisions } },
    used({ inputTokens: 1 }),
    0,
    price,
  );
  expect(sums).toEqual({ k: 6, constructor: 1 });
});

test("whatever is claimed: whole figures, a baseline that is cost plus savings, a loss shown as one", () => {
  const count = fc.nat(300_000);
  fc.assert(
    fc.property(
      count,
      count,
      count,
      count,
      fc.integer({ min: -1e7, max: 1e7 }),
      (input, cached, written, output, saved) => {
        const inputTokens = input + cached + written;
        const usage = used({ inputTokens, cachedInputTokens: cached, cacheWriteTokens: written, outputTokens: output });
        const cost = costNanoUsd(usage, price);
        const result = save(saved, usage);
        const { tokensSaved, savingsNanoUsd, baselineCostNanoUsd } = result;
        expect(baselineCostNanoUsd).toBe(cost + savingsNanoUsd);
        expect(
          Object.values(result)
            .filter((value) => typeof value === "number")
            .every(Number.isInteger),
        ).toBe(true);
        expect(baselineCostNanoUsd ?? -1).toBeGreaterThanOrEqual(0);
        if (saved > 0 && inputTokens > 0) expect(savingsNanoUsd).toBeGreaterThan(0);
        if (saved < 0) expect([savingsNanoUsd <= 0, tokensSaved >= -inputTokens]).toEqual([true, true]);
      },
    ),
  );
});
