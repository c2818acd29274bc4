// Makes shared/src/prices/catalogue.json from the installed @pydantic/genai-prices: the rates Anyray meters, and
// nothing else. Refuses a rate, condition or threshold it does not understand instead of dropping it.
//
//   bun shared/bin/update-prices.ts          after raising the package's version

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  type ConditionalPrice,
  type ModelInfo,
  type ModelPrice,
  type Provider,
  waitForUpdate,
} from "@pydantic/genai-prices";
import type { Catalogue, CatalogueModel, CatalogueProvider, Rates, TokenRates } from "../src/prices/catalogue";
import type { MatchLogic } from "../src/prices/match";

const packageName = "@pydantic/genai-prices";
const cataloguePath = fileURLToPath(new URL("../src/prices/catalogue.json", import.meta.url));

/** Sold through an API of OpenAI's or Anthropic's shape. Bedrock's own is neither; a plan's seats are no tokens. */
const providerIds = [
  "anthropic",
  "arcee",
  "avian",
  "azure",
  "baseten",
  "cerebras",
  "cloudflare",
  "cohere",
  "deepseek",
  "fireworks",
  "google",
  "groq",
  "minimax",
  "mistral",
  "moonshotai",
  "novita",
  "openai",
  "openrouter",
  "ovhcloud",
  "perplexity",
  "together",
  "voyageai",
  "x-ai",
  "zai",
  "zhipuai",
];

const tokenRateNames: Record<string, keyof TokenRates> = {
  input_mtok: "input",
  output_mtok: "output",
  cache_read_mtok: "cachedInput",
  cache_write_mtok: "cacheWrite",
  cache_write_1h_mtok: "cacheWriteLong",
  output_reasoning_mtok: "reasoning",
};

/** Rates of things that no usage of ours counts. */
const unmetered = new Set([
  "audio_hours",
  "cache_audio_read_mtok",
  "cache_image_read_mtok",
  "input_annotated_document_kpages",
  "input_audio_hours",
  "input_audio_mtok",
  "input_document_kpages",
  "input_image_mtok",
  "input_text_messages_kcount",
  "input_video_mtok",
  "output_audio_mtok",
  "output_citation_mtok",
  "output_image_mtok",
  "output_video_mtok",
  "storage_searches_kcount",
  "web_searches_kcount",
]);

const slugOf = (id: string) => (id === "azure" ? "azure-openai" : id.replaceAll("_", "-"));

/**
 * The catalogue of the installed package.
 *
 * @param date when that version was released, "YYYY-MM-DD"
 * @throws Error naming the model whose price cannot be expressed
 */
export async function buildCatalogue(date: string): Promise<Catalogue> {
  const published = new Map((await waitForUpdate())?.map((provider) => [provider.id, provider]));
  const providers = providerIds.map((id) => {
    const provider = published.get(id);
    if (!provider) throw new Error(`${packageName} no longer knows the provider "${id}"`);
    return [slugOf(id), convertProvider(provider)] as const;
  });
  providers.sort(([a], [b]) => (a < b ? -1 : 1));
  return { source: packageName, version: installedVersion(), date, providers: Object.fromEntries(providers) };
}

/** One model a line, so that a new version of the package reads well as a diff. */
export function printCatalogue(catalogue: Catalogue): string {
  const { providers, ...head } = catalogue;
  const blocks = Object.entries(providers).map(([slug, { models, ...about }]) => {
    const lines = models.map((model) => JSON.stringify(model)).join(",\n");
    return `${JSON.stringify(slug)}:${JSON.stringify(about).slice(0, -1)},"models":[\n${lines}\n]}`;
  });
  return `${JSON.stringify(head).slice(0, -1)},"providers":{\n${blocks.join(",\n")}\n}}\n`;
}

function convertProvider(provider: Provider): CatalogueProvider {
  const fallback = provider.fallback_model_providers;
  const missing = fallback?.find((id) => !providerIds.includes(id));
  if (missing) throw new Error(`${provider.id} falls back to "${missing}", which is not in the catalogue`);
  return {
    name: provider.name,
    pricingUrls: provider.pricing_urls ?? [],
    ...(fallback ? { fallback: fallback.map(slugOf) } : {}),
    models: provider.models.map((model) => convertModel(provider, model)),
  };
}

function convertModel(provider: Provider, model: ModelInfo): CatalogueModel {
  const match = model.match as MatchLogic;
  const byId = "equals" in match && match.equals === model.id;
  const place = `${provider.id} ${model.id}`;
  return {
    id: model.id,
    ...(byId ? {} : { match }),
    prices: Array.isArray(model.prices)
      ? model.prices.map((price) => ({ ...convertCondition(price, place), rates: convertRates(price.prices, place) }))
      : convertRates(model.prices, place),
  };
}

function convertCondition(
  { constraint }: ConditionalPrice,
  place: string,
): { from?: string; daily?: [string, string] } {
  if (constraint === undefined) return {};
  if (constraint.type === "start_date" && /^\d{4}-\d{2}-\d{2}$/.test(constraint.start_date)) {
    return { from: constraint.start_date };
  }
  if (constraint.type === "time_of_date") {
    const [start, end] = [constraint.start_time, constraint.end_time].map(
      (time) => /^(\d{2}:\d{2}):00Z$/.exec(time)?.[1],
    );
    if (start && end) return { daily: [start, end] };
  }
  throw new Error(`${place}: a condition of an unknown kind: ${JSON.stringify(constraint)}`);
}

function convertRates(price: ModelPrice, place: string): Rates | null {
  const base: TokenRates = {};
  const long: TokenRates = {};
  const thresholds = new Set<number>();
  for (const [key, name] of Object.entries(tokenRateNames)) {
    const stated = price[key];
    if (stated === undefined) continue;
    base[name] = typeof stated === "number" ? stated : stated.base;
    for (const tier of typeof stated === "number" ? [] : stated.tiers) {
      thresholds.add(tier.start);
      long[name] = tier.price;
    }
  }
  const unknown = Object.keys(price).filter(
    (key) => !(key in tokenRateNames) && key !== "requests_kcount" && !unmetered.has(key),
  );
  if (unknown.length > 0) throw new Error(`${place}: rates of an unknown kind: ${unknown.join(", ")}`);
  if (thresholds.size > 1) throw new Error(`${place}: more than one context threshold: ${[...thresholds].join(", ")}`);
  // Stating nothing is how the package says "free"; stating only other units says "not sold by the token".
  if (Object.keys(base).length === 0) return Object.keys(price).length === 0 ? {} : null;
  const { requests_kcount: perThousand } = price;
  if (typeof perThousand === "object") throw new Error(`${place}: a price of calls that depends on the context`);
  const [aboveTokens] = thresholds;
  return {
    ...base,
    ...(perThousand === undefined ? {} : { request: perThousand / 1000 }),
    ...(aboveTokens === undefined ? {} : { longContext: { aboveTokens, ...long } }),
  };
}

function installedVersion(): string {
  const manifest = new URL("../package.json", import.meta.resolve(packageName));
  return JSON.parse(readFileSync(manifest, "utf8")).version;
}

/** The date stays with the version: only a new version needs the registry. */
function findReleaseDate(version: string): string {
  if (existsSync(cataloguePath)) {
    const present: Catalogue = JSON.parse(readFileSync(cataloguePath, "utf8"));
    if (present.version === version) return present.date;
  }
  const asked = Bun.spawnSync([process.execPath, "pm", "view", packageName, "time", "--json"]);
  const date = asked.success ? JSON.parse(asked.stdout.toString())[version]?.slice(0, 10) : undefined;
  if (!date) throw new Error(`the registry does not say when ${packageName} ${version} was released`);
  return date;
}

if (import.meta.main) {
  const catalogue = await buildCatalogue(findReleaseDate(installedVersion()));
  writeFileSync(cataloguePath, printCatalogue(catalogue));
  const models = Object.values(catalogue.providers).reduce((sum, provider) => sum + provider.models.length, 0);
  const providers = Object.keys(catalogue.providers).length;
  console.log(`${packageName} ${catalogue.version} (${catalogue.date}): ${models} models of ${providers} providers`);
}
