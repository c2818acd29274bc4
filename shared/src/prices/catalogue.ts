// Owns the published prices: what catalogue.json says about a provider's model at a moment. The file is made by
// shared/bin/update-prices.ts and never edited by hand; this reader refuses to guess a price it does not hold.

import data from "./catalogue.json";
import { compileMatch, type MatchLogic, type NameTest, normalizeName, spellDates } from "./match";

/** US dollars per million tokens. A kind without a rate of its own is charged as the kind it is a part of. */
export interface TokenRates {
  input?: number;
  output?: number;
  cachedInput?: number;
  cacheWrite?: number;
  cacheWriteLong?: number;
  reasoning?: number;
}

export interface Rates extends TokenRates {
  /** US dollars for the call itself, on top of its tokens. */
  request?: number;
  /** Rates of a call with more than `aboveTokens` input tokens; a kind not named keeps its rate. */
  longContext?: TokenRates & { aboveTokens: number };
}

/** `null` = not sold by the token (audio hours, pages): no price. `{}` = free. */
type StatedRates = Rates | null;

/** The last entry whose condition holds counts; when none holds, the first. */
interface ConditionalRates {
  /** UTC day "YYYY-MM-DD" from whose start on the rates hold. */
  from?: string;
  /** UTC "HH:MM", start and end of each day's hours; the end is exclusive and may lie past midnight. */
  daily?: [string, string];
  rates: StatedRates;
}

export interface Catalogue {
  source: string;
  version: string;
  /** When that version was released, "YYYY-MM-DD". */
  date: string;
  /** By Anyray's provider slug. */
  providers: Record<string, CatalogueProvider>;
}

export interface CatalogueProvider {
  name: string;
  pricingUrls: string[];
  /** Slugs of the providers whose models this one sells at their price, in order of search. */
  fallback?: string[];
  /** Order counts: the first row that matches a name prices it. */
  models: CatalogueModel[];
}

export interface CatalogueModel {
  id: string;
  /** Absent: the name equals the id. */
  match?: MatchLogic;
  prices: StatedRates | ConditionalRates[];
}

/** One model of the catalogue, ready for use. */
export interface ModelRow {
  provider: string;
  id: string;
  matches: NameTest;
  /** Whether the rates depend on the moment; they then change at full minutes only. */
  conditional: boolean;
  /** The rates at a moment in epoch milliseconds. */
  ratesAt(now: number): StatedRates;
}

const catalogue = data as unknown as Catalogue;

/** What the prices were taken from. */
export const catalogueSource = { name: catalogue.source, version: catalogue.version, date: catalogue.date };

export const catalogueProviders: Readonly<Record<string, CatalogueProvider>> = catalogue.providers;

const rowsBySlug = new Map<string, readonly ModelRow[]>();

/** All models of one provider in order of search, without those of its fallbacks; none for an unknown slug. */
export function listModels(slug: string): readonly ModelRow[] {
  const ready = rowsBySlug.get(slug);
  if (ready) return ready;
  if (!Object.hasOwn(catalogueProviders, slug)) return [];
  const rows = (catalogueProviders[slug]?.models ?? []).map((model) => readModel(slug, model));
  rowsBySlug.set(slug, rows);
  return rows;
}

/** The row that prices a model, by the name a caller uses for it. */
export function findModel(provider: string, model: string): ModelRow | undefined {
  const slug = normalizeName(provider);
  if (!Object.hasOwn(catalogueProviders, slug)) return undefined;
  const name = normalizeName(model);
  const found = findByName(slug, name);
  if (found) return found;
  const respelt = spellDates(name);
  return respelt === name ? undefined : findByName(slug, respelt);
}

function findByName(slug: string, name: string): ModelRow | undefined {
  for (const source of [slug, ...(catalogueProviders[slug]?.fallback ?? [])]) {
    const found = listModels(source).find((row) => row.matches(name));
    if (found) return found;
  }
  return undefined;
}

function readModel(provider: string, model: CatalogueModel): ModelRow {
  const { id, match, prices } = model;
  const matches = compileMatch(match ?? { equals: id });
  if (!Array.isArray(prices)) return { provider, id, matches, conditional: false, ratesAt: () => prices };
  const choices = prices.map((entry) => ({ rates: entry.rates, holds: compileCondition(entry) }));
  return {
    provider,
    id,
    matches,
    conditional: true,
    ratesAt: (now) => (choices.findLast((choice) => choice.holds(now)) ?? choices[0])?.rates ?? null,
  };
}

/** Takes epoch milliseconds. An entry without a condition always holds. */
export function compileCondition({ from, daily }: Pick<ConditionalRates, "from" | "daily">): (now: number) => boolean {
  if (from !== undefined) {
    const start = Date.parse(`${from}T00:00:00Z`);
    return (now) => now >= start;
  }
  if (daily !== undefined) {
    const start = minuteOfDay(daily[0]);
    const end = minuteOfDay(daily[1]);
    return (now) => {
      const minute = Math.floor(now / 60_000) % 1440;
      return end < start ? minute >= start || minute < end : minute >= start && minute < end;
    };
  }
  return () => true;
}

function minuteOfDay(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
}
