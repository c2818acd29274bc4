// Owns making a trace of a draft: figures from the call's row where it left one, spans from the times of its steps. Pure;
// its contents are added by others.

import type { Trace, TraceSpan } from "@anyray/shared/store/trace";
import { noUsage } from "@anyray/shared/usage";
import type { StepTimes, TraceDraft } from "./trace-draft";

/** @throws Error for a draft with neither a row nor what stands for one */
export function makeTrace(draft: TraceDraft): Trace {
  const { id, ts, row, unrecorded, agent, parentAgent, errorCode, times, cap, priceRow, decisions } = draft;
  const said = row ?? unrecorded;
  if (!said) throw new Error("a draft says nothing of its call");
  const { user, team, session, tool, provider, model, responseModel, endpoint, stream } = said;
  const { status, endReason, outcome, overheadMs } = said;
  return {
    ...{ id, ts, user, team, session, agent, parentAgent, tool, provider, model, responseModel, endpoint, stream },
    ...{ status, endReason, errorCode },
    latencyMs: row?.latencyMs ?? times.ended,
    ttftMs: row ? row.ttftMs : times.firstByte,
    overheadMs,
    ...figuresOf(row ?? { ...noUsage, estimated: false, costNanoUsd: 0, tokensSaved: 0 }),
    ...{ priceRow, outcome, cap, decisions },
    spans: spansOf(draft, said),
    contents: [],
  };
}

type Figures = Pick<
  Trace,
  | ("inputTokens" | "cachedInputTokens" | "cacheWriteTokens" | "outputTokens" | "reasoningTokens")
  | ("estimated" | "costNanoUsd" | "tokensSaved")
>;

function figuresOf(from: Figures): Figures {
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens } = from;
  const { estimated, costNanoUsd, tokensSaved } = from;
  return {
    ...{ inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens },
    ...{ estimated, costNanoUsd, tokensSaved },
  };
}

type Said = Pick<Trace, "provider" | "outcome" | "status">;
type Step = [name: string, end: number | null, facts?: NonNullable<TraceSpan["facts"]>];

/** Each step begins where the one before it ended; where a call ended early, the step it ended in ends with it. */
function spansOf(draft: TraceDraft, said: Said): TraceSpan[] {
  const spans: TraceSpan[] = [];
  let startMs = 0;
  for (const [name, end, facts] of stepsOf(draft, said)) {
    const isLast = end === null;
    const endMs = Math.max(startMs, end ?? draft.times.ended);
    spans.push({ name, startMs, endMs, ...(facts && { facts }) });
    if (isLast) break;
    startMs = endMs;
  }
  return draft.times.recorded === null ? spans : [...spans, ...closingSpans(draft.times)];
}

function stepsOf({ times, routedBy, cap, suppressed }: TraceDraft, { provider, outcome, status }: Said): Step[] {
  const { received, identified, reserved, optimized, dispatched, firstByte } = times;
  const identify = { provider, routedBy, receivedMs: received };
  const reserve = cap && { limitTokens: cap.monthlyTokens, usedTokens: cap.usedTokens, heldTokens: cap.heldTokens };
  const steps: Step[] = [
    ["identify", identified, identify],
    ["reserve", reserved, { isCapped: cap !== null, ...reserve }],
    ["optimize", optimized, { outcome, suppressed: suppressed.join(", ") || null }],
  ];
  // Served from the cache: nobody was asked.
  if (dispatched === null) return optimized === null ? steps : [...steps, ["relay", times.ended]];
  // Between the two lies writing the call's start down.
  steps.push(["start", dispatched], ["forward", firstByte, { status }]);
  if (firstByte !== null) steps.push(["relay", times.ended]);
  return steps;
}

function closingSpans({ ended, settled, recorded }: StepTimes): TraceSpan[] {
  const settledMs = Math.max(ended, settled ?? ended);
  return [
    { name: "settle", startMs: ended, endMs: settledMs },
    { name: "record", startMs: settledMs, endMs: Math.max(settledMs, recorded ?? settledMs) },
  ];
}
