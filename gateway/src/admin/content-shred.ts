// Owns DELETE of the contents of a trace, a session, a user: what was said becomes unreadable, what happened stays.

import { parseUser } from "@anyray/shared/admin/caps";
import { shredContent } from "@anyray/shared/admin/content-shred";
import { readParameters, refuseFaults } from "@anyray/shared/admin/request";
import { parseSession } from "@anyray/shared/admin/sessions";
import type { ShredTarget } from "@anyray/shared/store/trace-query";
import { Elysia } from "elysia";
import { type AdminDeps, adminActor } from "./deps";
import { answerAdmin, queryOf } from "./gate";
import { describe, json, parameter, pathParameter, ref, text } from "./openapi";

const reasonCharsMax = 500;

export function createContentRoutes(deps: AdminDeps) {
  const shred = (request: Request, target: ShredTarget) => {
    const parts = { store: deps.store, flushTraces: deps.flushTraces, forget: deps.forgetInOptimizer };
    return shredContent(parts, target, adminActor(deps, request), readReason(request));
  };
  return new Elysia({ name: "admin-content" })
    .delete(
      "/admin/traces/:id/content",
      ({ request, params }) => answerAdmin(deps, request, () => shred(request, { trace: params.id.toLowerCase() })),
      { parse: "none", detail: shredDetail("trace", "the call's id") },
    )
    .delete(
      "/admin/sessions/:id/content",
      ({ request, params }) => answerAdmin(deps, request, () => shred(request, { session: parseSession(params.id) })),
      { parse: "none", detail: shredDetail("session", "the session's name") },
    )
    .delete(
      "/admin/users/:id/content",
      ({ request, params }) => answerAdmin(deps, request, () => shred(request, { user: parseUser(params.id) })),
      { parse: "none", detail: shredDetail("user", "the user's name") },
    );
}

/** Why, for the audit log. */
function readReason(request: Request): string | null {
  const faults: string[] = [];
  const reason = readParameters(queryOf(request), ["reason"], faults).get("reason")?.trim() || null;
  if (reason !== null && reason.length > reasonCharsMax) faults.push(`reason: at most ${reasonCharsMax} characters`);
  refuseFaults(faults);
  return reason;
}

function shredDetail(what: "trace" | "session" | "user", about: string) {
  const isTrace = what === "trace";
  return describe({
    tag: "Traces",
    summary: `Destroy what was said in the calls of a ${what}`.replace("the calls of a trace", "a call"),
    description: `Prompts and answers of calls that arrived until now become unreadable for ever, in the store${isTrace ? "" : " and in what the optimizer keeps"}; who called when, and what it cost, stays. Audited before it begins: what cannot be audited is not done.`,
    parameters: [
      pathParameter("id", text, about),
      parameter("reason", { ...text, maxLength: reasonCharsMax }, "for the audit log"),
    ],
    answer: json(ref("ContentShred")),
    refusals: [
      "invalid_request",
      ...(isTrace ? (["not_found"] as const) : (["upstream_unreachable"] as const)),
      "store_unavailable",
    ],
  });
}
