// Owns the spend row: the one fact kept of each call that reached a provider. Content-free by type.

import type { Usage } from "../usage";

export const endReasons = [
  "completed",
  "client_aborted",
  "upstream_failed",
  "timed_out",
  "refused",
  "interrupted",
] as const;
export type EndReason = (typeof endReasons)[number];

export const outcomes = [
  "optimized",
  "unchanged",
  "bypassed",
  "timeout",
  "unreachable",
  "error",
  "cache_hit",
  "off",
] as const;
/** What the optimizer did for this call. */
export type OptimizeOutcome = (typeof outcomes)[number];

export type Arm = "treated" | "holdback" | "shadow" | "canary";

/** Values of caller-sent labels: at most 16, strings of at most 128 characters. */
export type Labels = Readonly<Record<string, string | number | boolean>>;

export interface SpendRow extends Usage {
  /** UUIDv7, made by the gateway when the call arrived; the primary key for ever. */
  id: string;
  /** Arrival, epoch milliseconds. */
  ts: number;
  /** Cap period at admission, "YYYY-MM" in the reporting zone. */
  month: string;
  user: string | null;
  team: string | null;
  session: string | null;
  tool: string | null;
  labels: Labels | null;
  /** Provider slug. */
  provider: string;
  /** As asked for, without a provider prefix; null where the request names none. */
  model: string | null;
  /** As the provider answered. */
  responseModel: string | null;
  /** Path, for example "/v1/chat/completions". */
  endpoint: string;
  stream: boolean;
  /** HTTP status the caller got; 499 when the caller left before one. */
  status: number;
  endReason: EndReason;
  /** The provider did not state usage; the figures are ours. */
  estimated: boolean;
  /** Integer nano-dollars; null = the model has no price. */
  costNanoUsd: number | null;
  /** What the call would have cost unoptimized; null = unpriced. */
  baselineCostNanoUsd: number | null;
  savingsNanoUsd: number;
  tokensSaved: number;
  /** Arrival to last byte. */
  latencyMs: number;
  /** Arrival to first byte of the answer; null when none came. */
  ttftMs: number | null;
  /** Everything Anyray added. */
  overheadMs: number;
  optimizeMs: number | null;
  outcome: OptimizeOutcome;
  /** Strategy kind → tokens saved. */
  decisions: Readonly<Record<string, number>> | null;
  arm: Arm;
}
