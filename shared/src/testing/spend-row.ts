// Owns one spend row for tests: plausible, and different only where a test says so.

import type { SpendRow } from "../store/spend-row";

/** `id` is a number for short; it becomes the end of a UUID. */
export function spendRow(given: Partial<Omit<SpendRow, "id">> & { id: number }): SpendRow {
  const ts = given.ts ?? Date.UTC(2026, 10, 15, 12);
  return {
    month: new Date(ts).toISOString().slice(0, 7),
    user: "ada",
    team: null,
    session: null,
    tool: null,
    labels: null,
    provider: "openai",
    model: "gpt-5",
    responseModel: "gpt-5-2026",
    endpoint: "/v1/chat/completions",
    stream: false,
    status: 200,
    endReason: "completed",
    inputTokens: 100,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    cacheWriteLongTokens: 0,
    outputTokens: 10,
    reasoningTokens: 0,
    estimated: false,
    costNanoUsd: 1_000,
    baselineCostNanoUsd: 1_000,
    savingsNanoUsd: 0,
    tokensSaved: 0,
    latencyMs: 12,
    ttftMs: 5,
    overheadMs: 1,
    optimizeMs: null,
    outcome: "off",
    decisions: null,
    arm: "treated",
    ...given,
    ts,
    id: `01900000-0000-7000-8000-${String(given.id).padStart(12, "0")}`,
  };
}
