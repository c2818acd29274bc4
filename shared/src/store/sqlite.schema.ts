// Owns the tables of the embedded store as drizzle sees them. The SQL in migrations/sqlite is what makes them, and
// adds what drizzle cannot say: STRICT, WITHOUT ROWID, CHECK. sqlite.test.ts proves that the two agree.

import { sql } from "drizzle-orm";
import { index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

/** One row for the whole file. */
export const storeState = sqliteTable("store_state", {
  id: integer().primaryKey(),
  /** Of the policy. */
  revision: integer().notNull(),
  /** The zone whose hours and days the roll-ups are of; null until the first opener says. */
  timezone: text(),
  /** Days that ended by then are in spend_day and strategy_day, no others. */
  daysUntil: integer("days_until").notNull(),
  /** Counts the write probes of `ping`. */
  probes: integer().notNull(),
});

/** Every combination of names that rows came with. Rows and roll-ups carry its id in place of eight texts. */
export const spendKey = sqliteTable(
  "spend_key",
  {
    id: integer().primaryKey(),
    /** The columns below as one JSON array: tells null, "" and "null" apart in a unique index. */
    key: text().notNull(),
    user: text(),
    team: text(),
    provider: text().notNull(),
    model: text(),
    endpoint: text().notNull(),
    tool: text(),
    status: integer().notNull(),
    outcome: text().notNull(),
    /** Kinds of the row's decisions, sorted, as a JSON array; null = none. */
    strategies: text(),
  },
  (table) => [uniqueIndex("spend_key_key").on(table.key), index("spend_key_user").on(table.user)],
);

export const spend = sqliteTable(
  "spend",
  {
    seq: integer().primaryKey(),
    id: text().notNull(),
    ts: integer().notNull(),
    keyId: integer("key_id")
      .notNull()
      .references(() => spendKey.id),
    /** n or more with a chance of 1 in 2^n, by the id alone: rows of at least a level are a uniform sample. */
    sampleLevel: integer("sample_level").notNull(),
    month: text().notNull(),
    session: text(),
    /** Of the session, so that the index can tell most others apart; null without one. */
    sessionHash: integer("session_hash"),
    /** JSON object. */
    labels: text(),
    responseModel: text("response_model"),
    stream: integer({ mode: "boolean" }).notNull(),
    endReason: text("end_reason").notNull(),
    estimated: integer({ mode: "boolean" }).notNull(),
    inputTokens: integer("input_tokens").notNull(),
    cachedInputTokens: integer("cached_input_tokens").notNull(),
    cacheWriteTokens: integer("cache_write_tokens").notNull(),
    cacheWriteLongTokens: integer("cache_write_long_tokens").notNull(),
    outputTokens: integer("output_tokens").notNull(),
    reasoningTokens: integer("reasoning_tokens").notNull(),
    costNanoUsd: integer("cost_nano_usd"),
    baselineCostNanoUsd: integer("baseline_cost_nano_usd"),
    savingsNanoUsd: integer("savings_nano_usd").notNull(),
    tokensSaved: integer("tokens_saved").notNull(),
    latencyMs: real("latency_ms").notNull(),
    ttftMs: real("ttft_ms"),
    overheadMs: real("overhead_ms").notNull(),
    optimizeMs: real("optimize_ms"),
    /** JSON array of [kind, tokens saved]: an array, so that no kind can be a special name. */
    decisions: text(),
    arm: text().notNull(),
  },
  (table) => [
    uniqueIndex("spend_id").on(table.id),
    // Only indexes that grow at their end: one in the order of users or sessions makes inserting three times as dear.
    index("spend_ts").on(table.ts, table.keyId, table.sessionHash),
    index("spend_sample")
      .on(table.sampleLevel, table.ts, table.keyId, table.latencyMs, table.overheadMs)
      .where(sql`sample_level > 0`),
  ],
);

const rollUp = () => ({
  /** Start of the hour or day in the report time zone, epoch milliseconds. */
  start: integer().notNull(),
  keyId: integer("key_id").notNull(),
  requests: integer().notNull(),
  inputTokens: integer("input_tokens").notNull(),
  outputTokens: integer("output_tokens").notNull(),
  cachedInputTokens: integer("cached_input_tokens").notNull(),
  cacheWriteTokens: integer("cache_write_tokens").notNull(),
  reasoningTokens: integer("reasoning_tokens").notNull(),
  tokensSaved: integer("tokens_saved").notNull(),
  costNanoUsd: integer("cost_nano_usd").notNull(),
  baselineCostNanoUsd: integer("baseline_cost_nano_usd").notNull(),
  savingsNanoUsd: integer("savings_nano_usd").notNull(),
  errors: integer().notNull(),
  unpricedRequests: integer("unpriced_requests").notNull(),
  estimatedRequests: integer("estimated_requests").notNull(),
});

export const spendHour = sqliteTable("spend_hour", rollUp(), (table) => [
  primaryKey({ columns: [table.start, table.keyId] }),
]);

export const spendDay = sqliteTable("spend_day", rollUp(), (table) => [
  primaryKey({ columns: [table.start, table.keyId] }),
]);

const strategyRollUp = () => ({
  start: integer().notNull(),
  keyId: integer("key_id").notNull(),
  strategy: text().notNull(),
  tokensSaved: integer("tokens_saved").notNull(),
});

export const strategyHour = sqliteTable("strategy_hour", strategyRollUp(), (table) => [
  primaryKey({ columns: [table.start, table.keyId, table.strategy] }),
]);

export const strategyDay = sqliteTable("strategy_day", strategyRollUp(), (table) => [
  primaryKey({ columns: [table.start, table.keyId, table.strategy] }),
]);

/** What caps are measured against. Outlives the rows. */
export const usageMonth = sqliteTable(
  "usage_month",
  {
    month: text().notNull(),
    user: text().notNull(),
    usedTokens: integer("used_tokens").notNull(),
    requests: integer().notNull(),
    costNanoUsd: integer("cost_nano_usd").notNull(),
  },
  (table) => [primaryKey({ columns: [table.month, table.user] })],
);

export const capRejection = sqliteTable(
  "cap_rejection",
  {
    month: text().notNull(),
    user: text().notNull(),
    rejected: integer().notNull(),
    firstAt: integer("first_at").notNull(),
    lastAt: integer("last_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.month, table.user] })],
);

export const cap = sqliteTable("cap", {
  user: text().notNull().primaryKey(),
  monthlyTokens: integer("monthly_tokens").notNull(),
});

export const price = sqliteTable(
  "price",
  {
    provider: text().notNull(),
    model: text().notNull(),
    inputUsdPerMillion: real("input_usd_per_million").notNull(),
    outputUsdPerMillion: real("output_usd_per_million").notNull(),
    cachedInputUsdPerMillion: real("cached_input_usd_per_million"),
    cacheWriteUsdPerMillion: real("cache_write_usd_per_million"),
    cacheWriteLongUsdPerMillion: real("cache_write_long_usd_per_million"),
    longContextAboveTokens: integer("long_context_above_tokens"),
    longInputUsdPerMillion: real("long_input_usd_per_million"),
    longOutputUsdPerMillion: real("long_output_usd_per_million"),
    longCachedInputUsdPerMillion: real("long_cached_input_usd_per_million"),
    longCacheWriteUsdPerMillion: real("long_cache_write_usd_per_million"),
    longCacheWriteLongUsdPerMillion: real("long_cache_write_long_usd_per_million"),
  },
  (table) => [primaryKey({ columns: [table.provider, table.model] })],
);

export const provider = sqliteTable("provider", {
  slug: text().notNull().primaryKey(),
  kind: text({ enum: ["openai", "anthropic", "azure-openai", "openai-compatible"] }).notNull(),
  baseUrl: text("base_url").notNull(),
  sealedKey: text("sealed_key"),
  onAbort: text("on_abort", { enum: ["cancel", "drain"] }),
});

export const setting = sqliteTable("setting", {
  key: text().notNull().primaryKey(),
  /** JSON. */
  value: text().notNull(),
});

export const audit = sqliteTable(
  "audit",
  {
    seq: integer().primaryKey(),
    id: text().notNull(),
    at: integer().notNull(),
    actor: text().notNull(),
    ip: text(),
    action: text().notNull(),
    object: text().notNull(),
    /** JSON. */
    before: text().notNull(),
    /** JSON. */
    after: text().notNull(),
    reason: text(),
  },
  (table) => [uniqueIndex("audit_id").on(table.id)],
);
