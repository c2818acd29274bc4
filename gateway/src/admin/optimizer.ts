// Owns /admin/optimizer/settings and /admin/optimizer/savings on the gateway: sent on to the optimizer, which keeps,
// checks and audits its settings itself. What it answers is the answer here.

import { AnyrayError } from "@anyray/shared/errors";
import type { Outbound } from "@anyray/shared/outbound";
import { Elysia } from "elysia";
import type { AdminDeps } from "./deps";
import { answerAdmin, readJson } from "./gate";
import { anything, count, describe, fields, flag, json, listOf, oneOf, ref, type Schema, text } from "./openapi";

const path = "/admin/optimizer/settings";
const savingsPath = "/admin/optimizer/savings";
const answerMsMax = 5_000;

export interface OptimizerRelaySettings {
  url: string;
  adminToken: string;
  optimizerToken: string;
  /** One that calls nothing but services of our own. */
  outbound: Pick<Outbound, "send">;
  /** For the answer as a whole. */
  limitMs?: number;
}

/** An admin request to the optimizer; resolves with its answer, read whole. */
export type OptimizerRelay = (
  to: typeof path | typeof savingsPath,
  method: "GET" | "PUT",
  body: Uint8Array<ArrayBuffer> | null,
  adminIp: string | null,
) => Promise<Response>;

/** The relay rejects with AnyrayError upstream_unreachable or upstream_timeout. */
export function createOptimizerRelay(settings: OptimizerRelaySettings): OptimizerRelay {
  const { url, adminToken, optimizerToken, outbound, limitMs = answerMsMax } = settings;
  const base = url.replace(/\/+$/, "");
  return async (to, method, body, adminIp) => {
    const headers = new Headers({
      authorization: `Bearer ${adminToken}`,
      "content-type": "application/json",
      "accept-encoding": "identity",
      // Proves that the address told is not the admin's own idea.
      "x-anyray-optimizer-token": optimizerToken,
    });
    if (adminIp !== null) headers.set("x-anyray-admin-ip", adminIp);
    const signal = AbortSignal.timeout(limitMs);
    let response: Response;
    let told: string;
    try {
      response = await outbound.send(base + to, { method, headers, body, signal });
      told = await response.text();
    } catch (cause) {
      throw noAnswer(url, signal.aborted, cause);
    }
    if (response.status === 401) throw unknownHere();
    if (!isJson(told)) throw noAnswer(url, false, new Error(`an answer of ${response.status} that is no JSON`));
    return relayed(response, told);
  };
}

function isJson(text: string): boolean {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

function relayed({ status, headers }: Response, body: string): Response {
  const kept: Record<string, string> = { "content-type": "application/json" };
  for (const name of ["x-anyray-error", "x-should-retry"]) {
    const value = headers.get(name);
    if (value !== null) kept[name] = value;
  }
  return new Response(body, { status, headers: kept });
}

function noAnswer(url: string, isLate: boolean, cause: unknown): AnyrayError {
  const goesOn = "Calls go on without it; its settings can be read and changed when it is back";
  const error = isLate
    ? new AnyrayError("upstream_timeout", `The optimizer at ${url} did not answer in time. ${goesOn}.`)
    : new AnyrayError("upstream_unreachable", `The optimizer at ${url} does not answer. ${goesOn}.`);
  error.cause = cause;
  return error;
}

function unknownHere(): AnyrayError {
  return new AnyrayError(
    "upstream_unreachable",
    "The optimizer does not know this gateway's admin token: give both the same ANYRAY_ADMIN_TOKEN, or the same data directory.",
  );
}

export function createOptimizerRoutes(deps: AdminDeps) {
  const read = (request: Request) => deps.relayToOptimizer(path, "GET", null, deps.clientIp(request));
  const write = async (request: Request) => {
    const body = encode(await readJson(request));
    const response = await deps.relayToOptimizer(path, "PUT", body, deps.clientIp(request));
    if (response.ok) deps.refreshOptimizer();
    return response;
  };
  const readSavings = (request: Request) => deps.relayToOptimizer(savingsPath, "GET", null, deps.clientIp(request));
  return new Elysia({ name: "admin-optimizer" })
    .get(savingsPath, ({ request }) => answerAdmin(deps, request, () => readSavings(request)), {
      detail: savingsDetail,
    })
    .get(path, ({ request }) => answerAdmin(deps, request, () => read(request)), { detail: readDetail })
    .put(path, ({ request }) => answerAdmin(deps, request, () => write(request)), {
      parse: "none",
      detail: writeDetail,
    });
}

function encode(value: unknown): Uint8Array<ArrayBuffer> {
  try {
    return new TextEncoder().encode(JSON.stringify(value));
  } catch {
    // The parser goes deeper than the writer can.
    throw new AnyrayError("invalid_json", "The body is nested too deep.");
  }
}

const refusals = ["upstream_unreachable", "upstream_timeout", "store_unavailable"] as const;

const readDetail = describe({
  tag: "Operation",
  summary: "The optimizer's settings, and what there is to set",
  answer: json(ref("OptimizerSettings")),
  refusals,
});

const writeDetail = describe({
  tag: "Operation",
  summary: "Replace the optimizer's settings",
  description:
    "Taken whole or not at all; a refusal names every fault. Holds from the next request. A kind that is not listed is off. What GET answers may be sent back.",
  body: { anyOf: [ref("OptimizerConfig"), ref("OptimizerSettings")] },
  answer: json(ref("OptimizerSettings")),
  refusals: ["invalid_request", ...refusals],
});

const savingsDetail = describe({
  tag: "Operation",
  summary: "What leaving things out of requests was worth, by strategy and tool",
  description:
    "Over the last 200 elisions of each pair: tokens saved, less what asking back and rewriting the provider's cache cost. A pair that loses is off for a day.",
  answer: json(ref("OptimizerSavings")),
  refusals,
});

const params: Schema = { type: "object", additionalProperties: true, description: "by name; see `known`" };
const revision: Schema = { anyOf: [text, count], description: "names the defaults the config was made from" };
const scalar: Schema = { anyOf: [text, { type: "number" }, flag] };
const strategies = listOf(ref("OptimizerStrategy"));

export const optimizerSchemas: Record<string, Schema> = {
  OptimizerStrategy: fields({ kind: text, enabled: flag, params }, ["params"]),
  OptimizerConfig: fields(
    {
      defaultsRevision: revision,
      strategies: { ...strategies, description: "in order of execution" },
      overrides: fields(
        {
          byEndpoint: {
            type: "object",
            additionalProperties: listOf(fields({ kind: text, enabled: flag, params }, ["enabled", "params"])),
            description: "path → changes to `strategies`, by kind",
          },
          rules: {
            ...listOf(fields({ match: ref("OptimizerMatch"), strategies })),
            description: "the first that matches replaces `strategies`",
          },
        },
        ["byEndpoint", "rules"],
      ),
    },
    ["defaultsRevision", "overrides"],
  ),
  OptimizerSavings: fields({
    pairs: listOf(
      fields({
        kind: text,
        tool: { anyOf: [text, { type: "null" }] },
        elisions: count,
        tokensSaved: { type: "number" },
        retrievals: count,
        retrievalCost: { type: "number" },
        cacheWriteCost: { type: "number" },
        net: { type: "number" },
        isOff: flag,
        offSince: { anyOf: [text, { type: "null" }] },
        retryAt: { anyOf: [text, { type: "null" }] },
        totals: fields({ elisions: count, retrievals: count, net: { type: "number" } }),
      }),
    ),
  }),
  OptimizerMatch: fields(
    {
      user: text,
      team: text,
      endpoint: text,
      model: { ...text, description: "a model's name, or its beginning and *" },
      metadata: { type: "object", additionalProperties: scalar },
    },
    ["user", "team", "endpoint", "model", "metadata"],
  ),
  OptimizerSettings: fields(
    {
      config: ref("OptimizerConfig"),
      optimizerVersion: text,
      revision: { ...text, description: "changes with the config and the version" },
      faults: { ...listOf(text), description: "what of the stored config this version does not understand; it is off" },
      known: listOf(
        fields({
          kind: text,
          tier: oneOf(["read", "params", "lossless", "selection", "whole"]),
          about: fields({ does: text, risk: text }),
          params: { type: "object", additionalProperties: anything, description: "name → type, default and bounds" },
          bodyBytesMin: count,
        }),
      ),
    },
    ["optimizerVersion", "revision", "faults", "known"],
  ),
};
