// Step 6: what the call really used, by the provider's word or else by estimate; its cost; its hold closed. Makes
// the call's row and stores nothing.

import { costNanoUsd, type Price, type PriceBook } from "@anyray/shared/pricing";
import type { SpendRow } from "@anyray/shared/store/spend-row";
import { noUsage, type Usage } from "@anyray/shared/usage";
import type { Call, Hold, Optimized, Outcome } from "../call";
import { savingsOf } from "../savings";
import type { Caps } from "../state/caps";
import type { InputEstimate } from "../state/input-estimate";

export interface SettleSettings {
  caps: Caps;
  inputEstimate: InputEstimate;
  priceBook: PriceBook;
}

export interface SettledCall {
  /** Null when the call leaves none: it bills nothing, or its answer states no usage where only that would. */
  row: SpendRow | null;
  /** Whose rates its cost was made with; null = unpriced, or nothing was to be priced. */
  price: Price | null;
}

const unrecorded: SettledCall = Object.freeze({ row: null, price: null });

export function settle(
  call: Call,
  hold: Hold | null,
  optimized: Optimized,
  outcome: Outcome,
  { caps, inputEstimate, priceBook }: SettleSettings,
): SettledCall {
  const { usage, isEstimated } = usageOf(call, outcome, inputEstimate);
  if (call.isBillable) {
    const { user } = call.identity;
    const { inputTokens, outputTokens } = usage;
    // What a cached answer does not use says nothing of what the next call will.
    const isStated = outcome.usage !== null && !isEstimated && !optimized.saved;
    caps.settle(hold, { user, month: call.month, model: call.model, inputTokens, outputTokens, isStated });
    if (outcome.usage && !optimized.saved) inputEstimate.learn(call.model, call.bodyBytes, inputTokens);
  }
  if (!call.isBillable || (call.endpoint.metering === "whenStated" && outcome.usage === null)) return unrecorded;

  const price = priceOf(call, outcome, priceBook);
  const isFree = usage.inputTokens + usage.outputTokens === 0 && outcome.status >= 400;
  const cost = isFree ? 0 : price && costNanoUsd(usage, price);
  const endedAt = performance.now();
  const row: SpendRow = {
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
    ...savingsOf(optimized, usage, cost, price),
    latencyMs: round(endedAt - call.startedAt),
    ttftMs: outcome.firstByteAt === null ? null : round(outcome.firstByteAt - call.startedAt),
    overheadMs: round(Math.max(0, endedAt - call.receivedAt - outcome.upstreamMs)),
    optimizeMs: optimized.optimizeMs,
    outcome: optimized.outcome,
    arm: "treated",
  };
  return { row, price };
}

/** Gives back what was set aside for a call that was never dispatched. */
export function release(hold: Hold | null, { caps }: Pick<SettleSettings, "caps">): void {
  if (!hold) return;
  const { user, month } = hold;
  caps.settle(hold, { user, month, model: null, inputTokens: 0, outputTokens: 0, isStated: false });
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
function priceOf(call: Call, outcome: Outcome, priceBook: PriceBook): Price | null {
  const lookUp = (model: string | null) => {
    if (model === null) return null;
    return priceBook.priceOf(call.provider.slug, model) ?? priceBook.priceOf(call.provider.provider.kind, model);
  };
  const asked = lookUp(call.model);
  return asked?.origin === "override" ? asked : (lookUp(outcome.responseModel) ?? asked);
}

/** Milliseconds to the microsecond. */
function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
