// Owns the tables of the embedded store as drizzle sees them. The SQL in migrations/sqlite is what makes them, and
// adds what drizzle cannot say: STRICT, WITHOUT ROWID, CHECK. sqlite.test.ts proves that the two agree.

import { sql } from "drizzle-orm";
import { blob, index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

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
    /** "done", "intent" or "failed". */
    result: text().notNull().default("done"),
    /** 1 for rows from before there was a chain. */
    adopted: integer().notNull().default(0),
    /** Hash of the row before. */
    prev: text(),
    hash: text(),
    /** Of the key that the hash was made under. */
    keyId: text("key_id"),
  },
  (table) => [uniqueIndex("audit_id").on(table.id)],
);

/** One row: where the audit log ends. */
export const auditChain = sqliteTable("audit_chain", {
  id: integer().primaryKey(),
  seq: integer().notNull(),
  hash: text().notNull(),
  /** The last row from before there was a chain; null until those are chained. */
  adoptedUntil: integer("adopted_until"),
});

/** A sealed word for each content key that something may be sealed under: who cannot open it has the wrong key. */
export const contentKey = sqliteTable("content_key", {
  keyId: text("key_id").notNull().primaryKey(),
  canary: text().notNull(),
  at: integer().notNull(),
});

/** One row: what all traces take up. */
export const traceState = sqliteTable("trace_state", {
  id: integer().primaryKey(),
  bytes: integer().notNull(),
});

/** Every combination of names that traces came with. */
export const traceKey = sqliteTable(
  "trace_key",
  {
    id: integer().primaryKey(),
    /** The columns below, but the last, as one JSON array: tells null, "" and "null" apart in a unique index. */
    key: text().notNull(),
    user: text(),
    team: text(),
    provider: text(),
    model: text(),
    endpoint: text().notNull(),
    tool: text(),
    status: integer().notNull(),
    outcome: text().notNull(),
    endReason: text("end_reason").notNull(),
    errorCode: text("error_code"),
    isFailed: integer("is_failed", { mode: "boolean" }).notNull(),
  },
  (table) => [uniqueIndex("trace_key_key").on(table.key), index("trace_key_user").on(table.user)],
);

/** A session, as long as a trace of it is kept. */
export const traceSession = sqliteTable(
  "trace_session",
  {
    seq: integer().primaryKey(),
    session: text().notNull(),
    /** Of the first trace: by `ts`, then `id`. */
    user: text(),
    team: text(),
    firstAt: integer("first_at").notNull(),
    firstId: text("first_id").notNull(),
    lastAt: integer("last_at").notNull(),
    traces: integer().notNull(),
    errors: integer().notNull(),
    inputTokens: integer("input_tokens").notNull(),
    cachedInputTokens: integer("cached_input_tokens").notNull(),
    cacheWriteTokens: integer("cache_write_tokens").notNull(),
    outputTokens: integer("output_tokens").notNull(),
    reasoningTokens: integer("reasoning_tokens").notNull(),
    tokensSaved: integer("tokens_saved").notNull(),
    costNanoUsd: integer("cost_nano_usd").notNull(),
    unpriced: integer().notNull(),
    estimated: integer().notNull(),
  },
  (table) => [
    uniqueIndex("trace_session_session").on(table.session),
    index("trace_session_last").on(table.lastAt, table.session),
    index("trace_session_user").on(table.user, table.lastAt, table.session),
    index("trace_session_team").on(table.team, table.lastAt, table.session),
  ],
);

export const trace = sqliteTable(
  "trace",
  {
    seq: integer().primaryKey(),
    id: text().notNull(),
    ts: integer().notNull(),
    keyId: integer("key_id")
      .notNull()
      .references(() => traceKey.id),
    sessionSeq: integer("session_seq").references(() => traceSession.seq),
    /** Of the row, its index entries and its contents. */
    bytes: integer().notNull(),
    /** Powers of two of the latency and of the cost: see sqlite-trace-levels.ts. */
    latencyLevel: integer("latency_level").notNull(),
    costLevel: integer("cost_level").notNull(),
    /** When its contents were destroyed. */
    shreddedAt: integer("shredded_at"),
    agent: text(),
    parentAgent: text("parent_agent"),
    responseModel: text("response_model"),
    stream: integer({ mode: "boolean" }).notNull(),
    latencyMs: real("latency_ms").notNull(),
    ttftMs: real("ttft_ms"),
    overheadMs: real("overhead_ms").notNull(),
    inputTokens: integer("input_tokens").notNull(),
    cachedInputTokens: integer("cached_input_tokens").notNull(),
    cacheWriteTokens: integer("cache_write_tokens").notNull(),
    outputTokens: integer("output_tokens").notNull(),
    reasoningTokens: integer("reasoning_tokens").notNull(),
    estimated: integer({ mode: "boolean" }).notNull(),
    costNanoUsd: integer("cost_nano_usd"),
    priceRow: text("price_row"),
    tokensSaved: integer("tokens_saved").notNull(),
    /** JSON, as the three below. */
    cap: text(),
    decisions: text().notNull(),
    spans: text().notNull(),
    /** Of each content: [field, mode, bytes, is cut]. Stays when the content is gone. */
    contents: text().notNull(),
  },
  (table) => [
    uniqueIndex("trace_id").on(table.id),
    // With all that the filters ask for that are answered from it: traces that do not match are passed over here.
    index("trace_ts").on(table.ts, table.keyId),
    index("trace_key_ts").on(table.keyId, table.ts, table.latencyMs, table.costNanoUsd),
    index("trace_latency").on(table.latencyLevel, table.ts, table.keyId, table.latencyMs).where(sql`latency_level > 0`),
    index("trace_cost").on(table.costLevel, table.ts, table.keyId, table.costNanoUsd).where(sql`cost_level > 0`),
    index("trace_session_ts").on(table.sessionSeq, table.ts),
  ],
);

/** Apart from the traces, so that lists never touch it. */
export const traceContent = sqliteTable(
  "trace_content",
  {
    seq: integer().primaryKey(),
    traceSeq: integer("trace_seq")
      .notNull()
      .references(() => trace.seq),
    field: text().notNull(),
    /** The envelope, or the text itself, in UTF-8. */
    data: blob().notNull(),
  },
  (table) => [index("trace_content_trace").on(table.traceSeq)],
);

/** Whose contents were destroyed, and until which arrival: what comes later is not kept either. */
export const traceShred = sqliteTable(
  "trace_shred",
  {
    kind: text({ enum: ["trace", "session", "user"] }).notNull(),
    name: text().notNull(),
    until: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.kind, table.name] })],
);
