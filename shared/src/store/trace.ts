// Owns the trace: what happened to one call, step by step. Content-free but for its sealed parts, which no query
// returns in the clear.

import type { SpendRow } from "./spend-row";

/** A step of the journey. Milliseconds since the call's arrival. */
export interface TraceSpan {
  /** "identify", "reserve", "optimize", "forward", "relay", "settle" … */
  name: string;
  startMs: number;
  endMs: number;
  /** Content-free facts: numbers, booleans, short words of ours. */
  facts?: Readonly<Record<string, string | number | boolean | null>>;
}

export interface TraceDecision {
  kind: string;
  summary: string;
  tokensBefore: number;
  tokensAfter: number;
  ms: number;
}

/** How the content of a trace was kept. */
export type ContentMode = "encrypted" | "off" | "plaintext";

/** One kept content: the request as it was sent, as it went on, or the answer. */
export interface TraceContent {
  field: "request" | "sentRequest" | "response";
  /** As it was kept; "off" is never stored. */
  mode: "encrypted" | "plaintext";
  /** `encrypted`: the envelope (crypto.ts) bound to trace, field and time. `plaintext`: the text itself. */
  data: string;
  /** Of the content before sealing. */
  bytes: number;
  /** It was longer than what is kept. */
  isCut: boolean;
}

export interface Trace {
  /** The call's id: also its spend row's. */
  id: string;
  /** Arrival, epoch milliseconds. */
  ts: number;
  user: string | null;
  team: string | null;
  session: string | null;
  /** The agent that called, and the one that called it, where the client tells. */
  agent: string | null;
  parentAgent: string | null;
  tool: string | null;
  provider: string | null;
  model: string | null;
  responseModel: string | null;
  endpoint: string;
  stream: boolean;
  status: number;
  endReason: SpendRow["endReason"];
  /** Anyray's error code where it refused or failed, or null. */
  errorCode: string | null;
  latencyMs: number;
  ttftMs: number | null;
  overheadMs: number;
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  estimated: boolean;
  costNanoUsd: number | null;
  /** Which price was used: "catalogue openai/gpt-5" or "override …"; null = unpriced. */
  priceRow: string | null;
  outcome: SpendRow["outcome"];
  tokensSaved: number;
  /** What the cap check saw; null for uncapped callers. */
  cap: { monthlyTokens: number; usedTokens: number; heldTokens: number } | null;
  decisions: readonly TraceDecision[];
  spans: readonly TraceSpan[];
  contents: readonly TraceContent[];
}
