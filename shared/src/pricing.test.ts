import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { costNanoUsd, createPriceBook, type Price } from "./pricing";
import type { PriceOverride } from "./store/store";
import { noUsage, tokensMax, type Usage } from "./usage";

const autumn = Date.parse("2026-11-02T12:00:00Z");
const open = (overrides: PriceOverride[] = [], now = () => autumn) => createPriceBook({ overrides, now });
const usage = (counts: Partial<Usage>): Usage => ({ ...noUsage, ...counts });

const plainOverride: PriceOverride = {
  provider: "openai",
  model: "gpt-5",
  inputUsdPerMillion: 2,
  outputUsdPerMillion: 8,
  cachedInputUsdPerMillion: null,
  cacheWriteUsdPerMillion: null,
  cacheWriteLongUsdPerMillion: null,
  longContextAboveTokens: null,
  longInputUsdPerMillion: null,
  longOutputUsdPerMillion: null,
  longCachedInputUsdPerMillion: null,
  longCacheWriteUsdPerMillion: null,
  longCacheWriteLongUsdPerMillion: null,
};

/** A price as its rates in US dollars per million tokens. */
function usd(price: Price | null) {
  if (!price) return null;
  const list = (rates: Omit<Price, "origin" | "provider" | "id" | "request" | "longContext">) =>
    [rates.input, rates.output, rates.cachedInput, rates.cacheWrite, rates.cacheWriteLong].map((pico) => pico / 1e6);
  const long = price.longContext;
  return { base: list(price), ...(long ? { above: long.aboveTokens, long: list(long) } : {}) };
}

describe("published prices", () => {
  const book = open();

  test.each([
    ["openai", "gpt-5", [1.25, 10, 0.125, 1.25, 1.25]],
    ["openai", "gpt-5-mini", [0.25, 2, 0.025, 0.25, 0.25]],
    ["openai", "gpt-4o", [2.5, 10, 1.25, 2.5, 2.5]],
    ["openai", "gpt-4o-mini-2024-07-18", [0.15, 0.6, 0.075, 0.15, 0.15]],
    ["openai", "gpt-4.1", [2, 8, 0.5, 2, 2]],
    ["openai", "text-embedding-3-small", [0.02, 0, 0.02, 0.02, 0.02]],
    ["azure-openai", "gpt-4o", [2.5, 10, 1.25, 2.5, 2.5]],
    ["anthropic", "claude-opus-4-1", [15, 75, 1.5, 18.75, 30]],
    ["anthropic", "claude-haiku-4-5", [1, 5, 0.1, 1.25, 2]],
    ["anthropic", "claude-3-5-haiku-latest", [0.8, 4, 0.08, 1, 1.6]],
  ])("%s %s", (provider, model, base) => {
    expect(usd(book.priceOf(provider, model))).toEqual({ base });
  });

  test("claude-sonnet-4-5 has dearer rates above 200,000 input tokens", () => {
    const price = book.priceOf("anthropic", "claude-sonnet-4-5-20250929");
    expect(price).toMatchObject({ origin: "catalogue", provider: "anthropic", id: "claude-sonnet-4-5" });
    expect(usd(price)).toEqual({ base: [3, 15, 0.3, 3.75, 6], above: 200_000, long: [6, 22.5, 0.6, 7.5, 12] });
  });

  test("a call's own fee comes on top of its tokens, and not without any", () => {
    const price = book.priceOf("perplexity", "sonar-pro")!;
    expect(costNanoUsd(usage({ inputTokens: 1000, outputTokens: 100 }), price)).toBe(
      14_000_000 + 3_000_000 + 1_500_000,
    );
    expect(costNanoUsd(noUsage, price)).toBe(0);
  });

  test("reasoning is charged at its own rate where it has one", () => {
    const price = book.priceOf("perplexity", "sonar-deep-research")!;
    expect(costNanoUsd(usage({ outputTokens: 1000, reasoningTokens: 600 }), price)).toBe(400 * 8000 + 600 * 3000);
  });
});

describe("priceOf", () => {
  test("unknown providers and models are unpriced, free ones cost zero", () => {
    const book = open();
    expect(book.priceOf("openai", "nobodys-model")).toBeNull();
    expect(book.priceOf("my-openai", "gpt-5")).toBeNull();
    expect(book.priceOf("", "")).toBeNull();
    expect(book.priceOf("openai", "whisper-1")).toBeNull();
    const free = book.priceOf("openrouter", "qwen/qwen3-coder:free")!;
    expect(costNanoUsd(usage({ inputTokens: 1e6, outputTokens: 1e6 }), free)).toBe(0);
  });

  test("Azure OpenAI sells OpenAI's models at OpenAI's price, and the price says so", () => {
    expect(open().priceOf("azure-openai", "gpt-5")).toMatchObject({ provider: "openai", id: "gpt-5" });
  });

  test("names are compared without case and blanks; the release date in either spelling", () => {
    const book = open();
    for (const name of ["gpt-5", " GPT-5 ", "gpt-5-2025-08-07", "gpt-5-20250807"]) {
      expect(book.priceOf("OpenAI", name)).toBe(book.priceOf("openai", "gpt-5"));
    }
  });

  test("names longer than any model's are unpriced", () => {
    const book = open();
    expect(book.priceOf("anthropic", `claude-3-opus${"x".repeat(243)}`)?.id).toBe("claude-3-opus-latest");
    expect(book.priceOf("anthropic", `claude-3-opus${"x".repeat(244)}`)).toBeNull();
    expect(book.priceOf("x".repeat(257), "gpt-5")).toBeNull();
  });

  test("a name is looked up once, and at most 10,000 names are kept", () => {
    let lookups = 0;
    // Only looking up a known model asks for the time: a kept name does not.
    const book = open([], () => {
      lookups++;
      return autumn;
    });
    const gpt5 = book.priceOf("openai", "gpt-5");
    for (let made = 0; made < 9_999; made++) {
      if (book.priceOf("openai", `made-up-${made}`) !== null) throw new Error(`made-up-${made} has a price`);
    }
    expect(book.priceOf("openai", "gpt-5")).toBe(gpt5);
    expect(lookups).toBe(1);
    book.priceOf("openai", "one-too-many");
    expect(book.priceOf("openai", "gpt-5")).toBe(gpt5);
    expect(lookups).toBe(2);
  });

  test("a price that depends on the time follows the clock, kept names too", () => {
    let now = Date.parse("2025-06-09T23:59:59.999Z");
    const book = open([], () => now);
    expect(usd(book.priceOf("openai", "o3"))?.base.slice(0, 2)).toEqual([10, 40]);
    now += 1;
    expect(usd(book.priceOf("openai", "o3"))?.base.slice(0, 2)).toEqual([2, 8]);
    now -= 1;
    expect(usd(book.priceOf("openai", "o3"))?.base.slice(0, 2)).toEqual([10, 40]);
  });
});

describe("overrides", () => {
  test("come before the catalogue for exactly that provider and model", () => {
    const book = open([plainOverride]);
    expect(book.priceOf("openai", " GPT-5 ")).toMatchObject({ origin: "override", provider: "openai", id: "gpt-5" });
    expect(usd(book.priceOf("openai", "gpt-5"))).toEqual({ base: [2, 8, 2, 2, 2] });
    expect(book.priceOf("openai", "gpt-5-2025-08-07")?.origin).toBe("catalogue");
    expect(book.priceOf("azure-openai", "gpt-5")?.origin).toBe("catalogue");
  });

  test("price what the catalogue does not know, providers included", () => {
    const book = open([{ ...plainOverride, provider: "in-house", model: "llama-local", inputUsdPerMillion: 0 }]);
    expect(usd(book.priceOf("in-house", "llama-local"))?.base).toEqual([0, 8, 0, 0, 0]);
    expect(book.priceOf("in-house", "llama-other")).toBeNull();
  });

  test("take effect at once when they change, on names already looked up", () => {
    const book = open();
    const published = book.priceOf("openai", "gpt-5");
    expect(book.priceOf("openai", "in-house")).toBeNull();
    book.setOverrides([plainOverride, { ...plainOverride, model: "in-house" }]);
    expect(book.priceOf("openai", "gpt-5")?.origin).toBe("override");
    expect(book.priceOf("openai", "in-house")?.origin).toBe("override");
    book.setOverrides([]);
    expect(book.priceOf("openai", "gpt-5")).toBe(published);
    expect(book.priceOf("openai", "in-house")).toBeNull();
  });

  test("a kind without a rate is charged as the kind it is a part of; zero is a rate", () => {
    const priced = (rates: Partial<PriceOverride>) =>
      usd(open([{ ...plainOverride, ...rates }]).priceOf("openai", "gpt-5"));
    expect(priced({ cacheWriteUsdPerMillion: 3 })).toEqual({ base: [2, 8, 2, 3, 3] });
    expect(priced({ cacheWriteLongUsdPerMillion: 4 })).toEqual({ base: [2, 8, 2, 2, 4] });
    expect(priced({ cachedInputUsdPerMillion: 0 })).toEqual({ base: [2, 8, 0, 2, 2] });
  });

  test("above the threshold a rate left out is the one below it", () => {
    const long = { longContextAboveTokens: 1000, longInputUsdPerMillion: 5 };
    const priced = open([{ ...plainOverride, ...long, cachedInputUsdPerMillion: 0.5 }]).priceOf("openai", "gpt-5");
    expect(usd(priced)).toEqual({ base: [2, 8, 0.5, 2, 2], above: 1000, long: [5, 8, 0.5, 5, 5] });
    expect(costNanoUsd(usage({ inputTokens: 1000, outputTokens: 1 }), priced!)).toBe(1000 * 2000 + 8000);
    expect(costNanoUsd(usage({ inputTokens: 1001, outputTokens: 1 }), priced!)).toBe(1001 * 5000 + 8000);
    expect(costNanoUsd(usage({ inputTokens: 1001, cachedInputTokens: 1001 }), priced!)).toBe(1001 * 500);
  });
});

describe("costNanoUsd", () => {
  const price: Price = {
    origin: "override",
    provider: "p",
    id: "m",
    input: 7,
    cachedInput: 11,
    cacheWrite: 13,
    cacheWriteLong: 17,
    output: 19,
    reasoning: 23,
    request: 0,
    longContext: null,
  };

  test("charges every token once, at the rate of its kind", () => {
    const counts = {
      inputTokens: 1111e3,
      cachedInputTokens: 1000e3,
      cacheWriteTokens: 110e3,
      cacheWriteLongTokens: 10e3,
    };
    const cost = costNanoUsd({ ...counts, outputTokens: 500e3, reasoningTokens: 200e3 }, price);
    expect(cost).toBe(1 * 7 + 1000 * 11 + 100 * 13 + 10 * 17 + 300 * 19 + 200 * 23);
  });

  test.each([
    [499, 0],
    [500, 1],
    [1499, 1],
    [1500, 2],
  ])("%d pico-dollars round to %d nano-dollars", (pico, nano) => {
    expect(costNanoUsd(usage({ inputTokens: 1 }), { ...price, input: pico })).toBe(nano);
  });

  test("reads contradictory usage as if the parts were right", () => {
    const input = (counts: Partial<Usage>) => costNanoUsd(usage(counts), price);
    expect(input({ inputTokens: 1e3, cachedInputTokens: 3e3, cacheWriteTokens: 2e3 })).toBe(3 * 11 + 2 * 13);
    expect(input({ inputTokens: 5e3, cacheWriteTokens: 1e3, cacheWriteLongTokens: 2e3 })).toBe(3 * 7 + 2 * 17);
    expect(input({ outputTokens: 1e3, reasoningTokens: 4e3 })).toBe(4 * 23);
    expect(input({ inputTokens: -5e3, cachedInputTokens: -1, outputTokens: 1e3 })).toBe(19);
    expect(input({ inputTokens: Number.NaN, outputTokens: Number.NEGATIVE_INFINITY })).toBe(0);
  });

  const dear = { ...price, input: 1e10 - 1, cachedInput: 1e10 - 3, output: 1e10 - 7, reasoning: 1e10 - 9, request: 1 };

  test("stays exact where a product leaves the safe range", () => {
    const counts = usage({ inputTokens: tokensMax, cachedInputTokens: 3, outputTokens: tokensMax - 1 });
    const pico =
      BigInt(tokensMax - 3) * BigInt(dear.input) +
      3n * BigInt(dear.cachedInput) +
      BigInt(tokensMax - 1) * BigInt(dear.output) +
      1n;
    expect(pico > BigInt(Number.MAX_SAFE_INTEGER)).toBe(true);
    expect(costNanoUsd(counts, dear)).toBe(Number((pico + 500n) / 1000n));
  });

  test("is a whole number from zero up, whatever the counts, and exact on both sides of the safe range", () => {
    const tokens = fc.oneof(fc.nat(tokensMax), fc.nat(2_000_000), fc.constantFrom(0, 1));
    const parts = fc.record({
      plain: tokens,
      cached: tokens,
      short: tokens,
      long: tokens,
      spoken: tokens,
      reasoning: tokens,
    });
    fc.assert(
      fc.property(parts, fc.constantFrom(price, dear), ({ plain, cached, short, long, spoken, reasoning }, of) => {
        const counts: Usage = {
          inputTokens: plain + cached + short + long,
          cachedInputTokens: cached,
          cacheWriteTokens: short + long,
          cacheWriteLongTokens: long,
          outputTokens: spoken + reasoning,
          reasoningTokens: reasoning,
        };
        const amounts = [
          plain,
          cached,
          short,
          long,
          spoken,
          reasoning,
          plain + cached + short + long + spoken + reasoning > 0 ? 1 : 0,
        ];
        const rates = [of.input, of.cachedInput, of.cacheWrite, of.cacheWriteLong, of.output, of.reasoning, of.request];
        const pico = amounts.reduce((sum, amount, at) => sum + BigInt(amount) * BigInt(rates[at]!), 0n);
        expect(costNanoUsd(counts, of)).toBe(Number((pico + 500n) / 1000n));
      }),
      { numRuns: 2_000 },
    );
    const wild = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(Number.MAX_VALUE, Number.POSITIVE_INFINITY, -0));
    const wildUsage = fc.record({
      inputTokens: wild,
      cachedInputTokens: wild,
      cacheWriteTokens: wild,
      cacheWriteLongTokens: wild,
      outputTokens: wild,
      reasoningTokens: wild,
    });
    fc.assert(
      fc.property(wildUsage, fc.constantFrom(price, dear), (counts, of) => {
        const cost = costNanoUsd(counts, of);
        expect(Number.isSafeInteger(cost) && cost >= 0).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
