// Owns the shapes that traces and sessions are asked for and come back in. No content by type: only what was kept of it.

import type { OptimizeOutcome } from "./spend-row";
import type { Trace, TraceContent } from "./trace";

/** What was kept of a content. */
export interface ContentMark extends Omit<TraceContent, "data"> {
  /** Nobody can read it any more. */
  isShredded: boolean;
}

/** A trace as it is stored, its contents apart. */
export interface StoredTrace extends Omit<Trace, "contents"> {
  contents: readonly ContentMark[];
}

export interface TraceFilter {
  /** Epoch milliseconds, inclusive. */
  from: number;
  /** Epoch milliseconds, exclusive. */
  to: number;
  /** Exact values; null = traces without one. An absent key does not filter. */
  user?: string | null;
  team?: string | null;
  session?: string | null;
  tool?: string | null;
  provider?: string | null;
  model?: string | null;
  endpoint?: string;
  outcome?: OptimizeOutcome;
  /** A status (429), a class of them ("4xx"), or those that Anyray itself refused. */
  status?: number | `${1 | 2 | 3 | 4 | 5}xx` | "refused";
  /** `isFailed`, or not. */
  hasError?: boolean;
  minLatencyMs?: number;
  /** Traces without a price cost nothing. */
  minCostNanoUsd?: number;
  /** Beginning of the id. */
  idPrefix?: string;
}

export interface TracePage {
  /** Newest first: by `ts`, then `id`, both descending. */
  traces: StoredTrace[];
  /** Position after the last trace, or null at the end. */
  next: { ts: number; id: string } | null;
}

export interface SessionFilter {
  /** Of the last trace: epoch milliseconds, inclusive and exclusive. */
  from: number;
  to: number;
  /** Of the first trace; exact, null = none. */
  user?: string | null;
  team?: string | null;
  /** Beginning of the session's name. */
  prefix?: string;
  minCostNanoUsd?: number;
  /** With a failed trace, or without. */
  hasError?: boolean;
}

/** Sums over the kept traces of a session, or of one agent in it. */
export interface TraceSums {
  traces: number;
  /** Traces that are `isFailed`. */
  errors: number;
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  tokensSaved: number;
  /** Of those with a price. */
  costNanoUsd: number;
  unpriced: number;
  estimated: number;
}

export interface SessionRow extends TraceSums {
  session: string;
  /** Of the first trace: by `ts`, then `id`. */
  user: string | null;
  team: string | null;
  /** Arrival of the first and the last trace, epoch milliseconds. */
  firstAt: number;
  lastAt: number;
}

export interface SessionPage {
  /** By `lastAt`, then `session`, both descending. */
  sessions: SessionRow[];
  next: { lastAt: number; session: string } | null;
}

/** One agent as one other called it. */
export interface AgentSums extends TraceSums {
  agent: string | null;
  parentAgent: string | null;
  /** Arrival of its first trace. */
  firstAt: number;
}

export interface SessionDetail {
  session: SessionRow;
  /** By first arrival. */
  agents: AgentSums[];
  /** Everyone whose traces are in it, null = traces without; in the order of their names. */
  callers: { user: string | null; team: string | null }[];
  /** Traces of which contents can still be read, and traces of which they were shredded. */
  withContent: number;
  shredded: number;
}

/** Whose contents are to become unreadable. */
export type ShredTarget = { trace: string } | { session: string } | { user: string };

/** Whether a call went wrong, other than by the caller leaving it. */
export function isFailed({ status, errorCode, endReason }: Pick<Trace, "status" | "errorCode" | "endReason">): boolean {
  if (endReason === "client_aborted") return errorCode !== null;
  return status >= 400 || errorCode !== null || endReason !== "completed";
}
