// Step 6: what the call really used, by the provider's word or else by estimate; its cost; its hold closed. Makes
// the call's row and stores nothing.

import { costNanoUsd, type PriceBook } from "@anyray/shared/pricing";
import type { SpendRow } from "@anyray/shared/store/spend-row";
import { noUsage, type Usage } from "@anyray/shared/usage";
import type { Call, Hold, Optimized, Outcome } from "../call";
import type { Caps } from "../state/caps";
import type { InputEstimate } from "../state/input-estimate";

export interface SettleSettings {
  caps: Caps;
  inputEstimate: InputEstimate;
  priceBook: PriceBook;
}

/** Null when the call leaves no row: it bills nothing, or its answer states no usage where only that would. */
export function settle(
  call: Call,
  hold: Hold | null,
  optimized: Optimized,
  outcome: Outcome,
  { caps, inputEstimate, priceBook }: SettleSettings,
): SpendRow | null {
  const { usage, isEstimated } = usageOf(call, outcome, inputEstimate);
  if (call.isBillable) {
    const { user } = call.identity;
    const { inputTokens, outputTokens } = usage;
    const isStated = outcome.usage !== null && !isEstimated;
    caps.settle(hold, { user, month: call.month, model: call.model, inputTokens, outputTokens, isStated });
    if (outcome.usage) inputEstimate.learn(call.model, call.bodyBytes, inputTokens);
  }
  if (!call.isBillable || (call.endpoint.metering === "whenStated" && outcome.usage === null)) return null;

  const cost = costOf(call, outcome, usage, priceBook);
  const endedAt = performance.now();
  return {
    id: call.id,
    ts: call.arrivedAt,
    month: call.month,
    user: call.identity.user,
    team: call.identity.team,
    session: call.identity.session,
    tool: call.identity.tool,
    labels: call.identity.labels,
    provider: call.provider.slug,
    model: call.model,
    responseModel: outcome.responseModel,
    endpoint: call.path,
    stream: call.isStream,
    status: outcome.status,
    endReason: outcome.endReason,
    ...usage,
    estimated: isEstimated,
    costNanoUsd: cost,
    baselineCostNanoUsd: cost,
    savingsNanoUsd: 0,
    tokensSaved: 0,
    latencyMs: round(endedAt - call.startedAt),
    ttftMs: outcome.firstByteAt === null ? null : round(outcome.firstByteAt - call.startedAt),
    overheadMs: round(Math.max(0, endedAt - call.receivedAt - outcome.upstreamMs)),
    optimizeMs: optimized.optimizeMs,
    outcome: optimized.outcome,
    decisions: null,
    arm: "treated",
  };
}

/** An answer that never began, or was an error, used nothing; one that began without stating its usage is estimated. */
function usageOf(
  call: Call,
  outcome: Outcome,
  inputEstimate: InputEstimate,
): { usage: Readonly<Usage>; isEstimated: boolean } {
  const { usage: stated, isUsageOpen, seenOutputTokens } = outcome;
  if (stated && !isUsageOpen) return { usage: stated, isEstimated: false };
  if (stated) {
    const outputTokens = Math.max(stated.outputTokens, seenOutputTokens);
    return { usage: { ...stated, outputTokens }, isEstimated: true };
  }
  if (outcome.status < 400 || seenOutputTokens > 0) {
    const inputTokens = inputEstimate.tokens(call.model, call.bodyBytes);
    return { usage: { ...noUsage, inputTokens, outputTokens: seenOutputTokens }, isEstimated: true };
  }
  // The provider may have begun before the caller or our patience ended it: nobody stated that it did not.
  const isUnknown = outcome.endReason === "client_aborted" || outcome.endReason === "timed_out";
  return { usage: noUsage, isEstimated: isUnknown };
}

/** Null = unpriced. The answering model tells best what was billed, unless the admin set a price for the asked one. */
function costOf(call: Call, outcome: Outcome, usage: Readonly<Usage>, priceBook: PriceBook): number | null {
  if (usage.inputTokens + usage.outputTokens === 0 && outcome.status >= 400) return 0;
  const lookUp = (model: string | null) => {
    if (model === null) return null;
    return priceBook.priceOf(call.provider.slug, model) ?? priceBook.priceOf(call.provider.provider.kind, model);
  };
  const asked = lookUp(call.model);
  const price = asked?.origin === "override" ? asked : (lookUp(outcome.responseModel) ?? asked);
  return price ? costNanoUsd(usage, price) : null;
}

/** Milliseconds to the microsecond. */
function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
