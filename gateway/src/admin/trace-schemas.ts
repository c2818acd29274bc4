// Owns what the OpenAPI document says of traces and sessions.

import { endReasons, outcomes } from "@anyray/shared/store/spend-row";
import {
  amount,
  count,
  fields,
  flag,
  instant,
  listOf,
  milliseconds,
  oneOf,
  orNull,
  ref,
  type Schema,
  text,
} from "./openapi";

const trace: Record<string, Schema> = {
  id: { ...text, format: "uuid" },
  ts: instant,
  user: orNull(text),
  team: orNull(text),
  session: orNull(text),
  agent: orNull({ ...text, description: "that called" }),
  parentAgent: orNull({ ...text, description: "that called it" }),
  tool: orNull(text),
  provider: orNull({ ...text, description: "null: it was refused before one was found" }),
  model: orNull({ ...text, description: "as asked for" }),
  responseModel: orNull({ ...text, description: "as answered" }),
  endpoint: text,
  stream: flag,
  status: { type: "integer" },
  endReason: oneOf(endReasons),
  errorCode: orNull({ ...text, description: "of an error of Anyray's own" }),
  latencyMs: milliseconds,
  ttftMs: orNull(milliseconds),
  overheadMs: milliseconds,
  inputTokens: count,
  cachedInputTokens: count,
  cacheWriteTokens: count,
  outputTokens: count,
  reasoningTokens: count,
  estimated: flag,
  costUsd: orNull({ ...amount, description: "null: the model has no price" }),
  priceRow: orNull({ ...text, description: "the price it was counted with" }),
  outcome: oneOf(outcomes),
  tokensSaved: { type: "integer" },
  contents: listOf(ref("TraceContent")),
};

const sums: Record<string, Schema> = {
  traces: count,
  errors: count,
  inputTokens: count,
  cachedInputTokens: count,
  cacheWriteTokens: count,
  outputTokens: count,
  reasoningTokens: count,
  totalTokens: { ...count, description: "input + output" },
  tokensSaved: { type: "integer" },
  costUsd: amount,
  unpricedTraces: { ...count, description: "their cost is in no sum" },
  estimatedTraces: count,
  cacheHitShare: orNull({ ...amount, description: "cached input tokens of all input tokens; null: no input" }),
  costPerTraceUsd: orNull({ ...amount, description: "of those with a price" }),
};

const session: Record<string, Schema> = {
  session: text,
  user: orNull({ ...text, description: "of the first call" }),
  team: orNull(text),
  firstAt: instant,
  lastAt: instant,
  durationMs: { ...count, description: "from the first call's arrival to the last one's" },
  ...sums,
};

export const traceSchemas: Record<string, Schema> = {
  TraceContent: fields({
    field: {
      ...oneOf(["request", "sentRequest", "response"]),
      description: "sentRequest: as it went on, where it was changed",
    },
    mode: oneOf(["encrypted", "plaintext"]),
    bytes: { ...count, description: "of the content before it was sealed" },
    isCut: { ...flag, description: "it was longer than what is kept" },
    isShredded: { ...flag, description: "nobody can read it any more" },
  }),
  Trace: fields(trace),
  Traces: fields({ traces: listOf(ref("Trace")), nextCursor: orNull(text) }),
  TraceDetail: fields({
    ...trace,
    link: orNull({ ...text, description: "its page in the backend that traces are exported to" }),
    cap: orNull({
      ...fields({ monthlyTokens: count, usedTokens: { type: "integer" }, heldTokens: { type: "integer" } }),
      description: "what the cap check saw; null: no cap",
    }),
    decisions: listOf(
      fields({
        kind: text,
        summary: text,
        tokensBefore: { type: "integer" },
        tokensAfter: { type: "integer" },
        ms: milliseconds,
      }),
    ),
    spans: listOf(
      fields(
        {
          name: text,
          startMs: { ...amount, description: "since the call's arrival" },
          endMs: amount,
          facts: { type: "object", additionalProperties: { anyOf: [text, amount, flag], nullable: true } },
        },
        ["facts"],
      ),
    ),
  }),
  Session: fields(session),
  Sessions: fields({ sessions: listOf(ref("Session")), nextCursor: orNull(text) }),
  SessionDetail: fields({
    ...session,
    callers: listOf(fields({ user: orNull(text), team: orNull(text) })),
    contents: fields({
      kept: { ...count, description: "calls with content that can be read" },
      shredded: { ...count, description: "calls whose content was destroyed" },
    }),
    agents: {
      ...listOf(
        fields({
          agent: orNull({ ...text, description: "null: calls that named none" }),
          parentAgent: orNull(text),
          depth: { ...count, description: "0: nobody is known to have called it" },
          ...sums,
        }),
      ),
      description: "as a tree is read: each agent once, behind the one that called it first; figures of its own calls",
    },
    agentsOmitted: count,
    traces: listOf(ref("Trace")),
    earlierCursor: orNull(text),
  }),
  ContentShred: fields(
    {
      trace: text,
      session: text,
      user: text,
      shreddedTraces: { ...count, description: "calls that lost content now" },
      optimizer: oneOf(["forgotten", "not_asked"]),
    },
    ["trace", "session", "user"],
  ),
};
