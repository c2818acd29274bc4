// Owns the Store interface: verbs of the domain, not tables. Its comments are the contract that
// store.contract.test.ts checks on every adapter.

import type { AuditHead } from "./audit-chain";
import type { AuditResult, AuditStep } from "./audit-step";
import type { KeyCheck, Resealed, SealedStep } from "./sealed-content";
import type { SpendRow } from "./spend-row";
import type { Trace, TraceContent } from "./trace";
import type {
  SessionDetail,
  SessionFilter,
  SessionPage,
  ShredTarget,
  StoredTrace,
  TraceFilter,
  TracePage,
} from "./trace-query";

/** Everything the admin decides. Read whole, replaced by single changes, versioned by `revision`. */
export interface Policy {
  /** Grows by one with every change; equal revisions mean equal policies. */
  revision: number;
  caps: CapPolicy[];
  prices: PriceOverride[];
  providers: ProviderPolicy[];
  settings: Record<string, unknown>;
}

export interface CapPolicy {
  user: string;
  /** 0..1e15 */
  monthlyTokens: number;
}

/** USD per million tokens, as people write it; an override replaces the catalogue's row of the same provider and model. */
export interface PriceOverride {
  provider: string;
  model: string;
  inputUsdPerMillion: number;
  outputUsdPerMillion: number;
  cachedInputUsdPerMillion: number | null;
  cacheWriteUsdPerMillion: number | null;
  cacheWriteLongUsdPerMillion: number | null;
  /** Above this many input tokens the long rates hold for the whole call; null = no such tier. */
  longContextAboveTokens: number | null;
  longInputUsdPerMillion: number | null;
  longOutputUsdPerMillion: number | null;
  longCachedInputUsdPerMillion: number | null;
  longCacheWriteUsdPerMillion: number | null;
  longCacheWriteLongUsdPerMillion: number | null;
}

export interface ProviderPolicy {
  slug: string;
  kind: "openai" | "anthropic" | "azure-openai" | "openai-compatible";
  baseUrl: string;
  /** The server-held key, sealed with the content key; null = the caller's own credential is forwarded. */
  sealedKey: string | null;
  /** What to do when a caller leaves mid-answer; null = the gateway's default. */
  onAbort: "cancel" | "drain" | null;
}

/** One change of policy. Absent things are created, `null` values delete. */
export type PolicyChange =
  | { kind: "caps"; caps: { user: string; monthlyTokens: number | null }[] }
  | { kind: "prices"; prices: (PriceOverride | { provider: string; model: string; delete: true })[] }
  | { kind: "provider"; slug: string; provider: ProviderPolicy | null }
  | { kind: "setting"; key: string; value: unknown };

/** Who did what; written in the same transaction as the change itself. */
export interface AuditEntry {
  id: string;
  /** Epoch milliseconds. */
  at: number;
  actor: string;
  /** Network address of the actor, or null. */
  ip: string | null;
  /** For example "caps.set". */
  action: string;
  /** What it was done to: a user, a slug, a model. */
  object: string;
  /** JSON values, secrets never included. */
  before: unknown;
  after: unknown;
  reason: string | null;
  /** Default "done". An effect outside of the store has a row before it ("intent") and one after it. */
  result?: AuditResult;
}

export interface AuditRow extends AuditEntry {
  /** 1, 2, 3 … without gaps. */
  seq: number;
  result: AuditResult;
}

/** Refusals by the cap, added up before they are stored: a retry storm is one row, not thousands. */
export interface CapRejections {
  user: string;
  month: string;
  rejected: number;
  firstAt: number;
  lastAt: number;
}

export const groupKeys = [
  "user",
  "team",
  "model",
  "provider",
  "status",
  "endpoint",
  "session",
  "tool",
  "strategy",
  "outcome",
] as const;
export type GroupKey = (typeof groupKeys)[number];

export interface SpendFilter {
  /** Epoch milliseconds, inclusive. */
  from: number;
  /** Epoch milliseconds, exclusive. */
  to: number;
  /** Exact values; null = rows without one. An absent key does not filter. */
  user?: string | null;
  team?: string | null;
  model?: string | null;
  provider?: string;
  endpoint?: string;
  session?: string | null;
  tool?: string | null;
  /** A status (429) or a class of them ("4xx"). */
  status?: number | `${1 | 2 | 3 | 4 | 5}xx`;
}

export interface SpendQuery extends SpendFilter {
  groupBy: GroupKey[];
  interval: "hour" | "day" | null;
  /** Groups per page, 1..1000; ordered by cost, then total tokens, then key. */
  limit: number;
  /** Opaque, from `nextCursor`. */
  cursor: string | null;
}

export interface SpendFigures {
  requests: number;
  inputTokens: number;
  outputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  reasoningTokens: number;
  tokensSaved: number;
  costNanoUsd: number;
  baselineCostNanoUsd: number;
  savingsNanoUsd: number;
  /** status >= 400 */
  errors: number;
  unpricedRequests: number;
  estimatedRequests: number;
  /** Exact up to 50,000 rows, else from a uniform sample of at least as many; null when there are no rows. */
  latencyMs: { p50: number; p95: number; p99: number } | null;
  overheadMs: { p50: number; p99: number } | null;
}

export interface SpendSummary {
  totals: SpendFigures;
  groups: { key: Partial<Record<GroupKey, string | number | null>>; figures: SpendFigures }[];
  /** Every interval of the range, in order, empty ones too. `start` is epoch milliseconds. */
  series: { start: number; figures: SpendFigures }[];
  outcomes: Map<string, number>;
  nextCursor: string | null;
}

export interface RowPage {
  /** Newest first: by `ts`, then `id`, both descending. */
  rows: SpendRow[];
  /** Position after the last row, or null at the end. */
  next: { ts: number; id: string } | null;
}

export interface UserMonth {
  user: string;
  /** input + output tokens of all rows of the month */
  usedTokens: number;
  requests: number;
  costNanoUsd: number;
  rejectedRequests: number;
}

/**
 * The durable side of Anyray. All calls are asynchronous and reject with a plain Error when the store is not
 * available; none retries. Ids and times are made by the caller.
 */
export interface Store {
  readonly kind: "sqlite" | "postgres";

  /**
   * Stores rows, at most 1,000 a call, in one transaction with every roll-up they count in. A row whose id is
   * already stored changes nothing, so a batch may be sent again after an unknown outcome. Resolves with the
   * number of rows that were new.
   */
  recordSpend(rows: readonly SpendRow[]): Promise<number>;
  /** Adds to the counters of refused calls. Not idempotent: sent once, at most lost with the process. */
  recordRejections(rejections: readonly CapRejections[]): Promise<void>;

  /** The whole policy. */
  readPolicy(): Promise<Policy>;
  /** Cheap enough to ask twice a second. */
  readRevision(): Promise<number>;
  /**
   * Applies a change and writes its audit row in one transaction: both or neither. `audit.before` is filled in
   * by the store from what it finds. Resolves with the new policy.
   */
  changePolicy(change: PolicyChange, audit: Omit<AuditEntry, "before">): Promise<Policy>;

  /** Tokens used by each user with any row in that month ("YYYY-MM"), or only by the users named. */
  readMonth(month: string, users?: readonly string[]): Promise<UserMonth[]>;
  summarize(query: SpendQuery): Promise<SpendSummary>;
  readRows(filter: SpendFilter, after: { ts: number; id: string } | null, limit: number): Promise<RowPage>;
  /** Newest first; `beforeSeq` null = from the newest. */
  readAudit(beforeSeq: number | null, limit: number): Promise<AuditRow[]>;
  /** Adds a row for what is no change of policy. It is on the disk when this resolves. */
  appendAudit(entry: AuditEntry): Promise<AuditRow>;
  /**
   * Checks the rows after `from` (null = from the first), at most some hundred; the last step compares the end with what
   * is kept outside of the database, and with `expected`, an anchor from a log.
   */
  verifyAudit(from: AuditHead | null, expected?: AuditHead | null): Promise<AuditStep>;
  /** Adds a row, and takes the log as it is now for whole: what the anchor said is given up. */
  acceptAudit(entry: AuditEntry): Promise<AuditRow>;

  /** One for every content key and every process that may have sealed something under it. */
  readKeyChecks(): Promise<KeyCheck[]>;
  /**
   * Stores `check` if exactly those key ids are known (`seen`); those in `drop` are removed in the same step. Resolves with what
   * is stored then.
   */
  changeKeyChecks(check: KeyCheck | null, seen: readonly string[], drop: readonly string[]): Promise<KeyCheck[]>;
  /**
   * Sealed contents that are under another key than `keyId`, in bounded steps from `position` (0 = the first one) on.
   */
  readSealedElsewhere(keyId: string, position: number): Promise<SealedStep>;
  /** Puts newly sealed contents in the place of the former; one that was deleted since stays so. Resolves with how many. */
  resealContents(contents: readonly Resealed[]): Promise<number>;
  /**
   * Puts a newly sealed provider key in the place of `former`, if that is still the key. Resolves with the policy, or null where
   * it was changed since.
   */
  resealProviderKey(slug: string, former: string, sealed: string, audit: AuditEntry): Promise<Policy | null>;

  /**
   * Stores traces, at most 1,000 a call, in one transaction with the sessions they count in. A trace whose id is already
   * stored changes nothing. Contents of traces that arrived before their trace, session or user was shredded are
   * not stored, only marked. Resolves with the number of traces that were new.
   */
  recordTraces(traces: readonly Trace[]): Promise<number>;
  /** Newest first; never the contents themselves, only what was kept of them. `limit` is a whole number from 1. */
  readTraces(filter: TraceFilter, after: { ts: number; id: string } | null, limit: number): Promise<TracePage>;
  /** Null when there is no such trace. Never the contents themselves. */
  readTrace(id: string): Promise<StoredTrace | null>;
  /**
   * The contents of one trace as they were given, without those that were shredded. For the one offline reader that is
   * audited; nothing that answers HTTP may call it.
   */
  readContents(id: string): Promise<TraceContent[]>;
  /** By their last trace, newest first. A session that goes on while it is paged through may come twice. */
  readSessions(
    filter: SessionFilter,
    after: { lastAt: number; session: string } | null,
    limit: number,
  ): Promise<SessionPage>;
  /** Null when no trace of it is kept. */
  readSession(session: string): Promise<SessionDetail | null>;
  /**
   * Deletes traces with their contents, the oldest first: those that arrived before `before` (epoch ms), and as many more
   * as it takes until `traceBytes` is at most `bytesMax` (0 = no bound). Sessions count what is left. In small
   * steps, between which other calls run. Resolves with the traces deleted.
   */
  pruneTraces(before: number, bytesMax: number): Promise<number>;
  /**
   * Makes the contents of a trace, of a session or of a user unreadable for ever: nothing of them is left in any file of the
   * store when it resolves. Also those of traces that arrived until `at` (epoch ms) and are recorded later. Resolves
   * with the number of traces that lost contents.
   */
  shredContents(target: ShredTarget, at: number): Promise<number>;
  /** What traces and their contents take up, in bytes, to a tenth or so. */
  traceBytes(): Promise<number>;

  /** Deletes rows and roll-ups of days that ended before `before` (epoch ms). Resolves with the rows deleted. */
  prune(before: number): Promise<number>;
  /** Rejects when the store cannot take a write now. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
