// Owns GET|PUT /admin/pricing.

import { askStore, changeAudited } from "@anyray/shared/admin/audit";
import { type PriceEdit, parsePriceOverrides, pricingReport } from "@anyray/shared/admin/pricing";
import { readParameters, refuseFaults } from "@anyray/shared/admin/request";
import type { Policy } from "@anyray/shared/store/store";
import { Elysia } from "elysia";
import { type AdminDeps, adminActor } from "./deps";
import { answerAdmin, queryOf, readJson } from "./gate";
import { describe, fields, json, listOf, parameter, ref, type Schema, text } from "./openapi";

export function createPricingRoutes(deps: AdminDeps) {
  const read = async (request: Request) => {
    const filter = parseFilter(queryOf(request));
    return pricingReport(await askStore(deps.store.readPolicy()), deps.priceBook, filter);
  };
  const write = async (request: Request) => {
    const prices = parsePrices(await readJson(request));
    const policy = await setPrices(deps, prices, request);
    await deps.policy.adopt(policy);
    return pricingReport(policy, deps.priceBook);
  };
  return new Elysia({ name: "admin-pricing" })
    .get("/admin/pricing", ({ request }) => answerAdmin(deps, request, () => read(request)), { detail: readDetail })
    .put("/admin/pricing", ({ request }) => answerAdmin(deps, request, () => write(request)), {
      parse: "none",
      detail: writeDetail,
    });
}

function parseFilter(params: URLSearchParams) {
  const faults: string[] = [];
  const given = readParameters(params, ["provider", "model"], faults);
  refuseFaults(faults);
  return { provider: given.get("provider"), model: given.get("model") };
}

function parsePrices(body: unknown): PriceEdit[] {
  const parsed = parsePriceOverrides(body);
  if ("prices" in parsed && parsed.prices.length > 0) return parsed.prices;
  refuseFaults("faults" in parsed ? parsed.faults : ["prices: accepted is a list of at least 1"]);
  return [];
}

function setPrices(deps: AdminDeps, prices: PriceEdit[], request: Request): Promise<Policy> {
  const [first] = prices;
  const object = prices.length === 1 && first ? `${first.provider}/${first.model}` : `${prices.length} prices`;
  const entry = { action: "prices.set", object, after: prices };
  return changeAudited(deps.store, { kind: "prices", prices }, adminActor(deps, request), entry);
}

const readDetail = describe({
  tag: "Prices",
  summary: "Overrides, and the catalogue they win over",
  parameters: [
    parameter("provider", text, "only providers whose name contains this"),
    parameter("model", text, "only models whose name contains this"),
  ],
  answer: json(ref("Pricing")),
  refusals: ["invalid_request", "store_unavailable"],
});

const writeDetail = describe({
  tag: "Prices",
  summary: "Set or remove overrides",
  description: "Merged by provider and model. Holds from the next request; rows already written keep their cost.",
  body: ref("PricingChange"),
  answer: json(ref("Pricing")),
  refusals: ["invalid_request", "store_unavailable"],
});

const usdPerMillion = { type: "number", minimum: 0, maximum: 10_000, description: "USD per million tokens" };
const requestUsd = { type: "number", minimum: 0, description: "USD per call" };
const rates = {
  inputUsdPerMillion: usdPerMillion,
  outputUsdPerMillion: usdPerMillion,
  cachedInputUsdPerMillion: usdPerMillion,
  cacheWriteUsdPerMillion: usdPerMillion,
  cacheWriteLongUsdPerMillion: { ...usdPerMillion, description: "USD per million tokens kept for the longer lifetime" },
};
const longContext = fields({ aboveTokens: { type: "integer", minimum: 1 }, ...rates }, Object.keys(rates));
const names = { provider: { ...text, description: "slug" }, model: text };
const optional = ["cachedInputUsdPerMillion", "cacheWriteUsdPerMillion", "cacheWriteLongUsdPerMillion", "longContext"];

export const pricingSchemas: Record<string, Schema> = {
  Price: fields({ ...names, ...rates, longContext }, optional),
  PricingChange: fields({
    prices: {
      ...listOf({ anyOf: [ref("Price"), fields({ ...names, delete: { type: "boolean", enum: [true] } })] }),
      minItems: 1,
    },
  }),
  Pricing: fields({
    source: fields({ name: text, version: text, date: text }),
    overrides: listOf(ref("Price")),
    catalogue: listOf(
      fields({ ...names, ...rates, longContext, reasoningUsdPerMillion: usdPerMillion, requestUsd }, [
        ...optional,
        "reasoningUsdPerMillion",
        "requestUsd",
      ]),
    ),
    providers: listOf(fields({ provider: text, name: text, pricingUrls: listOf(text), alsoPricedAs: listOf(text) })),
  }),
};
