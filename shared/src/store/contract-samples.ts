// Owns what the contract is tried with: rows, filters and queries, most of them where stores were wrong before.

import fc from "fast-check";
import { dayStart, hourStart } from "../time";
import { type Arm, endReasons, outcomes, type SpendRow } from "./spend-row";
import { groupKeys, type SpendFilter, type SpendQuery } from "./store";

const hour = 3_600_000;

/** Names that broke other stores: null against "" and "null", names of Object.prototype, quotes, other planes. */
export const hostileNames = [
  "",
  "null",
  "__proto__",
  "constructor",
  "0",
  "a",
  "A",
  "ä",
  "💥",
  '"]',
  "' OR 1=1 --",
  "%_\\",
  "\u202e\t\n",
  "x".repeat(3_000),
];

export const zones = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo"];

/** A change of the clock in each zone, or any hour where there is none. */
const around: Record<string, number> = {
  UTC: Date.UTC(2026, 11, 31, 23),
  "Europe/Berlin": Date.UTC(2026, 9, 25, 1),
  "Asia/Kathmandu": Date.UTC(2026, 4, 1),
  "Australia/Lord_Howe": Date.UTC(2026, 9, 3, 15, 30),
  "America/Sao_Paulo": Date.UTC(2018, 10, 4, 3),
};

/** Instants of five days: anywhere, at the edges of hours and days, a millisecond off them. */
export function instants(zone: string): fc.Arbitrary<number> {
  const middle = around[zone] ?? 0;
  return fc
    .tuple(
      fc.integer({ min: -60 * hour, max: 60 * hour }),
      fc.constantFrom("any", "hour", "day"),
      fc.constantFrom(-1, 0, 0, 0, 1),
    )
    .map(([offset, edge, nudge]) => {
      const at = middle + offset;
      return edge === "any" ? at : (edge === "hour" ? hourStart(at, zone) : dayStart(at, zone)) + nudge;
    });
}

const name = fc.constantFrom(...hostileNames);
const nameOrNull = fc.option(name, { nil: null, freq: 3 });
const tokens = fc.integer({ min: 0, max: 2_000_000 });
const nano = fc.integer({ min: 0, max: 1_000_000_000_000 });
const ms = fc.double({ min: 0, max: 600_000, noNaN: true });
const arms: Arm[] = ["treated", "holdback", "shadow", "canary"];
const status = fc.constantFrom(200, 200, 200, 400, 404, 429, 499, 500, 529);

/** Rows with ids of their own. Half of them have the same names, so that they meet in roll-ups; the others any. */
export function rows(zone: string): fc.Arbitrary<SpendRow> {
  const { user, team, tool, provider, model, endpoint, outcome } = rowWith({});
  const common = { user, team, tool, provider, model, endpoint, outcome, status: 200 };
  return fc
    .tuple(anyRows(zone), fc.boolean(), fc.constantFrom(null, { compress: 5, dedupe: 7 }))
    .map(([row, isCommon, decisions]) => (isCommon ? { ...row, ...common, decisions } : row));
}

function anyRows(zone: string): fc.Arbitrary<SpendRow> {
  return fc.record({
    id: fc.uuid(),
    ts: instants(zone),
    month: fc.constantFrom("2026-10", "2026-11"),
    user: nameOrNull,
    team: fc.constantFrom(null, "", "null", "red"),
    session: nameOrNull,
    tool: fc.constantFrom(null, "", "codex"),
    labels: fc.option(
      fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), fc.oneof(fc.string(), fc.integer(), fc.boolean()), {
        maxKeys: 3,
        noNullPrototype: true,
      }),
      { nil: null },
    ),
    provider: fc.constantFrom("openai", "anthropic", "__proto__"),
    model: fc.constantFrom(null, "gpt-5.1", "claude-opus-4-5", "null"),
    responseModel: nameOrNull,
    endpoint: fc.constantFrom("/v1/chat/completions", "/v1/messages"),
    stream: fc.boolean(),
    status,
    endReason: fc.constantFrom(...endReasons),
    estimated: fc.boolean(),
    inputTokens: tokens,
    cachedInputTokens: tokens,
    cacheWriteTokens: tokens,
    cacheWriteLongTokens: tokens,
    outputTokens: tokens,
    reasoningTokens: tokens,
    costNanoUsd: fc.option(nano, { nil: null }),
    baselineCostNanoUsd: fc.option(nano, { nil: null }),
    savingsNanoUsd: fc.integer({ min: -1_000_000, max: 1_000_000_000 }),
    tokensSaved: fc.integer({ min: -100, max: 100_000 }),
    latencyMs: ms,
    ttftMs: fc.option(ms, { nil: null }),
    overheadMs: ms,
    optimizeMs: fc.option(ms, { nil: null }),
    outcome: fc.constantFrom(...outcomes),
    decisions: fc.option(
      fc
        .uniqueArray(fc.constantFrom("compress", "dedupe", "__proto__", '"quoted"'), { maxLength: 3 })
        .chain((kinds) =>
          fc
            .tuple(...kinds.map(() => fc.integer({ min: -10, max: 10_000 })))
            .map((saved) => Object.fromEntries(kinds.map((kind, i) => [kind, saved[i] ?? 0]))),
        ),
      { nil: null },
    ),
    arm: fc.constantFrom(...arms),
  });
}

/** A row like any other, with what a test is about put in. */
export function rowWith(given: Partial<SpendRow>): SpendRow {
  return {
    id: Bun.randomUUIDv7(),
    ts: Date.UTC(2026, 10, 10, 12),
    month: "2026-11",
    user: "ann",
    team: "red",
    session: "s1",
    tool: "codex",
    labels: { project: "x", tries: 2, paid: true },
    provider: "openai",
    model: "gpt-5.1",
    responseModel: "gpt-5.1-2026-01-01",
    endpoint: "/v1/chat/completions",
    stream: true,
    status: 200,
    endReason: "completed",
    estimated: false,
    inputTokens: 1_000,
    cachedInputTokens: 400,
    cacheWriteTokens: 20,
    cacheWriteLongTokens: 10,
    outputTokens: 100,
    reasoningTokens: 30,
    costNanoUsd: 5_000_000,
    baselineCostNanoUsd: 7_000_000,
    savingsNanoUsd: 2_000_000,
    tokensSaved: 300,
    latencyMs: 1_234.5,
    ttftMs: 250.25,
    overheadMs: 0.75,
    optimizeMs: null,
    outcome: "optimized",
    decisions: { compress: 200, dedupe: 100 },
    arm: "treated",
    ...given,
  };
}

/** Filters on names that rows have, and on some that none has. */
export function filters(zone: string): fc.Arbitrary<SpendFilter> {
  const range = fc
    .tuple(fc.boolean(), instants(zone), instants(zone))
    .map(([isWhole, a, b]) =>
      isWhole ? { from: 0, to: Date.UTC(2100, 0, 1) } : { from: Math.min(a, b), to: Math.max(a, b) },
    );
  const names = fc.record({
    user: fc.option(fc.constantFrom(...hostileNames, "nobody"), { nil: null }),
    team: fc.constantFrom(null, "", "null", "red"),
    model: fc.constantFrom(null, "gpt-5.1", "null"),
    provider: fc.constantFrom("openai", "__proto__", "nobody"),
    endpoint: fc.constantFrom("/v1/messages", "/none"),
    session: nameOrNull,
    tool: fc.constantFrom(null, "", "codex"),
    status: fc.oneof(status, fc.constantFrom("2xx" as const, "4xx" as const, "5xx" as const)),
  });
  // Few names at once, or nothing would ever match.
  const few = fc.tuple(
    names,
    fc.shuffledSubarray(["user", "team", "model", "provider", "endpoint", "session", "tool", "status"] as const, {
      maxLength: 2,
    }),
  );
  return fc.tuple(range, few).map(([given, [all, kept]]) => ({
    ...given,
    ...Object.fromEntries(Object.entries(all).filter(([key]) => (kept as readonly string[]).includes(key))),
  }));
}

export function queries(zone: string): fc.Arbitrary<SpendQuery> {
  return fc
    .record({
      filter: filters(zone),
      groupBy: fc.shuffledSubarray([...groupKeys], { maxLength: 3 }),
      interval: fc.constantFrom("hour" as const, "day" as const, null),
    })
    .map(({ filter, groupBy, interval }) => ({
      ...filter,
      groupBy,
      // From 1970 on there would be half a million hours.
      interval: filter.from === 0 ? null : interval,
      limit: 1000,
      cursor: null,
    }));
}
