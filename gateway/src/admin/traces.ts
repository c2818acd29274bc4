// Owns GET /admin/traces, /admin/sessions and each of one. Content is not theirs to show.

import { jsonRowLimit, rowFormats } from "@anyray/shared/admin/row-forms";
import {
  parseSession,
  parseSessionsQuery,
  reportSession,
  reportSessions,
  sessionLimit,
  sessionTracesMax,
} from "@anyray/shared/admin/sessions";
import { idPrefixChars, parseTracesQuery, reportTrace, reportTraces, streamTraces } from "@anyray/shared/admin/traces";
import { outcomes } from "@anyray/shared/store/spend-row";
import { Elysia } from "elysia";
import type { AdminDeps } from "./deps";
import { answerAdmin, queryOf } from "./gate";
import { describe, json, oneOf, parameter, pathParameter, ref, text } from "./openapi";
import { answerStream } from "./stream";

export function createTraceRoutes(deps: AdminDeps) {
  const readTraces = async (request: Request) => {
    const accept = request.headers.get("accept") ?? "";
    const query = parseTracesQuery(queryOf(request), accept, deps.now(), deps.timezone);
    await deps.flushTraces();
    const { format, filter } = query;
    if (format === "json") return reportTraces(deps.store, query);
    return answerStream(streamTraces(deps.store, query), { ...filter, format, what: "traces", log: deps.log });
  };
  const readTrace = async (id: string) => {
    await deps.flushTraces();
    const trace = await reportTrace(deps.store, id);
    return { ...trace, link: deps.traceLink(trace) };
  };
  const readSessions = async (request: Request) => {
    const query = parseSessionsQuery(queryOf(request), deps.now(), deps.timezone);
    await deps.flushTraces();
    return reportSessions(deps.store, query);
  };
  const readSession = async (name: unknown) => {
    const session = parseSession(name);
    await deps.flushTraces();
    return reportSession(deps.store, session);
  };
  return new Elysia({ name: "admin-traces" })
    .get("/admin/traces", ({ request }) => answerAdmin(deps, request, () => readTraces(request)), {
      detail: tracesDetail,
    })
    .get("/admin/traces/:id", ({ request, params }) => answerAdmin(deps, request, () => readTrace(params.id)), {
      detail: traceDetail,
    })
    .get("/admin/sessions", ({ request }) => answerAdmin(deps, request, () => readSessions(request)), {
      detail: sessionsDetail,
    })
    .get("/admin/sessions/:id", ({ request, params }) => answerAdmin(deps, request, () => readSession(params.id)), {
      detail: sessionDetail,
    });
}

const range = [
  parameter("from", text, "RFC 3339 or YYYY-MM-DD; default: 30 days before `to`"),
  parameter("to", text, "RFC 3339 or YYYY-MM-DD, exclusive; default: now"),
];
const hasError = parameter(
  "hasError",
  oneOf(["true", "false"]),
  "status 400 and above, an error of Anyray's own, or an answer that broke off; not: the caller left",
);
const minCostUsd = parameter("minCostUsd", { type: "number", minimum: 0 }, "US dollars; without a price: 0");

const tracesDetail = describe({
  tag: "Traces",
  summary: "Calls, newest first: what happened to each, never what was said",
  description: `As JSON, JSON lines or CSV by \`Accept\` or \`format\`. JSON answers in pages, \`limit\` 1 to ${jsonRowLimit.max}, default ${jsonRowLimit.default}; JSON lines and CSV stream every trace unless there is a \`limit\`. Calls that were refused are here too.`,
  parameters: [
    ...range,
    ...["user", "team", "session", "tool", "provider", "model"].map((name) =>
      parameter(name, text, "exact; empty: traces without one"),
    ),
    parameter("endpoint", text, "path, for example /v1/chat/completions"),
    parameter(
      "status",
      { type: "string", pattern: "^([1-5](\\d\\d|xx)|refused)$" },
      "a status (429), a class of them (4xx), or `refused`: by Anyray itself",
    ),
    parameter("outcome", oneOf(outcomes), "what the optimizer did"),
    parameter("minLatencyMs", { type: "number", minimum: 0 }, "milliseconds"),
    minCostUsd,
    hasError,
    parameter(
      "q",
      { type: "string", minLength: idPrefixChars.min, maxLength: idPrefixChars.max },
      "beginning of the id",
    ),
    parameter("format", oneOf(rowFormats), "wins over `Accept`"),
    parameter("limit", { type: "integer", minimum: 1 }, "traces at most"),
    parameter("cursor", text, "`nextCursor` of the page before"),
  ],
  answer: { ...json(ref("Traces")), "application/x-ndjson": ref("Trace"), "text/csv": text },
  refusals: ["invalid_request", "store_unavailable"],
});

const traceDetail = describe({
  tag: "Traces",
  summary: "One call, step by step",
  description:
    "Of its contents only what was kept. To read them there is `bun run content decrypt`, on the machine that has the key.",
  parameters: [pathParameter("id", text, "as `x-anyray-request-id` of the answer")],
  answer: json(ref("TraceDetail")),
  refusals: ["not_found", "store_unavailable"],
});

const sessionsDetail = describe({
  tag: "Traces",
  summary: "Sessions by their last call, newest first",
  parameters: [
    ...range,
    parameter("user", text, "of the first call; exact; empty: sessions without one"),
    parameter("team", text, "of the first call; exact; empty: sessions without one"),
    parameter("q", text, "beginning of the session's name"),
    minCostUsd,
    parameter("hasError", oneOf(["true", "false"]), "with a call that went wrong, or without"),
    parameter(
      "limit",
      { type: "integer", minimum: 1, maximum: sessionLimit.max, default: sessionLimit.default },
      "sessions a page",
    ),
    parameter("cursor", text, "`nextCursor` of the page before"),
  ],
  answer: json(ref("Sessions")),
  refusals: ["invalid_request", "store_unavailable"],
});

const sessionDetail = describe({
  tag: "Traces",
  summary: "One session: what it came to, its agents, its calls in order",
  description: `Its newest ${sessionTracesMax} calls, the earliest of them first; earlier ones are at /admin/traces with \`earlierCursor\`.`,
  parameters: [pathParameter("id", text, "the session's name")],
  answer: json(ref("SessionDetail")),
  refusals: ["invalid_request", "not_found", "store_unavailable"],
});
