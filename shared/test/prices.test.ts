// The promise: a call costs what the price data's own calculator says, for every model, to the nano-dollar.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { calcPrice, type ModelInfo, type Provider, waitForUpdate } from "@pydantic/genai-prices";
import fc from "fast-check";
import { buildCatalogue, printCatalogue } from "../bin/update-prices";
import { type Catalogue, catalogueProviders, findModel } from "../src/prices/catalogue";
import type { MatchLogic } from "../src/prices/match";
import { costNanoUsd, createPriceBook, type Price } from "../src/pricing";
import { noUsage, type Usage } from "../src/usage";

const published = new Map((await waitForUpdate())?.map((provider) => [provider.id, provider]));
const slugs = Object.keys(catalogueProviders);
/** After every start date in the data, and in an hour without special rates. */
const today = Date.parse("2027-06-15T12:00:00Z");

const idOf = (slug: string) => (slug === "azure-openai" ? "azure" : slug);
const providerOf = (slug: string): Provider => published.get(idOf(slug))!;

function ask(slug: string, model: string, usage: Usage, at: number) {
  const counts = {
    input_tokens: usage.inputTokens,
    cache_read_tokens: usage.cachedInputTokens,
    cache_write_tokens: usage.cacheWriteTokens,
    cache_write_1h_tokens: usage.cacheWriteLongTokens,
    output_tokens: usage.outputTokens,
    output_reasoning_tokens: usage.reasoningTokens,
  };
  return calcPrice(counts, model, { providerId: idOf(slug), timestamp: new Date(at) });
}

/** Every text a match is made of: the names a row was written for. */
function literals(match: MatchLogic): string[] {
  if ("or" in match) return match.or.flatMap(literals);
  if ("and" in match) return match.and.flatMap(literals);
  if ("regex" in match)
    return [
      match.regex.replace(/^\^|\$$|\\(?!d)/g, "").replace(/\\d\{(\d)\}|\\d/g, (_, n) => "20250807".slice(0, n ?? 1)),
    ];
  return Object.values(match);
}

function namesOf(model: ModelInfo): string[] {
  const plain = [model.id, ...literals(model.match as MatchLogic)];
  return [
    ...new Set(
      plain.flatMap((name) => [name, `${name}-20250514`, `${name}-2025-05-14`, `${name}-latest`, `${name}-x`]),
    ),
  ];
}

/** A name that the package itself takes for this very model; undefined where an earlier row takes them all. */
function nameOf(slug: string, model: ModelInfo): string | undefined {
  return namesOf(model).find((name) => ask(slug, name, noUsage, today)?.model === model);
}

const small = fc.oneof(
  { weight: 1, arbitrary: fc.constant(0) },
  { weight: 3, arbitrary: fc.nat(3_000) },
  { weight: 2, arbitrary: fc.nat(400_000) },
);
const anyUsage: fc.Arbitrary<Usage> = fc
  .record({
    plain: small,
    cached: small,
    shortWrites: small,
    longWrites: small,
    spoken: small,
    reasoning: small,
    total: fc.option(fc.constantFrom(199_999, 200_000, 200_001, 271_999, 272_000, 272_001), { freq: 4 }),
  })
  .map(({ plain, cached, shortWrites, longWrites, spoken, reasoning, total }) => {
    const parts = cached + shortWrites + longWrites;
    return {
      inputTokens: total !== null && total >= parts ? total : plain + parts,
      cachedInputTokens: cached,
      cacheWriteTokens: shortWrites + longWrites,
      cacheWriteLongTokens: longWrites,
      outputTokens: spoken + reasoning,
      reasoningTokens: reasoning,
    };
  })
  .filter((usage) => usage.inputTokens + usage.outputTokens > 0);

/** Rounding of the cost, of a rate that is not whole in pico-dollars, and the float noise of the package. */
function expectSame(usage: Usage, price: Price, usd: number, exactRates: boolean) {
  const rates = exactRates ? 0 : ((usage.inputTokens + usage.outputTokens) * 0.5) / 1000;
  const allowed = 0.5 + rates + Math.abs(usd) * 1e9 * 1e-12;
  const cost = costNanoUsd(usage, price);
  expect(Number.isSafeInteger(cost)).toBe(true);
  expect(Math.abs(cost - usd * 1e9)).toBeLessThanOrEqual(allowed);
}

const hasExactRates = (text: string) => !/\.\d{7}/.test(text);

describe("the committed catalogue", () => {
  const path = new URL("../src/prices/catalogue.json", import.meta.url);

  test("is what the installed package makes, byte for byte", async () => {
    const committed = readFileSync(path, "utf8");
    const { date }: Catalogue = JSON.parse(committed);
    expect(printCatalogue(await buildCatalogue(date)) === committed).toBe(true);
  });

  test("is dated, and small enough to load at every start", () => {
    const text = readFileSync(path, "utf8");
    expect(JSON.parse(text).date).toMatch(/^20\d\d-[01]\d-[0-3]\d$/);
    expect(text.length).toBeLessThan(150_000);
  });
});

describe("a name finds the row the package finds", () => {
  test.each(slugs)("%s", (slug) => {
    const { fallback_model_providers: fallbacks = [] } = providerOf(slug);
    const sources = [idOf(slug), ...fallbacks, "openai", "anthropic"];
    const names = sources.flatMap((id) => published.get(id)!.models.flatMap(namesOf));
    names.push(
      ...names.slice(0, 200).map((name) => ` ${name.toUpperCase()} `),
      "ft:gpt-4o-mini:org::id",
      "nobodys-model",
      "",
    );
    for (const name of new Set(names)) {
      const theirs = ask(slug, name, noUsage, today)?.model.id ?? null;
      expect({ name, id: findModel(slug, name)?.id ?? null }).toEqual({ name, id: theirs });
    }
  });
});

describe("a call costs what the package says", () => {
  const book = createPriceBook({ overrides: [], now: () => today });
  const thorough = ["openai", "anthropic", "azure-openai"];

  test.each(slugs)("%s", (slug) => {
    let priced = 0;
    for (const model of providerOf(slug).models) {
      const name = nameOf(slug, model);
      if (name === undefined) continue;
      const price = book.priceOf(slug, name);
      if (!price) continue;
      priced++;
      const exact = hasExactRates(JSON.stringify(model.prices));
      const hold = (usage: Usage) => expectSame(usage, price, ask(slug, name, usage, today)!.total_price, exact);
      fc.assert(fc.property(anyUsage, hold), { numRuns: thorough.includes(slug) ? 300 : 5 });
    }
    expect(priced).toBeGreaterThan(0);
  });

  test("a model is left unpriced only when it is unknown or not sold by the token", () => {
    const unpriced = slugs.flatMap((slug) =>
      providerOf(slug).models.filter((model) => {
        const name = nameOf(slug, model);
        return name !== undefined && book.priceOf(slug, name) === null;
      }),
    );
    expect(unpriced.length).toBeGreaterThan(5);
    for (const model of unpriced) {
      const rates = (Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }]).map(({ prices }) =>
        Object.keys(prices),
      );
      expect(rates.flat().filter((key) => /^(input|output|cache_read|cache_write)_mtok$/.test(key))).toEqual([]);
      expect(rates.every((keys) => keys.length > 0)).toBe(true);
    }
  });

  test("at any time, where the price depends on it", () => {
    const conditional = slugs.flatMap((slug) =>
      providerOf(slug)
        .models.filter((model) => Array.isArray(model.prices))
        .map((model) => ({ slug, name: nameOf(slug, model) })),
    );
    const choices = conditional.filter((choice): choice is { slug: string; name: string } => choice.name !== undefined);
    expect(choices.length).toBeGreaterThan(10);
    let now = 0;
    const clocked = createPriceBook({ overrides: [], now: () => now });
    const hours = fc.constantFrom(
      "00:29:59.999",
      "00:30:00",
      "03:59:59",
      "04:00:00",
      "09:59:59",
      "10:00:00",
      "16:29:59",
      "16:30:00",
      "23:59:59.999",
    );
    const edges = hours.map((hour) => Date.parse(`2026-11-02T${hour}Z`));
    const starts = fc
      .constantFrom("2025-06-10", "2026-03-13", "2026-07-30", "2026-08-17", "2026-08-21", "2027-01-01")
      .chain((day) => fc.constantFrom(-1, 0, 1).map((ms) => Date.parse(day) + ms));
    const times = fc.oneof(edges, starts, fc.integer({ min: Date.parse("2025-01-01"), max: Date.parse("2027-12-31") }));
    fc.assert(
      fc.property(fc.constantFrom(...choices), times, anyUsage, ({ slug, name }, time, usage) => {
        now = time;
        const price = clocked.priceOf(slug, name);
        if (price) expectSame(usage, price, ask(slug, name, usage, time)!.total_price, true);
      }),
      { numRuns: 3_000 },
    );
  });
});
