// Owns what is added up over traces: the figures of a session and of an agent in it, of a trace in memory and in SQL.

import type { Trace } from "./trace";
import { isFailed, type TraceSums } from "./trace-query";

/** Name, column of trace_session, the same of one trace in SQL (`t` the trace, `k` its key) and in memory. */
export const traceSummed: readonly {
  name: keyof TraceSums;
  column: string;
  sql: string;
  of(trace: Trace): number;
}[] = [
  { name: "traces", column: "traces", sql: "1", of: () => 1 },
  { name: "errors", column: "errors", sql: "k.is_failed", of: (trace) => (isFailed(trace) ? 1 : 0) },
  { name: "inputTokens", column: "input_tokens", sql: "t.input_tokens", of: (trace) => trace.inputTokens },
  {
    name: "cachedInputTokens",
    column: "cached_input_tokens",
    sql: "t.cached_input_tokens",
    of: (trace) => trace.cachedInputTokens,
  },
  {
    name: "cacheWriteTokens",
    column: "cache_write_tokens",
    sql: "t.cache_write_tokens",
    of: (trace) => trace.cacheWriteTokens,
  },
  { name: "outputTokens", column: "output_tokens", sql: "t.output_tokens", of: (trace) => trace.outputTokens },
  {
    name: "reasoningTokens",
    column: "reasoning_tokens",
    sql: "t.reasoning_tokens",
    of: (trace) => trace.reasoningTokens,
  },
  { name: "tokensSaved", column: "tokens_saved", sql: "t.tokens_saved", of: (trace) => trace.tokensSaved },
  {
    name: "costNanoUsd",
    column: "cost_nano_usd",
    sql: "coalesce(t.cost_nano_usd, 0)",
    of: (trace) => trace.costNanoUsd ?? 0,
  },
  {
    name: "unpriced",
    column: "unpriced",
    sql: "(t.cost_nano_usd IS NULL)",
    of: (trace) => (trace.costNanoUsd === null ? 1 : 0),
  },
  { name: "estimated", column: "estimated", sql: "t.estimated", of: (trace) => (trace.estimated ? 1 : 0) },
];

/** SELECT list of `TraceSums` over traces. total() does not fail where a sum leaves 64 bits. */
export const traceTotals = traceSummed.map(({ name, sql }) => `total(${sql}) AS ${name}`).join(", ");
/** SELECT list of `TraceSums` of a session's row. */
export const sessionSums = traceSummed.map(({ name, column }) => `${column} AS ${name}`).join(", ");
