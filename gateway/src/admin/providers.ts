// Owns GET /admin/providers and GET|PUT|DELETE /admin/providers/:slug. Keys go in, never come out.

import { askStore } from "@anyray/shared/admin/audit";
import {
  deleteProvider,
  isSlug,
  type ProviderReport,
  parseProvider,
  providerKinds,
  reportProviders,
  setProvider,
} from "@anyray/shared/admin/providers";
import { shown } from "@anyray/shared/admin/request";
import { AnyrayError } from "@anyray/shared/errors";
import { Elysia } from "elysia";
import { type AdminDeps, adminActor } from "./deps";
import { answerAdmin, readJson } from "./gate";
import { describe, fields, flag, json, listOf, oneOf, orNull, pathParameter, ref, type Schema, text } from "./openapi";

export function createProviderRoutes(deps: AdminDeps) {
  /** A write reads what is stored and then changes it: one at a time, or two could lose each other's key. */
  let lastWrite: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(write: () => Promise<T>): Promise<T> => {
    const turn = lastWrite.then(write, write);
    lastWrite = turn.catch(() => {});
    return turn;
  };
  const list = () => reportProviders(deps.providers(), deps.policy.current().providers);
  const find = (slug: string): ProviderReport => {
    const found = list().find((provider) => provider.slug === slug);
    if (found) return found;
    throw new AnyrayError("not_found", `There is no provider ${shown(slug)}.`);
  };
  const write = async (request: Request, slug: string) => {
    const change = parseProvider(slug, await readJson(request));
    return inTurn(async () => {
      const before = await askStore(deps.store.readPolicy());
      const policy = await setProvider(deps.store, before, slug, change, deps.sealKey, adminActor(deps, request));
      await deps.policy.adopt(policy);
      return find(slug);
    });
  };
  const remove = (request: Request, slug: string) =>
    inTurn(async () => {
      const before = await askStore(deps.store.readPolicy());
      const inForce = deps.providers().find((provider) => provider.slug === slug);
      const policy = await deleteProvider(deps.store, before, slug, inForce, adminActor(deps, request));
      await deps.policy.adopt(policy);
      return { deleted: slug, provider: list().find((provider) => provider.slug === slug) ?? null };
    });
  return new Elysia({ name: "admin-providers" })
    .get("/admin/providers", ({ request }) => answerAdmin(deps, request, () => ({ providers: list() })), {
      detail: listDetail,
    })
    .get(
      "/admin/providers/:slug",
      ({ request, params }) => answerAdmin(deps, request, () => find(readSlug(params.slug))),
      { detail: readDetail },
    )
    .put(
      "/admin/providers/:slug",
      ({ request, params }) => answerAdmin(deps, request, () => write(request, params.slug ?? "")),
      { parse: "none", detail: writeDetail },
    )
    .delete(
      "/admin/providers/:slug",
      ({ request, params }) => answerAdmin(deps, request, () => remove(request, readSlug(params.slug))),
      { parse: "none", detail: deleteDetail },
    );
}

/** The router gives null for what is not valid percent-encoding. */
function readSlug(text: string | null): string {
  if (text !== null && isSlug(text)) return text;
  throw new AnyrayError("not_found", `There is no provider ${shown(text ?? "")}.`);
}

const slug = pathParameter("slug", { type: "string", pattern: "^[a-z0-9]+(-[a-z0-9]+)*$", maxLength: 64 }, "slug");

const listDetail = describe({
  tag: "Providers",
  summary: "Every provider",
  answer: json(fields({ providers: listOf(ref("Provider")) })),
});

const readDetail = describe({
  tag: "Providers",
  summary: "One provider",
  parameters: [slug],
  answer: json(ref("Provider")),
  refusals: ["not_found"],
});

const writeDetail = describe({
  tag: "Providers",
  summary: "Add or change a provider",
  description:
    "Without `key` the stored key stays; `key: null` removes it, and callers' own credentials are forwarded. A key never comes out again. Variables win over what is stored: `source` and `notice` say so.",
  parameters: [slug],
  body: ref("ProviderChange"),
  answer: json(ref("Provider")),
  refusals: ["invalid_request", "store_unavailable"],
});

const deleteDetail = describe({
  tag: "Providers",
  summary: "Remove what is stored for a provider",
  description: "A built-in provider, and one with a variable, goes on without it.",
  parameters: [slug],
  answer: json(fields({ deleted: text, provider: { nullable: true, type: "object", allOf: [ref("Provider")] } })),
  refusals: ["invalid_request", "not_found", "store_unavailable"],
});

const source = oneOf(["env", "store", "none"]);
const onAbort = orNull({
  type: "string",
  enum: ["cancel", "drain", null],
  description: "when a caller leaves mid-answer; null: the gateway's default",
});

export const providerSchemas: Record<string, Schema> = {
  Provider: fields({
    slug: text,
    kind: oneOf(providerKinds),
    baseUrl: text,
    key: fields({
      set: flag,
      source,
      fingerprint: orNull({ ...text, description: "first 8 hex digits of the key's SHA-256" }),
    }),
    onAbort,
    source: { ...oneOf(["env", "store", "built-in"]), description: "where the base URL comes from" },
    notice: orNull(text),
  }),
  ProviderChange: fields(
    {
      kind: { ...oneOf(providerKinds), description: "default: the kind named like the slug, else openai-compatible" },
      baseUrl: { type: "string", format: "uri", maxLength: 2048 },
      key: orNull({ type: "string", minLength: 1, maxLength: 4096, writeOnly: true }),
      onAbort,
    },
    ["kind", "key", "onAbort"],
  ),
};
