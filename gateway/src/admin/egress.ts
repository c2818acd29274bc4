// Owns GET /admin/egress: which hosts this gateway calls, why and how often, and which it may call.

import { egressReasons } from "@anyray/shared/egress";
import { Elysia } from "elysia";
import type { AdminDeps } from "./deps";
import { answerAdmin } from "./gate";
import { count, describe, fields, flag, instant, json, listOf, oneOf, orNull, ref, type Schema, text } from "./openapi";

export function createEgressRoutes(deps: AdminDeps) {
  return new Elysia({ name: "admin-egress" }).get(
    "/admin/egress",
    ({ request }) => answerAdmin(deps, request, () => deps.egress()),
    { detail },
  );
}

const detail = describe({
  tag: "Operation",
  summary: "Every host that is called, why and how often",
  description:
    "The hosts of the configured providers, of the optimizer, of the trace backend and of the proxy set on purpose: no other host is ever called, and a call to one is refused before a name is looked up. The optimizer calls nobody.",
  answer: json(ref("Egress")),
});

export const egressSchemas: Record<string, Schema> = {
  Egress: fields({
    since: { ...instant, description: "RFC 3339: when this process started to count" },
    hosts: {
      ...listOf(
        fields({
          host: { ...text, description: "with its port where it is not the scheme's own" },
          reason: oneOf(egressReasons),
          isAllowed: { ...flag, description: "a call to it would go out now" },
          calls: { ...count, description: "calls that went out" },
          refused: { ...count, description: "calls that were refused before a packet left" },
          firstAt: orNull(instant),
          lastAt: orNull(instant),
        }),
      ),
      description: "what may be called and what was, by name",
    },
  }),
};
