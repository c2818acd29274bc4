// Owns what of a trace may be stored, the same for every adapter: refuses what no store could keep as it is. Runs before
// anything is sent, because NaN and Infinity do not survive JSON.

import { instantMax } from "./check";
import { endReasons, outcomes } from "./spend-row";
import type { Trace, TraceContent, TraceDecision, TraceSpan } from "./trace";

/** Most traces of one `recordTraces`. */
export const tracesPerCallMax = 1_000;
/** The contents one trace can have. */
export const contentFields = ["request", "sentRequest", "response"] as const satisfies TraceContent["field"][];

const figureMax = 1_000_000_000_000_000;
const known = { endReason: new Set<string>(endReasons), outcome: new Set<string>(outcomes) };

const isText = (value: unknown) => typeof value === "string" && !value.includes("\0");
const isWhole = (value: unknown) => Number.isInteger(value) && Math.abs(value as number) <= figureMax;
const isCount = (value: unknown) => isWhole(value) && (value as number) >= 0;
const isAmount = (value: unknown) => typeof value === "number" && value >= 0 && value <= figureMax;
const isFlag = (value: unknown) => typeof value === "boolean";
const orNull = (accepts: (value: unknown) => boolean) => (value: unknown) => value === null || accepts(value);
const isRecord = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const listOf = (accepts: (value: never) => boolean) => (value: unknown) =>
  Array.isArray(value) && value.every((each) => isRecord(each) && accepts(each as never));
/** JSON has no other values, and none of these is lost on the way. */
const isFact = (value: unknown) =>
  value === null || isFlag(value) || typeof value === "string" || (typeof value === "number" && Number.isFinite(value));

const accepted: { [field in keyof Trace]-?: (value: unknown) => boolean } = {
  // Ids are ordered by the store and by whoever merges pages: every order of ASCII is the same.
  id: (value) => typeof value === "string" && /^[\x21-\x7e]{1,64}$/.test(value),
  ts: (value) => isCount(value) && (value as number) <= instantMax,
  user: orNull(isText),
  team: orNull(isText),
  session: orNull(isText),
  agent: orNull(isText),
  parentAgent: orNull(isText),
  tool: orNull(isText),
  provider: orNull(isText),
  model: orNull(isText),
  responseModel: orNull(isText),
  endpoint: isText,
  stream: isFlag,
  status: (value) => isCount(value) && (value as number) <= 999,
  endReason: (value) => known.endReason.has(value as string),
  errorCode: orNull(isText),
  latencyMs: isAmount,
  ttftMs: orNull(isAmount),
  overheadMs: isAmount,
  inputTokens: isCount,
  cachedInputTokens: isCount,
  cacheWriteTokens: isCount,
  outputTokens: isCount,
  reasoningTokens: isCount,
  estimated: isFlag,
  costNanoUsd: orNull(isCount),
  priceRow: orNull(isText),
  outcome: (value) => known.outcome.has(value as string),
  tokensSaved: isWhole,
  cap: orNull((value) => isRecord(value) && Object.values(value).every(isWhole)),
  decisions: listOf(isDecision),
  spans: listOf(isSpan),
  contents: (value) =>
    listOf(isContent)(value) &&
    new Set((value as TraceContent[]).map(({ field }) => field)).size === (value as TraceContent[]).length,
};

function isDecision({ kind, summary, tokensBefore, tokensAfter, ms }: TraceDecision): boolean {
  return isText(kind) && isText(summary) && isWhole(tokensBefore) && isWhole(tokensAfter) && isAmount(ms);
}

function isSpan({ name, startMs, endMs, facts }: TraceSpan): boolean {
  const areFacts = facts === undefined || (isRecord(facts) && Object.values(facts).every(isFact));
  return isText(name) && Number.isFinite(startMs) && Number.isFinite(endMs) && areFacts;
}

function isContent({ field, mode, data, bytes, isCut }: TraceContent): boolean {
  const isKnown = contentFields.includes(field) && (mode === "encrypted" || mode === "plaintext");
  return isKnown && typeof data === "string" && isCount(bytes) && isFlag(isCut);
}

const checks = Object.entries(accepted) as [keyof Trace, (value: unknown) => boolean][];

/** @throws Error naming the first trace and field that cannot be stored, without the value */
export function checkTraces(traces: readonly Trace[]): void {
  if (traces.length > tracesPerCallMax)
    throw new Error(`at most ${tracesPerCallMax} traces a call, not ${traces.length}`);
  for (const trace of traces) {
    for (const [field, accepts] of checks) {
      if (!accepts(trace[field])) throw new Error(`trace ${JSON.stringify(trace.id)} cannot be stored: bad ${field}`);
    }
  }
}
