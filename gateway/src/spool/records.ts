// Owns what a spool frame means: the two records of a call, and the row of one that a crash interrupted.

import type { SpendRow } from "@anyray/shared/store/spend-row";
import { noUsage } from "@anyray/shared/usage";

/** What is known of a call before its first byte goes out; `inputTokens` is an estimate, used only if no end comes. */
export type StartRecord = Pick<
  SpendRow,
  | ("id" | "ts" | "month" | "user" | "team" | "session" | "tool" | "labels")
  | ("provider" | "model" | "endpoint" | "stream" | "inputTokens")
>;

/** The row of a call whose process died before it could say how the call ended. */
export function interruptedRow(start: StartRecord): SpendRow {
  return {
    ...noUsage,
    ...start,
    responseModel: null,
    status: 499,
    endReason: "interrupted",
    estimated: true,
    costNanoUsd: null,
    baselineCostNanoUsd: null,
    savingsNanoUsd: 0,
    tokensSaved: 0,
    latencyMs: 0,
    ttftMs: null,
    overheadMs: 0,
    optimizeMs: null,
    outcome: "off",
    decisions: null,
    arm: "treated",
  };
}
