// Owns what a call costs: which price holds for a provider's model, and the price times the usage. Refuses to
// guess: a model without a known price has no cost (null), never a cost of zero.

import { picoPerToken } from "./money";
import {
  catalogueProviders,
  catalogueSource,
  findModel,
  listModels,
  type Rates,
  type TokenRates,
} from "./prices/catalogue";
import { normalizeName } from "./prices/match";
import type { PriceOverride } from "./store/store";
import type { Usage } from "./usage";

/** Whole pico-dollars per token, every kind filled in. */
export interface PicoRates {
  /** Input that is neither read from nor written to the cache. */
  input: number;
  cachedInput: number;
  /** Writes of the default lifetime. */
  cacheWrite: number;
  cacheWriteLong: number;
  /** Output without reasoning. */
  output: number;
  reasoning: number;
}

export interface Price extends PicoRates {
  origin: "catalogue" | "override";
  /** The provider whose row this is: for Azure OpenAI often "openai". */
  provider: string;
  /** The row: a model of the catalogue, or the model the override names. */
  id: string;
  /** Pico-dollars for the call itself, on top of its tokens. */
  request: number;
  /** Rates of the whole call when it has more than `aboveTokens` input tokens, cached ones included. */
  longContext: (PicoRates & { aboveTokens: number }) | null;
}

export interface PriceBook {
  /** The package the catalogue was made from, its version and the day that was released. */
  readonly source: { readonly name: string; readonly version: string; readonly date: string };
  /**
   * The price of a model now; null = unknown, so the call stays unpriced. `provider` is a slug, `model` the name
   * as asked for without a provider prefix. An override of exactly that provider and model comes first.
   */
  priceOf(provider: string, model: string): Price | null;
  /** Replaces all overrides; the next `priceOf` goes by them. */
  setOverrides(overrides: readonly PriceOverride[]): void;
  /** The catalogue's prices as they are now, by provider and in order of search; unpriced models are left out. */
  listCatalogue(): Price[];
}

const memoMax = 10_000;
/** Longer names are no model's, and are not worth remembering. */
const nameCharsMax = 256;
const minuteMs = 60_000;

interface MemoEntry {
  price: Price | null;
  /** The minute the price was found in, when it depends on the time. */
  minute: number | null;
}

/** @param options.now the clock, epoch milliseconds */
export function createPriceBook(options: { overrides: readonly PriceOverride[]; now: () => number }): PriceBook {
  const { now } = options;
  const memo = new Map<string, MemoEntry>();
  const prices = new WeakMap<Rates, Price>();
  let overrides = indexOverrides(options.overrides);

  function catalogued(rates: Rates | null, provider: string, id: string): Price | null {
    if (rates === null) return null;
    const ready = prices.get(rates);
    if (ready) return ready;
    const price = makePrice("catalogue", provider, id, rates);
    prices.set(rates, price);
    return price;
  }

  function find(provider: string, model: string): MemoEntry {
    const override = overrides.get(keyOf(normalizeName(provider), normalizeName(model)));
    if (override) return { price: override, minute: null };
    const row = findModel(provider, model);
    if (!row) return { price: null, minute: null };
    const time = now();
    const price = catalogued(row.ratesAt(time), row.provider, row.id);
    return { price, minute: row.conditional ? Math.floor(time / minuteMs) : null };
  }

  return {
    source: catalogueSource,
    priceOf(provider, model) {
      if (provider.length > nameCharsMax || model.length > nameCharsMax) return null;
      const key = keyOf(provider, model);
      const known = memo.get(key);
      if (known && (known.minute === null || known.minute === Math.floor(now() / minuteMs))) return known.price;
      // Emptied rather than trimmed: names repeat, so a full memo means made-up names, and none of them comes back.
      if (memo.size >= memoMax) memo.clear();
      const found = find(provider, model);
      memo.set(key, found);
      return found.price;
    },
    setOverrides(next) {
      overrides = indexOverrides(next);
      memo.clear();
    },
    listCatalogue() {
      const time = now();
      const rows = Object.keys(catalogueProviders).flatMap((slug) => listModels(slug));
      return rows.flatMap((row) => catalogued(row.ratesAt(time), row.provider, row.id) ?? []);
    },
  };
}

/** Slugs hold no NUL, so no model can be named to look like another provider's. */
function keyOf(provider: string, model: string): string {
  return `${provider}\0${model}`;
}

function indexOverrides(overrides: readonly PriceOverride[]): Map<string, Price> {
  return new Map(
    overrides.map((override) => {
      const provider = normalizeName(override.provider);
      const id = normalizeName(override.model);
      return [keyOf(provider, id), makePrice("override", provider, id, ratesOfOverride(override))];
    }),
  );
}

function ratesOfOverride(override: PriceOverride): Rates {
  const base = statedRates({
    input: override.inputUsdPerMillion,
    output: override.outputUsdPerMillion,
    cachedInput: override.cachedInputUsdPerMillion,
    cacheWrite: override.cacheWriteUsdPerMillion,
    cacheWriteLong: override.cacheWriteLongUsdPerMillion,
  });
  if (override.longContextAboveTokens === null) return base;
  const long = statedRates({
    input: override.longInputUsdPerMillion,
    output: override.longOutputUsdPerMillion,
    cachedInput: override.longCachedInputUsdPerMillion,
    cacheWrite: override.longCacheWriteUsdPerMillion,
    cacheWriteLong: override.longCacheWriteLongUsdPerMillion,
  });
  return { ...base, longContext: { ...long, aboveTokens: override.longContextAboveTokens } };
}

function statedRates(rates: Record<keyof Omit<TokenRates, "reasoning">, number | null>): TokenRates {
  return Object.fromEntries(Object.entries(rates).filter(([, rate]) => rate !== null));
}

function makePrice(origin: Price["origin"], provider: string, id: string, rates: Rates): Price {
  const { request = 0, longContext, ...base } = rates;
  return {
    origin,
    provider,
    id,
    ...fillRates(base),
    request: picoPerCall(request),
    longContext: longContext
      ? { aboveTokens: longContext.aboveTokens, ...fillRates({ ...base, ...longContext }) }
      : null,
  };
}

function fillRates(rates: TokenRates): PicoRates {
  const { input = 0, output = 0, cacheWrite = input } = rates;
  return {
    input: picoPerToken(input),
    cachedInput: picoPerToken(rates.cachedInput ?? input),
    cacheWrite: picoPerToken(cacheWrite),
    cacheWriteLong: picoPerToken(rates.cacheWriteLong ?? cacheWrite),
    output: picoPerToken(output),
    reasoning: picoPerToken(rates.reasoning ?? output),
  };
}

const picoPerUsd = 1e12;

function picoPerCall(usd: number): number {
  return Math.round(usd * picoPerUsd);
}

/** Far above any answer, and low enough that sums of counts stay exact. */
const countMax = 2 ** 50;

/**
 * Cost of one answer in whole nano-dollars, rounded half up once at the end. An answer without any tokens costs
 * nothing, also where the call itself has a price.
 *
 * Usage that contradicts itself is read as if the parts were right and the whole too small: cached and written
 * tokens above `inputTokens` are charged as such, with no plain input left. Counts below zero are zero.
 */
export function costNanoUsd(usage: Usage, price: Price): number {
  const cached = count(usage.cachedInputTokens);
  const longWrites = count(usage.cacheWriteLongTokens);
  const writes = Math.max(count(usage.cacheWriteTokens), longWrites);
  const reasoning = count(usage.reasoningTokens);
  const input = Math.max(count(usage.inputTokens), cached + writes);
  const output = Math.max(count(usage.outputTokens), reasoning);
  if (input + output === 0) return 0;
  const plain = input - cached - writes;
  const shortWrites = writes - longWrites;
  const spoken = output - reasoning;
  const rates = price.longContext && input > price.longContext.aboveTokens ? price.longContext : price;
  const pico =
    plain * rates.input +
    cached * rates.cachedInput +
    shortWrites * rates.cacheWrite +
    longWrites * rates.cacheWriteLong +
    spoken * rates.output +
    reasoning * rates.reasoning +
    price.request;
  // No term is negative, so a sum within the safe range proves that every product and partial sum was exact.
  if (pico <= Number.MAX_SAFE_INTEGER) {
    const rest = pico % 1000;
    return (pico - rest) / 1000 + (rest >= 500 ? 1 : 0);
  }
  return costOfLarge(
    [plain, cached, shortWrites, longWrites, spoken, reasoning, 1],
    [
      rates.input,
      rates.cachedInput,
      rates.cacheWrite,
      rates.cacheWriteLong,
      rates.output,
      rates.reasoning,
      price.request,
    ],
  );
}

function costOfLarge(counts: number[], rates: number[]): number {
  const pico = counts.reduce((sum, tokens, at) => sum + BigInt(tokens) * BigInt(rates[at] ?? 0), 0n);
  const nano = (pico + 500n) / 1000n;
  return nano > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Number(nano);
}

/** Not a number and below zero count as none. */
function count(tokens: number): number {
  return tokens > 0 ? Math.min(Math.round(tokens), countMax) : 0;
}
