// Owns GET /admin/spend and GET /admin/spend/rows.

import { jsonRowLimit, rowFormats } from "@anyray/shared/admin/row-forms";
import {
  defaultRangeDays,
  groupLimit,
  hoursMax,
  parseSpendQuery,
  rangeDaysMax,
  reportSpend,
} from "@anyray/shared/admin/spend";
import { parseRowsQuery, reportRows, streamRows } from "@anyray/shared/admin/spend-rows";
import { endReasons, outcomes } from "@anyray/shared/store/spend-row";
import { groupKeys } from "@anyray/shared/store/store";
import { Elysia } from "elysia";
import type { AdminDeps } from "./deps";
import { answerAdmin, queryOf } from "./gate";
import {
  amount,
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
  parameter,
  ref,
  type Schema,
  text,
} from "./openapi";
import { answerStream } from "./stream";

export function createSpendRoutes(deps: AdminDeps) {
  const readSpend = async (request: Request) => {
    const query = parseSpendQuery(queryOf(request), deps.now(), deps.timezone);
    await deps.flushFacts();
    return reportSpend(deps.store, query, deps.timezone);
  };
  const readRows = async (request: Request) => {
    const accept = request.headers.get("accept") ?? "";
    const query = parseRowsQuery(queryOf(request), accept, deps.now(), deps.timezone);
    await deps.flushFacts();
    if (query.format === "json") return reportRows(deps.store, query);
    const { format, filter } = query;
    return answerStream(streamRows(deps.store, query), { ...filter, format, what: "spend", log: deps.log });
  };
  return new Elysia({ name: "admin-spend" })
    .get("/admin/spend", ({ request }) => answerAdmin(deps, request, () => readSpend(request)), { detail: spendDetail })
    .get("/admin/spend/rows", ({ request }) => answerAdmin(deps, request, () => readRows(request)), {
      detail: rowsDetail,
    });
}

const filters = [
  parameter("from", text, `RFC 3339 or YYYY-MM-DD; default: ${defaultRangeDays} days before \`to\``),
  parameter("to", text, `RFC 3339 or YYYY-MM-DD, exclusive; default: now. At most ${rangeDaysMax} days after \`from\``),
  parameter("user", text, "exact; empty: rows without one"),
  parameter("team", text, "exact; empty: rows without one"),
  parameter("model", text, "as asked for, exact; empty: rows without one"),
  parameter("provider", text, "slug"),
  parameter("status", { type: "string", pattern: "^[1-5](\\d\\d|xx)$" }, "a status (429) or a class of them (4xx)"),
  parameter("endpoint", text, "path, for example /v1/chat/completions"),
  parameter("session", text, "exact; empty: rows without one"),
  parameter("tool", text, "exact; empty: rows without one"),
];

const spendDetail = describe({
  tag: "Spend",
  summary: "Sums of a range, by group and over time",
  parameters: [
    ...filters,
    parameter("groupBy", text, `any of ${groupKeys.join(",")}, separated by commas`),
    parameter(
      "interval",
      oneOf(["hour", "day"]),
      `length of a point in \`series\`; hours for at most ${hoursMax} of them`,
    ),
    parameter(
      "limit",
      { type: "integer", minimum: 1, maximum: groupLimit.max, default: groupLimit.default },
      "groups a page",
    ),
    parameter("cursor", text, "`nextCursor` of the page before"),
  ],
  answer: json(ref("Spend")),
  refusals: ["invalid_request", "store_unavailable"],
});

const rowsDetail = describe({
  tag: "Spend",
  summary: "The rows of a range, newest first",
  description: `As JSON, JSON lines or CSV by \`Accept\` or \`format\`. JSON answers in pages, \`limit\` 1 to ${jsonRowLimit.max}, default ${jsonRowLimit.default}; JSON lines and CSV stream every row unless there is a \`limit\`. In CSV a text that a spreadsheet would take for a formula has an apostrophe in front.`,
  parameters: [
    ...filters,
    parameter("format", oneOf(rowFormats), "wins over `Accept`"),
    parameter("limit", { type: "integer", minimum: 1 }, "rows at most"),
    parameter("cursor", text, "`nextCursor` of the page before"),
  ],
  answer: { ...json(ref("SpendRows")), "application/x-ndjson": ref("SpendRow"), "text/csv": text },
  refusals: ["invalid_request", "store_unavailable"],
});

const figures: Record<string, Schema> = {
  requests: count,
  inputTokens: { ...count, description: "uncached, cache reads and cache writes together" },
  outputTokens: count,
  cachedInputTokens: count,
  cacheWriteTokens: count,
  reasoningTokens: count,
  totalTokens: { ...count, description: "input + output" },
  costUsd: amount,
  baselineCostUsd: { ...amount, description: "what the calls would have cost unoptimized" },
  savingsUsd: amount,
  tokensSaved: { type: "integer" },
  errors: { ...count, description: "status 400 and above" },
  unpricedRequests: { ...count, description: "calls of models without a price: their cost is in no sum" },
  estimatedRequests: { ...count, description: "calls whose provider stated no usage" },
  latencyMs: orNull(fields({ p50: milliseconds, p95: milliseconds, p99: milliseconds })),
  overheadMs: orNull({ ...fields({ p50: milliseconds, p99: milliseconds }), description: "what Anyray added" }),
};

const groupKey = Object.fromEntries(groupKeys.map((name) => [name, orNull(name === "status" ? count : text)]));

export const spendSchemas: Record<string, Schema> = {
  Figures: fields(figures),
  Spend: fields({
    from: instant,
    to: instant,
    timezone: text,
    totals: ref("Figures"),
    groups: listOf(fields({ key: fields(groupKey, groupKeys), ...figures })),
    series: listOf(fields({ start: instant, ...figures })),
    outcomes: fields(Object.fromEntries(outcomes.map((name) => [name, count]))),
    nextCursor: orNull(text),
  }),
  SpendRows: fields({ rows: listOf(ref("SpendRow")), nextCursor: orNull(text) }),
  SpendRow: fields({
    id: { ...text, format: "uuid" },
    ts: instant,
    user: orNull(text),
    team: orNull(text),
    session: orNull(text),
    tool: orNull(text),
    labels: orNull({ type: "object", additionalProperties: { anyOf: [text, amount, flag] } }),
    provider: text,
    model: orNull({ ...text, description: "as asked for" }),
    responseModel: orNull({ ...text, description: "as answered" }),
    endpoint: text,
    stream: flag,
    status: { type: "integer" },
    endReason: oneOf(endReasons),
    inputTokens: count,
    cachedInputTokens: count,
    cacheWriteTokens: count,
    outputTokens: count,
    reasoningTokens: count,
    estimated: flag,
    costUsd: orNull({ ...amount, description: "null: the model has no price" }),
    baselineCostUsd: orNull(amount),
    tokensSaved: { type: "integer" },
    savingsUsd: amount,
    latencyMs: milliseconds,
    ttftMs: orNull(milliseconds),
    overheadMs: milliseconds,
    optimizeMs: orNull(milliseconds),
    outcome: oneOf(outcomes),
    decisions: orNull({ type: "object", additionalProperties: { type: "integer" } }),
    arm: oneOf(["treated", "holdback", "shadow", "canary"]),
  }),
};
