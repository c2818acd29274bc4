// Owns GET /admin/health: what the process says of itself. Answers 200 also when degraded; probes use /ready.

import { Elysia } from "elysia";
import type { AdminDeps } from "./deps";
import { answerAdmin } from "./gate";
import {
  count,
  describe,
  fields,
  flag,
  instant,
  json,
  listOf,
  milliseconds,
  oneOf,
  orNull,
  ref,
  type Schema,
  text,
} from "./openapi";

export function createHealthRoutes(deps: AdminDeps) {
  return new Elysia({ name: "admin-health" }).get(
    "/admin/health",
    ({ request }) => answerAdmin(deps, request, () => deps.health()),
    { detail },
  );
}

const detail = describe({
  tag: "Operation",
  summary: "Every dependency, and what is waiting",
  answer: json(ref("Health")),
});

export const healthSchemas: Record<string, Schema> = {
  Health: fields({
    status: oneOf(["ok", "degraded"]),
    version: text,
    uptimeMs: milliseconds,
    store: fields({ kind: oneOf(["sqlite", "postgres"]), ok: flag, error: text, latencyMs: milliseconds }, ["error"]),
    spool: fields({
      pendingRows: count,
      pendingBytes: count,
      segments: count,
      lastSyncMs: orNull({ ...milliseconds, description: "milliseconds since rows were last synced to disk" }),
      quarantined: count,
      dropped: count,
    }),
    providers: listOf(
      fields({
        slug: text,
        lastCallAt: orNull(instant),
        lastStatus: orNull({ type: "integer" }),
        lastError: orNull({ ...text, description: "error code of a call that got no answer" }),
      }),
    ),
    optimizer: fields({
      url: text,
      breaker: { ...oneOf(["closed", "half-open", "open"]), description: "open: it failed and is not asked" },
      openedBy: orNull({ type: "string", enum: ["timeout", "unreachable", "error", null] }),
      since: instant,
      revision: orNull({ ...text, description: "of the optimizer's settings in force" }),
      feedbackWaiting: count,
      feedbackDropped: count,
    }),
    killSwitch: ref("KillSwitch"),
    traceExport: fields({
      host: orNull({ ...text, description: "null: traces are not exported" }),
      waiting: count,
      waitingBytes: count,
      exported: count,
      dropped: count,
      lastFault: orNull({ ...text, description: "of the last attempt, where it failed" }),
    }),
    privacy: ref("PrivacyInForce"),
    audit: ref("AuditChain"),
    caps: fields({ month: text, cappedUsers: count }),
    calls: fields({ active: count, total: count }),
  }),
};
