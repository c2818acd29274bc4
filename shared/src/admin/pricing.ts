// Owns prices as admins see and set them: the body of PUT /admin/pricing in, the report of GET /admin/pricing
// out. Refuses a body with any fault as a whole, and lists the faults.

import { picoPerToken, picoPerTokenOfUsdPerMillion } from "../money";
import { catalogueProviders } from "../prices/catalogue";
import { normalizeName } from "../prices/match";
import type { PicoRates, Price, PriceBook } from "../pricing";
import type { Policy, PriceOverride } from "../store/store";
import { tokensMax } from "../usage";
import { nameRule, readFields, readName, shown } from "./request";

export interface StatedRates {
  inputUsdPerMillion: number;
  outputUsdPerMillion: number;
  cachedInputUsdPerMillion?: number;
  cacheWriteUsdPerMillion?: number;
  cacheWriteLongUsdPerMillion?: number;
}

/** A price as PUT takes it and GET gives it. */
export interface StatedPrice extends StatedRates {
  provider: string;
  model: string;
  /** Rates of the whole call above that many input tokens; a rate left out is the one below. */
  longContext?: Partial<StatedRates> & { aboveTokens: number };
}

/** A catalogue row with every rate filled in. */
export interface CataloguePrice extends StatedPrice {
  /** Present where reasoning does not cost what other output does. */
  reasoningUsdPerMillion?: number;
  /** Present where the call itself costs something, whatever its tokens. */
  requestUsd?: number;
}

export interface PricingReport {
  source: { name: string; version: string; date: string };
  overrides: StatedPrice[];
  /** As the prices are now. Models not sold by the token are left out: they have no price here. */
  catalogue: CataloguePrice[];
  /** Where to check the prices, and whose models a provider sells besides its own, at their price. */
  providers: { provider: string; name: string; pricingUrls: string[]; alsoPricedAs: string[] }[];
}

export type PriceEdit = PriceOverride | { provider: string; model: string; delete: true };

const usdMax = 10_000;
const pricesMax = 10_000;
/** Enough to mend a file by, without an answer of megabytes. */
const faultsMax = 100;

const rateNames = [
  "inputUsdPerMillion",
  "outputUsdPerMillion",
  "cachedInputUsdPerMillion",
  "cacheWriteUsdPerMillion",
  "cacheWriteLongUsdPerMillion",
] as const satisfies (keyof StatedRates)[];
const requiredRates = ["inputUsdPerMillion", "outputUsdPerMillion"] as const;

type Fields = ReadonlyMap<string, unknown>;
type RateName = (typeof rateNames)[number];

/**
 * Reads `{prices: [{provider, model, inputUsdPerMillion, outputUsdPerMillion, …} | {provider, model, delete: true}]}`.
 * The edits are to be merged by provider and model; both names come back in lower case. An optional rate of null is
 * one left out. `faults` are for the caller, as `refuseFaults` takes them: at most 100 and a closing one.
 */
export function parsePriceOverrides(body: unknown): { prices: PriceEdit[] } | { faults: string[] } {
  const faults: string[] = [];
  const given = readFields(body, ["prices"], "", faults)?.get("prices");
  if (!Array.isArray(given)) {
    if (faults.length === 0) faults.push(`prices must be an array, not ${tell(given)}`);
    return { faults: clip(faults) };
  }
  if (given.length > pricesMax) faults.push(`prices must have at most ${pricesMax} entries, not ${given.length}`);
  const prices: PriceEdit[] = [];
  const places = new Map<string, string>();
  given.slice(0, pricesMax).forEach((entry: unknown, index) => {
    const place = `prices[${index}]`;
    const price = parsePrice(entry, place, faults);
    if (!price) return;
    const key = `${price.provider}\0${price.model}`;
    const earlier = places.get(key);
    if (earlier) faults.push(`${place} names the same provider and model as ${earlier}`);
    else places.set(key, place);
    prices.push(price);
  });
  return faults.length > 0 ? { faults: clip(faults) } : { prices };
}

function clip(faults: string[]): string[] {
  if (faults.length <= faultsMax) return faults;
  return [...faults.slice(0, faultsMax), `${faults.length - faultsMax} more faults are not listed`];
}

/** Null when the entry has no readable names; with other faults it is a price that nobody uses. */
function parsePrice(entry: unknown, place: string, faults: string[]): PriceEdit | null {
  const deletes = typeof entry === "object" && entry !== null && "delete" in entry;
  const accepted = deletes ? ["provider", "model", "delete"] : ["provider", "model", ...rateNames, "longContext"];
  const fields = readFields(entry, accepted, place, faults);
  if (!fields) return null;
  const provider = parseName(fields, "provider", place, faults);
  const model = parseName(fields, "model", place, faults);
  if (deletes && fields.get("delete") !== true) faults.push(`${place}.delete must be true or left out`);
  const edit = deletes ? ({ delete: true } as const) : parseRates(fields, place, faults);
  return provider === null || model === null ? null : { provider, model, ...edit };
}

function parseRates(fields: Fields, place: string, faults: string[]): Omit<PriceOverride, "provider" | "model"> {
  const rate = (name: RateName) => parseRate(fields, name, place, faults);
  for (const name of requiredRates) {
    if (fields.get(name) === undefined) faults.push(`${place}.${name} is missing`);
    else if (fields.get(name) === null) faults.push(`${place}.${name} must be a number, not null`);
  }
  const long = parseLongContext(fields.get("longContext"), `${place}.longContext`, faults);
  return {
    inputUsdPerMillion: rate("inputUsdPerMillion") ?? 0,
    outputUsdPerMillion: rate("outputUsdPerMillion") ?? 0,
    cachedInputUsdPerMillion: rate("cachedInputUsdPerMillion"),
    cacheWriteUsdPerMillion: rate("cacheWriteUsdPerMillion"),
    cacheWriteLongUsdPerMillion: rate("cacheWriteLongUsdPerMillion"),
    longContextAboveTokens: null,
    longInputUsdPerMillion: null,
    longOutputUsdPerMillion: null,
    longCachedInputUsdPerMillion: null,
    longCacheWriteUsdPerMillion: null,
    longCacheWriteLongUsdPerMillion: null,
    ...long,
  };
}

function parseLongContext(value: unknown, place: string, faults: string[]): Partial<PriceOverride> {
  if (value === undefined || value === null) return {};
  const fields = readFields(value, ["aboveTokens", ...rateNames], place, faults);
  if (!fields) return {};
  const aboveTokens = fields.get("aboveTokens");
  const whole = typeof aboveTokens === "number" && Number.isInteger(aboveTokens);
  if (!whole || aboveTokens < 1 || aboveTokens > tokensMax) {
    faults.push(`${place}.aboveTokens must be a whole number from 1 to ${tokensMax}, not ${tell(aboveTokens)}`);
  }
  if (!rateNames.some((name) => typeof fields.get(name) === "number")) faults.push(`${place} must have a rate`);
  const rate = (name: RateName) => parseRate(fields, name, place, faults);
  return {
    longContextAboveTokens: whole ? aboveTokens : null,
    longInputUsdPerMillion: rate("inputUsdPerMillion"),
    longOutputUsdPerMillion: rate("outputUsdPerMillion"),
    longCachedInputUsdPerMillion: rate("cachedInputUsdPerMillion"),
    longCacheWriteUsdPerMillion: rate("cacheWriteUsdPerMillion"),
    longCacheWriteLongUsdPerMillion: rate("cacheWriteLongUsdPerMillion"),
  };
}

function parseRate(fields: Fields, name: RateName, place: string, faults: string[]): number | null {
  const value = fields.get(name);
  if (value === undefined || value === null) return null;
  if (typeof value !== "number" || !(value >= 0 && value <= usdMax)) {
    faults.push(`${place}.${name} must be a number from 0 to ${usdMax}, not ${tell(value)}`);
    return null;
  }
  if (value > 0 && picoPerToken(value) === 0) {
    faults.push(`${place}.${name} must be 0 or at least 0.000001, not ${tell(value)}`);
    return null;
  }
  // -0 would come back as 0 from one store and as -0 from another.
  return value === 0 ? 0 : value;
}

function parseName(fields: Fields, field: "provider" | "model", place: string, faults: string[]): string | null {
  const value = fields.get(field);
  const name = normalizeName(readName(value) ?? "");
  if (name !== "") return name;
  faults.push(`${place}.${field} ${value === undefined ? "is missing" : `must be ${nameRule}, not ${tell(value)}`}`);
  return null;
}

/** Numbers JSON has no word for by their own: an unreadably large one is Infinity. */
function tell(value: unknown): string {
  return typeof value === "number" ? String(value) : shown(value);
}

/**
 * What GET /admin/pricing answers: overrides by name, then the catalogue as it prices now.
 *
 * @param filter keeps rows whose provider and model contain these texts, whatever their case
 */
export function pricingReport(
  policy: Pick<Policy, "prices">,
  book: PriceBook,
  filter: { provider?: string | undefined; model?: string | undefined } = {},
): PricingReport {
  const providerPart = normalizeName(filter.provider ?? "");
  const modelPart = normalizeName(filter.model ?? "");
  const wantsProvider = (provider: string) => normalizeName(provider).includes(providerPart);
  const wants = (row: StatedPrice) => wantsProvider(row.provider) && normalizeName(row.model).includes(modelPart);
  const overrides = policy.prices.map(stateOverride).filter(wants);
  overrides.sort((a, b) => compare(a.provider, b.provider) || compare(a.model, b.model));
  const providers = Object.entries(catalogueProviders).filter(([slug]) => wantsProvider(slug));
  return {
    source: { ...book.source },
    overrides,
    catalogue: book.listCatalogue().map(stateCatalogued).filter(wants),
    providers: providers.map(([provider, { name, pricingUrls, fallback = [] }]) => ({
      provider,
      name,
      pricingUrls,
      alsoPricedAs: fallback,
    })),
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function stateOverride(override: PriceOverride): StatedPrice {
  const { provider, model, inputUsdPerMillion, outputUsdPerMillion, longContextAboveTokens: aboveTokens } = override;
  return {
    provider,
    model,
    inputUsdPerMillion,
    outputUsdPerMillion,
    ...withoutNulls({
      cachedInputUsdPerMillion: override.cachedInputUsdPerMillion,
      cacheWriteUsdPerMillion: override.cacheWriteUsdPerMillion,
      cacheWriteLongUsdPerMillion: override.cacheWriteLongUsdPerMillion,
    }),
    ...(aboveTokens === null ? {} : { longContext: { aboveTokens, ...stateLongRates(override) } }),
  };
}

function stateLongRates(override: PriceOverride): Partial<StatedRates> {
  return withoutNulls({
    inputUsdPerMillion: override.longInputUsdPerMillion,
    outputUsdPerMillion: override.longOutputUsdPerMillion,
    cachedInputUsdPerMillion: override.longCachedInputUsdPerMillion,
    cacheWriteUsdPerMillion: override.longCacheWriteUsdPerMillion,
    cacheWriteLongUsdPerMillion: override.longCacheWriteLongUsdPerMillion,
  });
}

function withoutNulls(rates: Partial<Record<RateName, number | null>>): Partial<StatedRates> {
  return Object.fromEntries(Object.entries(rates).filter(([, rate]) => rate !== null));
}

function stateCatalogued(price: Price): CataloguePrice {
  const { provider, id: model, longContext, reasoning, output, request } = price;
  return {
    provider,
    model,
    ...stateRates(price),
    ...(longContext ? { longContext: { aboveTokens: longContext.aboveTokens, ...stateRates(longContext) } } : {}),
    ...(reasoning === output ? {} : { reasoningUsdPerMillion: usdPerMillion(reasoning) }),
    ...(request === 0 ? {} : { requestUsd: request / 1e12 }),
  };
}

function stateRates(rates: PicoRates): Required<StatedRates> {
  return {
    inputUsdPerMillion: usdPerMillion(rates.input),
    outputUsdPerMillion: usdPerMillion(rates.output),
    cachedInputUsdPerMillion: usdPerMillion(rates.cachedInput),
    cacheWriteUsdPerMillion: usdPerMillion(rates.cacheWrite),
    cacheWriteLongUsdPerMillion: usdPerMillion(rates.cacheWriteLong),
  };
}

function usdPerMillion(picoRate: number): number {
  return picoRate / picoPerTokenOfUsdPerMillion;
}
