// Owns one trace for tests: plausible, and different only where a test says so.

import type { Trace, TraceContent } from "../store/trace";

/** A trace like any other, with what a test is about put in. */
export function traceWith(given: Partial<Trace>): Trace {
  return {
    id: Bun.randomUUIDv7(),
    ts: Date.UTC(2026, 10, 10, 12),
    user: "ann",
    team: "red",
    session: "s1",
    agent: null,
    parentAgent: null,
    tool: "codex",
    provider: "openai",
    model: "gpt-5.1",
    responseModel: "gpt-5.1-2026-01-01",
    endpoint: "/v1/chat/completions",
    stream: true,
    status: 200,
    endReason: "completed",
    errorCode: null,
    latencyMs: 1_234.5,
    ttftMs: 250.25,
    overheadMs: 0.75,
    inputTokens: 1_000,
    cachedInputTokens: 400,
    cacheWriteTokens: 20,
    outputTokens: 100,
    reasoningTokens: 30,
    estimated: false,
    costNanoUsd: 5_000_000,
    priceRow: "catalogue openai/gpt-5.1",
    outcome: "optimized",
    tokensSaved: 300,
    cap: { monthlyTokens: 1_000_000, usedTokens: 5, heldTokens: 7 },
    decisions: [{ kind: "compress", summary: "2 blocks", tokensBefore: 900, tokensAfter: 600, ms: 1.5 }],
    spans: [{ name: "identify", startMs: 0, endMs: 0.25, facts: { bytes: 12, isBig: false, model: null } }],
    contents: [],
    ...given,
  };
}

export function contentOf(field: TraceContent["field"], data: string): TraceContent {
  return { field, mode: "plaintext", data, bytes: Buffer.byteLength(data), isCut: false };
}
