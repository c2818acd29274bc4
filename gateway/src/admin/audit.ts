// Owns GET /admin/audit.

import { auditLimit, parseAuditQuery, readAudit } from "@anyray/shared/admin/audit";
import { Elysia } from "elysia";
import type { AdminDeps } from "./deps";
import { answerAdmin, queryOf } from "./gate";
import {
  anything,
  count,
  describe,
  fields,
  instant,
  json,
  listOf,
  orNull,
  parameter,
  ref,
  type Schema,
  text,
} from "./openapi";

export function createAuditRoutes(deps: AdminDeps) {
  const read = (request: Request) => readAudit(deps.store, parseAuditQuery(queryOf(request)));
  return new Elysia({ name: "admin-audit" }).get(
    "/admin/audit",
    ({ request }) => answerAdmin(deps, request, () => read(request)),
    { detail },
  );
}

const detail = describe({
  tag: "Operation",
  summary: "Every write, newest first",
  parameters: [
    parameter(
      "limit",
      { type: "integer", minimum: 1, maximum: auditLimit.max, default: auditLimit.default },
      "entries a page",
    ),
    parameter("before", { type: "integer", minimum: 1 }, "`nextBefore` of the page before"),
  ],
  answer: json(ref("Audit")),
  refusals: ["invalid_request", "store_unavailable"],
});

export const auditSchemas: Record<string, Schema> = {
  Audit: fields({
    entries: listOf(
      fields({
        seq: { ...count, description: "1, 2, 3 … without gaps" },
        id: { ...text, format: "uuid" },
        at: instant,
        actor: text,
        ip: orNull(text),
        action: { ...text, description: "for example caps.set" },
        object: { ...text, description: "what it was done to" },
        before: anything,
        after: anything,
        reason: orNull(text),
      }),
    ),
    nextBefore: orNull(count),
  }),
};
