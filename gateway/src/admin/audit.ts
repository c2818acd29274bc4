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
  oneOf,
  orNull,
  parameter,
  ref,
  type Schema,
  text,
} from "./openapi";

export function createAuditRoutes(deps: AdminDeps) {
  const read = (request: Request) => readAudit(deps.store, parseAuditQuery(queryOf(request)), deps.auditChain());
  return new Elysia({ name: "admin-audit" }).get(
    "/admin/audit",
    ({ request }) => answerAdmin(deps, request, () => read(request)),
    { detail },
  );
}

const detail = describe({
  tag: "Operation",
  summary: "Every write, newest first",
  description:
    "Each entry is chained to the one before it under a key outside of the database. `chain` tells what the last check found: at the start, then every 10 minutes.",
  parameters: [
    parameter(
      "limit",
      { type: "integer", minimum: 1, maximum: auditLimit.max, default: auditLimit.default },
      "entries a page",
    ),
    parameter("cursor", { type: "integer", minimum: 1 }, "`nextCursor` of the page before"),
    parameter("before", { type: "integer", minimum: 1 }, "the same, from `nextBefore`"),
  ],
  answer: json(ref("Audit")),
  refusals: ["invalid_request", "store_unavailable"],
});

const auditFaults = [
  ...["edited", "deleted", "reordered", "inserted", "truncated", "replayed"],
  ...["unknown-key", "unanchored"],
];

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
        result: {
          ...oneOf(["done", "intent", "failed"]),
          description: "intent: it was about to be done; a later entry tells what became of it",
        },
      }),
    ),
    nextBefore: orNull(count),
    nextCursor: orNull(text),
    chain: ref("AuditChain"),
  }),
  AuditChain: fields(
    {
      state: { ...oneOf(["ok", "broken", "unverified"]), description: "ok: every entry is as it was written" },
      checkedAt: orNull(instant),
      rows: { ...count, description: "entries that were checked" },
      head: fields({ seq: count, hash: text }),
      firstBadSeq: count,
      kind: oneOf(auditFaults),
      reason: text,
    },
    ["firstBadSeq", "kind", "reason"],
  ),
};
