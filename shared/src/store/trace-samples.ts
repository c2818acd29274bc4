// Owns what the contract of traces is tried with: traces, filters, and the model that says what a store must answer.

import fc from "fast-check";
import { hostileNames } from "./contract-samples";
import { endReasons, outcomes } from "./spend-row";
import type { Trace } from "./trace";
import { isFailed, type SessionFilter, type SessionRow, type StoredTrace, type TraceFilter } from "./trace-query";

const nameOrNull = fc.option(fc.constantFrom(...hostileNames), { nil: null, freq: 3 });
const tokens = fc.integer({ min: 0, max: 2_000_000 });
const ms = fc.double({ min: 0, max: 600_000, noNaN: true });
const fact = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
const status = fc.constantFrom(200, 200, 200, 400, 404, 429, 499, 500, 529);

const contents = fc
  .shuffledSubarray(["request", "sentRequest", "response"] as const, { minLength: 0 })
  .chain((fields) =>
    fc.tuple(
      ...fields.map((field) =>
        fc.record({
          field: fc.constant(field),
          mode: fc.constantFrom("encrypted" as const, "plaintext" as const),
          data: fc.string({ unit: "grapheme", maxLength: 50 }),
          bytes: fc.nat(),
          isCut: fc.boolean(),
        }),
      ),
    ),
  );

/** Few instants, so that many traces share one. */
export const traceTimes = fc.integer({ min: 0, max: 30 }).map((step) => Date.UTC(2026, 10, 10) + step * 1_000);

export const traces: fc.Arbitrary<Trace> = fc.record({
  id: fc.uuid(),
  ts: traceTimes,
  user: nameOrNull,
  team: fc.constantFrom(null, "", "null", "red"),
  session: nameOrNull,
  agent: fc.constantFrom(null, "", "main", "reader", "__proto__"),
  parentAgent: fc.constantFrom(null, "main", "reader"),
  tool: fc.constantFrom(null, "", "codex"),
  provider: fc.constantFrom(null, "openai", "anthropic", "__proto__"),
  model: fc.constantFrom(null, "gpt-5.1", "claude-opus-4-5", "null"),
  responseModel: nameOrNull,
  endpoint: fc.constantFrom("/v1/chat/completions", "/v1/messages"),
  stream: fc.boolean(),
  status,
  endReason: fc.constantFrom(...endReasons),
  errorCode: fc.constantFrom(null, null, "upstream_timeout"),
  latencyMs: ms,
  ttftMs: fc.option(ms, { nil: null }),
  overheadMs: ms,
  inputTokens: tokens,
  cachedInputTokens: tokens,
  cacheWriteTokens: tokens,
  outputTokens: tokens,
  reasoningTokens: tokens,
  estimated: fc.boolean(),
  costNanoUsd: fc.option(fc.integer({ min: 0, max: 1_000_000_000_000 }), { nil: null }),
  priceRow: fc.constantFrom(null, "override openai/gpt-5.1"),
  outcome: fc.constantFrom(...outcomes),
  tokensSaved: fc.integer({ min: -100, max: 100_000 }),
  cap: fc.constantFrom(null, { monthlyTokens: 10, usedTokens: 0, heldTokens: 3 }),
  decisions: fc.array(
    fc.record({
      kind: fc.constantFrom("compress", "__proto__"),
      summary: fc.constant("x"),
      tokensBefore: tokens,
      tokensAfter: tokens,
      ms,
    }),
    { maxLength: 2 },
  ),
  spans: fc.array(
    fc.record(
      {
        name: fc.constantFrom("identify", "forward"),
        startMs: ms,
        endMs: ms,
        facts: fc.dictionary(fc.constantFrom("a", "b", '"'), fact, { maxKeys: 2, noNullPrototype: true }),
      },
      { requiredKeys: ["name", "startMs", "endMs"] },
    ),
    { maxLength: 3 },
  ),
  contents,
});

/** Filters on names that traces have, and on some that none has. */
export const traceFilters: fc.Arbitrary<TraceFilter> = fc
  .tuple(
    fc.oneof(
      fc.constant({ from: 0, to: Date.UTC(2100, 0, 1) }),
      fc
        .tuple(traceTimes, traceTimes)
        .map(([one, other]) => ({ from: Math.min(one, other), to: Math.max(one, other) })),
    ),
    fc.record({
      user: fc.option(fc.constantFrom(...hostileNames, "nobody"), { nil: null }),
      team: fc.constantFrom(null, "", "null", "red"),
      session: nameOrNull,
      tool: fc.constantFrom(null, "", "codex"),
      provider: fc.constantFrom(null, "openai", "__proto__", "nobody"),
      model: fc.constantFrom(null, "gpt-5.1", "null"),
      endpoint: fc.constantFrom("/v1/messages", "/none"),
      outcome: fc.constantFrom(...outcomes),
      status: fc.oneof(status, fc.constantFrom("2xx" as const, "4xx" as const, "5xx" as const, "refused" as const)),
      hasError: fc.boolean(),
      minLatencyMs: fc.constantFrom(0, 1_000, 300_000),
      minCostNanoUsd: fc.constantFrom(0, 1, 500_000_000_000),
      idPrefix: fc.constantFrom("0", "a", "ff"),
    }),
    // Few at once, or nothing would ever match.
    fc.shuffledSubarray(
      [
        "user",
        "team",
        "session",
        "tool",
        "provider",
        "model",
        "endpoint",
        "outcome",
        "status",
        "hasError",
        "minLatencyMs",
        "minCostNanoUsd",
        "idPrefix",
      ] as const,
      { maxLength: 2 },
    ),
  )
  .map(([range, all, kept]) => ({
    ...range,
    ...Object.fromEntries(Object.entries(all).filter(([key]) => (kept as readonly string[]).includes(key))),
  }));

export function traceMatches(trace: StoredTrace, filter: TraceFilter): boolean {
  const { from, to, status, hasError, minLatencyMs, minCostNanoUsd, idPrefix, ...names } = filter;
  const hasStatus =
    status === undefined ||
    (status === "refused" && trace.endReason === "refused") ||
    status === trace.status ||
    status === `${Math.floor(trace.status / 100)}xx`;
  return (
    trace.ts >= from &&
    trace.ts < to &&
    hasStatus &&
    (hasError === undefined || hasError === isFailed(trace)) &&
    trace.latencyMs >= (minLatencyMs ?? 0) &&
    (trace.costNanoUsd ?? 0) >= (minCostNanoUsd ?? 0) &&
    trace.id.startsWith(idPrefix ?? "") &&
    Object.entries(names).every(([name, value]) => trace[name as keyof StoredTrace] === value)
  );
}

/** As a store shows it. */
export function stored({ contents: kept, ...trace }: Trace, isShredded = false): StoredTrace {
  const marks = kept.map(({ data: _, ...mark }) => ({ ...mark, isShredded }));
  return { ...trace, contents: marks };
}

const byText = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other));

export function newestFirst(made: readonly StoredTrace[]): StoredTrace[] {
  return made.toSorted((one, other) => other.ts - one.ts || byText(other.id, one.id));
}

/** Every session, counted from its traces. */
export function recount(made: readonly StoredTrace[]): SessionRow[] {
  const sessions = new Map<string, StoredTrace[]>();
  for (const trace of newestFirst(made).reverse()) {
    if (trace.session !== null) sessions.set(trace.session, [...(sessions.get(trace.session) ?? []), trace]);
  }
  return [...sessions]
    .map(([session, counted]) => countSession(session, counted))
    .sort((one, other) => other.lastAt - one.lastAt || byText(other.session, one.session));
}

function countSession(session: string, all: readonly StoredTrace[]): SessionRow {
  const [first] = all;
  const sum = (of: (trace: StoredTrace) => number) => all.reduce((total, trace) => total + of(trace), 0);
  return {
    session,
    user: first?.user ?? null,
    team: first?.team ?? null,
    firstAt: first?.ts ?? 0,
    lastAt: Math.max(...all.map(({ ts }) => ts)),
    traces: all.length,
    errors: sum((trace) => (isFailed(trace) ? 1 : 0)),
    inputTokens: sum((trace) => trace.inputTokens),
    cachedInputTokens: sum((trace) => trace.cachedInputTokens),
    cacheWriteTokens: sum((trace) => trace.cacheWriteTokens),
    outputTokens: sum((trace) => trace.outputTokens),
    reasoningTokens: sum((trace) => trace.reasoningTokens),
    tokensSaved: sum((trace) => trace.tokensSaved),
    costNanoUsd: sum((trace) => trace.costNanoUsd ?? 0),
    unpriced: sum((trace) => (trace.costNanoUsd === null ? 1 : 0)),
    estimated: sum((trace) => (trace.estimated ? 1 : 0)),
  };
}

export function sessionMatches(row: SessionRow, filter: SessionFilter): boolean {
  const { from, to, user, team, prefix, minCostNanoUsd, hasError } = filter;
  return (
    row.lastAt >= from &&
    row.lastAt < to &&
    (user === undefined || row.user === user) &&
    (team === undefined || row.team === team) &&
    row.session.startsWith(prefix ?? "") &&
    row.costNanoUsd >= (minCostNanoUsd ?? 0) &&
    (hasError === undefined || hasError === row.errors > 0)
  );
}
