// Owns GET|PUT /admin/user-caps and GET /admin/usage/:user.

import { askStore } from "@anyray/shared/admin/audit";
import {
  type CapSource,
  capsPerChangeMax,
  monthlyTokensMax,
  parseCaps,
  parseUser,
  reportCaps,
  reportUsage,
  setCaps,
} from "@anyray/shared/admin/caps";
import { Elysia } from "elysia";
import { type AdminDeps, adminActor } from "./deps";
import { answerAdmin, readJson } from "./gate";
import {
  amount,
  count,
  describe,
  fields,
  instant,
  json,
  listOf,
  oneOf,
  orNull,
  pathParameter,
  ref,
  type Schema,
  text,
} from "./openapi";

export function createCapsRoutes(deps: AdminDeps) {
  /** With every finished call in the store, which uncapped users' figures come from. */
  const openSource = async (): Promise<CapSource> => {
    await deps.flushFacts();
    return { store: deps.store, live: deps.liveCaps(), timeZone: deps.timezone, now: deps.now() };
  };
  const readCaps = async () => reportCaps(await openSource(), (await askStore(deps.store.readPolicy())).caps);
  const writeCaps = async (request: Request) => {
    const caps = parseCaps(await readJson(request));
    const policy = await setCaps(deps.store, caps, adminActor(deps, request));
    await deps.policy.adopt(policy);
    return reportCaps(await openSource(), policy.caps);
  };
  const readUsage = async (name: unknown) => {
    const user = parseUser(name);
    return reportUsage(await openSource(), (await askStore(deps.store.readPolicy())).caps, user);
  };
  return new Elysia({ name: "admin-caps" })
    .get("/admin/user-caps", ({ request }) => answerAdmin(deps, request, readCaps), { detail: readDetail })
    .put("/admin/user-caps", ({ request }) => answerAdmin(deps, request, () => writeCaps(request)), {
      parse: "none",
      detail: writeDetail,
    })
    .get("/admin/usage/:user", ({ request, params }) => answerAdmin(deps, request, () => readUsage(params.user)), {
      detail: usageDetail,
    });
}

const readDetail = describe({
  tag: "Caps",
  summary: "Every cap with this month's use",
  answer: json(ref("UserCaps")),
  refusals: ["store_unavailable"],
});

const writeDetail = describe({
  tag: "Caps",
  summary: "Set, change or remove caps",
  description:
    "Merged by user. `monthlyTokens: null` removes a cap. Holds from the next request of this gateway, within a second on every other. Counted are input and output tokens, cached input included.",
  body: { anyOf: [ref("Cap"), fields({ caps: { ...listOf(ref("Cap")), minItems: 1, maxItems: capsPerChangeMax } })] },
  answer: json(ref("UserCaps")),
  refusals: ["invalid_request", "store_unavailable"],
});

const usageDetail = describe({
  tag: "Caps",
  summary: "One user's month, capped or not",
  parameters: [pathParameter("user", text, "as in `x-anyray-metadata`, percent-encoded")],
  answer: json(ref("Usage")),
  refusals: ["invalid_request", "store_unavailable"],
});

const monthlyTokens = { ...count, maximum: monthlyTokensMax };
const state = oneOf(["ok", "near", "over"]);
const month = { type: "string", pattern: "^\\d{4}-\\d\\d$" };

export const capsSchemas: Record<string, Schema> = {
  Cap: fields({ user: { ...text, minLength: 1, maxLength: 128 }, monthlyTokens: orNull(monthlyTokens) }),
  UserCaps: fields({
    month,
    timezone: text,
    resetsAt: instant,
    caps: listOf(
      fields({
        user: text,
        monthlyTokens,
        usedTokens: count,
        reservedTokens: { ...count, description: "set aside for calls in progress" },
        remainingTokens: count,
        state: { ...state, description: "near: 80 % and above" },
        rejectedRequests: count,
      }),
    ),
  }),
  Usage: fields({
    user: text,
    month,
    timezone: text,
    resetsAt: instant,
    usedTokens: count,
    reservedTokens: count,
    requests: count,
    costUsd: amount,
    rejectedRequests: count,
    monthlyTokens: orNull({ ...monthlyTokens, description: "null: no cap" }),
    remainingTokens: orNull(count),
    state: orNull({ ...state, enum: ["ok", "near", "over", null] }),
  }),
};
