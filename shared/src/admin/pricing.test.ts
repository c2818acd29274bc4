import { describe, expect, test } from "bun:test";
import { catalogueSource } from "../prices/catalogue";
import { createPriceBook } from "../pricing";
import type { PriceOverride } from "../store/store";
import { parsePriceOverrides, pricingReport } from "./pricing";

const now = () => Date.parse("2026-11-02T12:00:00Z");
const minimal = { provider: "openai", model: "gpt-5", inputUsdPerMillion: 1, outputUsdPerMillion: 2 };
const full = {
  ...minimal,
  cachedInputUsdPerMillion: 0.1,
  cacheWriteUsdPerMillion: 1.25,
  cacheWriteLongUsdPerMillion: 0,
  longContext: {
    aboveTokens: 200_000,
    inputUsdPerMillion: 3,
    outputUsdPerMillion: 4,
    cachedInputUsdPerMillion: 0.3,
    cacheWriteUsdPerMillion: 3.75,
    cacheWriteLongUsdPerMillion: 6,
  },
};

function accepted(body: unknown): PriceOverride[] {
  const parsed = parsePriceOverrides(body);
  if ("faults" in parsed) throw new Error(parsed.faults.join("; "));
  return parsed.prices as PriceOverride[];
}

function faults(body: unknown): string[] {
  const parsed = parsePriceOverrides(body);
  return "faults" in parsed ? parsed.faults : [];
}

describe("parsePriceOverrides", () => {
  test("takes a price with the least and one with everything", () => {
    const [least, most] = accepted({ prices: [minimal, { ...full, model: "gpt-5-mini" }] });
    expect(least).toEqual({
      ...minimal,
      cachedInputUsdPerMillion: null,
      cacheWriteUsdPerMillion: null,
      cacheWriteLongUsdPerMillion: null,
      longContextAboveTokens: null,
      longInputUsdPerMillion: null,
      longOutputUsdPerMillion: null,
      longCachedInputUsdPerMillion: null,
      longCacheWriteUsdPerMillion: null,
      longCacheWriteLongUsdPerMillion: null,
    });
    expect(most).toEqual({
      ...minimal,
      model: "gpt-5-mini",
      cachedInputUsdPerMillion: 0.1,
      cacheWriteUsdPerMillion: 1.25,
      cacheWriteLongUsdPerMillion: 0,
      longContextAboveTokens: 200_000,
      longInputUsdPerMillion: 3,
      longOutputUsdPerMillion: 4,
      longCachedInputUsdPerMillion: 0.3,
      longCacheWriteUsdPerMillion: 3.75,
      longCacheWriteLongUsdPerMillion: 6,
    });
  });

  test("takes deletions, null for an optional rate, and names in any case", () => {
    expect(accepted({ prices: [{ provider: " OpenAI ", model: "GPT-5", delete: true }] }) as unknown[]).toEqual([
      { provider: "openai", model: "gpt-5", delete: true },
    ]);
    const nulls = { cachedInputUsdPerMillion: null, longContext: null };
    expect(accepted({ prices: [{ ...minimal, ...nulls }] })).toEqual(accepted({ prices: [minimal] }));
    expect(accepted({ prices: [] })).toEqual([]);
    expect(Object.is(accepted({ prices: [{ ...minimal, inputUsdPerMillion: -0 }] })[0]?.inputUsdPerMillion, 0)).toBe(
      true,
    );
  });

  test.each([
    [null, "the body must be a JSON object"],
    [[minimal], "the body must be a JSON object"],
    [{}, "prices must be an array"],
    [{ prices: minimal }, "prices must be an array"],
    [{ prices: [minimal], mode: "merge" }, 'unknown field "mode"'],
    [{ prices: ["gpt-5"] }, "prices[0] must be a JSON object"],
    [{ prices: [{ ...minimal, inputUSD: 1 }] }, 'unknown field "inputUSD" in prices[0]'],
    [{ prices: [{ ...minimal, provider: "" }] }, "prices[0].provider must be"],
    [{ prices: [{ ...minimal, provider: 5 }] }, "prices[0].provider must be"],
    [{ prices: [{ ...minimal, model: "  " }] }, "prices[0].model must be"],
    [{ prices: [{ ...minimal, model: undefined }] }, "prices[0].model is missing"],
    [{ prices: [{ ...minimal, model: "x".repeat(500) }] }, "prices[0].model must be"],
    [{ prices: [{ ...minimal, model: "gpt\0-5" }] }, "prices[0].model must be"],
    [{ prices: [{ ...minimal, inputUsdPerMillion: undefined }] }, "prices[0].inputUsdPerMillion is missing"],
    [
      { prices: [{ ...minimal, outputUsdPerMillion: null }] },
      "prices[0].outputUsdPerMillion must be a number, not null",
    ],
    [{ prices: [{ ...minimal, inputUsdPerMillion: -1 }] }, "from 0 to 10000, not -1"],
    [{ prices: [{ ...minimal, inputUsdPerMillion: 10_000.01 }] }, "from 0 to 10000, not 10000.01"],
    [{ prices: [{ ...minimal, inputUsdPerMillion: Number.POSITIVE_INFINITY }] }, "from 0 to 10000, not Infinity"],
    [{ prices: [{ ...minimal, inputUsdPerMillion: Number.NaN }] }, "from 0 to 10000, not NaN"],
    [{ prices: [{ ...minimal, inputUsdPerMillion: "1" }] }, 'from 0 to 10000, not "1"'],
    [{ prices: [{ ...minimal, cacheWriteUsdPerMillion: 1e-9 }] }, "0 or at least 0.000001"],
    [{ prices: [{ ...minimal, longContext: 200_000 }] }, "prices[0].longContext must be a JSON object"],
    [{ prices: [{ ...minimal, longContext: { inputUsdPerMillion: 1 } }] }, "prices[0].longContext.aboveTokens must be"],
    [{ prices: [{ ...minimal, longContext: { aboveTokens: 0, inputUsdPerMillion: 1 } }] }, "aboveTokens must be"],
    [{ prices: [{ ...minimal, longContext: { aboveTokens: 1.5, inputUsdPerMillion: 1 } }] }, "aboveTokens must be"],
    [{ prices: [{ ...minimal, longContext: { aboveTokens: 5 } }] }, "prices[0].longContext must have a rate"],
    [
      { prices: [{ ...minimal, longContext: { aboveTokens: 5, outputUsdPerMillion: -2 } }] },
      "longContext.outputUsdPerMillion",
    ],
    [{ prices: [{ ...minimal, longContext: { aboveTokens: 5, outputUsdPerMillion: 2, x: 1 } }] }, 'unknown field "x"'],
    [{ prices: [{ provider: "openai", model: "gpt-5", delete: false }] }, "prices[0].delete must be true"],
    [{ prices: [{ ...minimal, delete: true }] }, 'unknown field "inputUsdPerMillion" in prices[0]'],
    [
      { prices: [minimal, { ...minimal, model: " GPT-5" }] },
      "prices[1] names the same provider and model as prices[0]",
    ],
    [{ prices: Array(10_001).fill({ provider: "p", model: "m", delete: true }) }, "at most 10000 entries, not 10001"],
  ])("refuses %j", (body, fault) => {
    expect(faults(body).join("\n")).toContain(fault);
  });

  test("names every fault at once, one each, and takes nothing", () => {
    const bad = { ...minimal, model: "", inputUsdPerMillion: -1, outputUsdPerMillion: 1e9 };
    const parsed = parsePriceOverrides({ prices: [minimal, bad, { provider: "p" }] });
    expect(Object.keys(parsed)).toEqual(["faults"]);
    expect("faults" in parsed && parsed.faults).toHaveLength(6);
  });

  test("answers a body full of faults in short", () => {
    const told = faults({ prices: Array.from({ length: 5_000 }, () => ({ provider: "x".repeat(9_999) })) });
    expect(told).toHaveLength(101);
    expect(told[100]).toBe("19900 more faults are not listed");
    expect(told.join("").length).toBeLessThan(20_000);
  });

  test("is safe with names of JavaScript's own", () => {
    expect(faults(JSON.parse('{"prices":[],"__proto__":{}}'))[0]).toContain("__proto__");
    const body = JSON.parse(`{"prices":[{"provider":"__proto__","model":"constructor","delete":true}]}`);
    expect(accepted(body) as unknown[]).toEqual([{ provider: "__proto__", model: "constructor", delete: true }]);
  });
});

describe("pricingReport", () => {
  const report = (prices: PriceOverride[], filter = {}) =>
    pricingReport({ prices }, createPriceBook({ overrides: prices, now }), filter);

  test("gives overrides as they were put, by name", () => {
    const put = [
      { ...full, provider: "z" },
      { ...minimal, model: "b" },
      { ...minimal, model: "a" },
    ];
    const { overrides } = report(accepted({ prices: put }));
    expect(overrides).toEqual([put[2]!, put[1]!, put[0]!]);
  });

  test("says where the prices come from and whose else a provider sells", () => {
    const { source, providers } = report([]);
    expect(source).toEqual(catalogueSource);
    const azure = providers.find(({ provider }) => provider === "azure-openai");
    expect(azure?.alsoPricedAs).toContain("openai");
    expect(azure?.pricingUrls[0]).toStartWith("https://");
  });

  test("shows catalogue rows with every rate, and fees only where there are some", () => {
    const { catalogue } = report([]);
    const row = (provider: string, model: string) =>
      catalogue.find((price) => price.provider === provider && price.model === model);
    expect(row("openai", "gpt-5")).toEqual({
      provider: "openai",
      model: "gpt-5",
      inputUsdPerMillion: 1.25,
      outputUsdPerMillion: 10,
      cachedInputUsdPerMillion: 0.125,
      cacheWriteUsdPerMillion: 1.25,
      cacheWriteLongUsdPerMillion: 1.25,
    });
    expect(row("anthropic", "claude-sonnet-4-5")?.longContext).toMatchObject({
      aboveTokens: 200_000,
      inputUsdPerMillion: 6,
    });
    expect(row("perplexity", "sonar-pro")?.requestUsd).toBe(0.014);
    expect(row("perplexity", "sonar-deep-research")?.reasoningUsdPerMillion).toBe(3);
    expect(row("openai", "whisper-1")).toBeUndefined();
    expect(catalogue.length).toBeGreaterThan(1_000);
  });

  test("a catalogue row put back as an override prices the same", () => {
    const rows = report([]).catalogue.filter((row) => ["openai", "anthropic", "google", "x-ai"].includes(row.provider));
    const puttable = rows.filter((row) => row.reasoningUsdPerMillion === undefined && row.requestUsd === undefined);
    // A catalogue may hold two rows of one id; a body may not.
    const unique = [...new Map(puttable.map((row) => [`${row.provider} ${row.model}`.toLowerCase(), row])).values()];
    const overrides = accepted({ prices: unique });
    expect(overrides.length).toBeGreaterThan(150);
    const book = createPriceBook({ overrides, now });
    const published = createPriceBook({ overrides: [], now });
    const byRow = new Map(published.listCatalogue().map((price) => [`${price.provider} ${price.id}`, price]));
    for (const { provider, model } of unique) {
      const price = book.priceOf(provider, model);
      expect(price).toEqual({ ...byRow.get(`${provider} ${model}`)!, origin: "override", id: model.toLowerCase() });
    }
  });

  test("filters by parts of names, whatever their case", () => {
    const prices = accepted({ prices: [minimal, { ...minimal, provider: "anthropic", model: "claude-x" }] });
    const { overrides, catalogue, providers } = report(prices, { provider: "OPENAI", model: "Gpt-5" });
    expect(overrides.map(({ model }) => model)).toEqual(["gpt-5"]);
    expect(catalogue.length).toBeGreaterThan(3);
    expect(catalogue.every((row) => row.provider.includes("openai") && row.model.includes("gpt-5"))).toBe(true);
    expect(providers.map(({ provider }) => provider)).toEqual(["azure-openai", "openai"]);
    expect(report(prices, { model: "no such model" }).catalogue).toEqual([]);
  });
});
