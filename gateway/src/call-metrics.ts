// Owns what is counted of every call, and the names it is published under.

import { AnyrayError } from "@anyray/shared/errors";
import type { Metrics } from "@anyray/shared/metrics";
import { endReasons, outcomes } from "@anyray/shared/store/spend-row";
import type { Call, Optimized, Outcome } from "./call";

export type CallMetrics = ReturnType<typeof createCallMetrics>;

export function createCallMetrics(metrics: Metrics) {
  const answers = metrics.counters("anyray_requests_total", "Calls answered, by status class.", "class");
  const ends = metrics.counters(
    "anyray_call_ends_total",
    "Calls that reached a provider, by how they ended.",
    "reason",
  );
  const refusals = metrics.counters(
    "anyray_refusals_total",
    "Calls refused or failed by the gateway, by code.",
    "code",
  );
  const optimizations = metrics.counters(
    "anyray_optimizer_outcomes_total",
    "Calls that reached a provider, by what the optimizer did: all but optimized and cache_hit passed through as they came.",
    "outcome",
  );
  const badMetadata = metrics.counter(
    "anyray_metadata_invalid_total",
    "Calls whose x-anyray-metadata was not understood.",
  );
  const total = metrics.histogram("anyray_request_duration_seconds", "Arrival to last byte.");
  const firstByte = metrics.histogram("anyray_time_to_first_byte_seconds", "Arrival to the answer's first byte.");
  const optimizing = metrics.histogram(
    "anyray_optimize_seconds",
    "What calls waited for the optimizer that was asked.",
  );
  const overhead = metrics.histogram("anyray_overhead_seconds", "What the gateway added to a call.");
  const byClass = ["0xx", "1xx", "2xx", "3xx", "4xx", "5xx"].map((name) => answers(name));
  const byReason = new Map(endReasons.map((reason) => [reason, ends(reason)]));
  const byOptimization = new Map(outcomes.map((outcome) => [outcome, optimizations(outcome)]));
  let active = 0;
  let count = 0;
  metrics.gauge("anyray_active_requests", "Calls in progress.", () => active);

  return {
    arrived() {
      active += 1;
      count += 1;
    },
    active: () => active,
    count: () => count,
    /** A call that ends before it was dispatched. */
    left() {
      active -= 1;
    },
    /** A call that gets an error of ours for an answer. */
    failed(error: unknown) {
      if (error instanceof AnyrayError) refusals(error.code).add();
    },
    /** A call that was dispatched, whichever way it ended. */
    ended(call: Call, optimized: Optimized, outcome: Outcome) {
      active -= 1;
      const endedAt = performance.now();
      byClass[Math.floor(outcome.status / 100)]?.add();
      byReason.get(outcome.endReason)?.add();
      byOptimization.get(optimized.outcome)?.add();
      if (optimized.optimizeMs !== null) optimizing.observeMs(optimized.optimizeMs);
      total.observeMs(endedAt - call.startedAt);
      if (outcome.firstByteAt !== null) firstByte.observeMs(outcome.firstByteAt - call.startedAt);
      overhead.observeMs(Math.max(0, endedAt - call.receivedAt - outcome.upstreamMs));
      if (call.identity.isMetadataInvalid) badMetadata.add();
    },
  };
}
