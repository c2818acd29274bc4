// Owns a finished trace for tests of its export.

import type { Trace } from "@anyray/shared/store/trace";

/** A streamed chat that the optimizer made shorter. */
export function sampleTrace(over: Partial<Trace> = {}): Trace {
  return {
    id: Bun.randomUUIDv7(),
    ts: Date.UTC(2026, 10, 15, 12, 0, 0, 250),
    ...{ user: "ada", team: "platform", session: "s-1", agent: "coder", parentAgent: "planner", tool: "claude-code" },
    ...{ provider: "openai", model: "gpt-5", responseModel: "gpt-5-2026-08-01", endpoint: "/v1/chat/completions" },
    ...{ stream: true, status: 200, endReason: "completed", errorCode: null },
    ...{ latencyMs: 1_234.5678, ttftMs: 321.25, overheadMs: 1.5 },
    ...{ inputTokens: 1_000, cachedInputTokens: 600, cacheWriteTokens: 100, outputTokens: 50, reasoningTokens: 20 },
    ...{ estimated: false, costNanoUsd: 2_500_000, priceRow: "catalogue openai/gpt-5" },
    ...{ outcome: "optimized", tokensSaved: 300, cap: { monthlyTokens: 5_000, usedTokens: 40, heldTokens: 7 } },
    decisions: [
      { kind: "context_dedupe", summary: "2 repeats replaced", tokensBefore: 1_300, tokensAfter: 1_000, ms: 3.5 },
    ],
    spans: [
      { name: "identify", startMs: 0, endMs: 0.25 },
      {
        name: "optimize",
        startMs: 0.25,
        endMs: 12.5,
        facts: { outcome: "optimized", asked: true, ms: 12.25, none: null },
      },
      { name: "forward", startMs: 12.5, endMs: 321.25, facts: { provider: "openai" } },
      { name: "relay", startMs: 321.25, endMs: 1_234.5 },
    ],
    contents: [{ field: "request", mode: "encrypted", data: "v1.sealed", bytes: 9, isCut: false }],
    ...over,
  };
}
