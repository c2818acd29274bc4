// Owns what is counted of the optimizer's work, and the names it is published under. Label values come from the routes
// and from the registered strategies, never from a request.

import type { Counter, Histogram, Metrics } from "@anyray/shared/metrics";
import type { Decision, SuppressedKind } from "@anyray/shared/protocol";

export const routeNames = [
  "optimize",
  "optimize-response",
  "cache",
  "retrieve",
  "eligibility",
  "record",
  "feedback",
  "forget",
  "settings",
] as const;
export type RouteName = (typeof routeNames)[number];

/**
 * - `changed`, `unchanged`: an optimized request, and one that goes on as it came
 * - `cache_hit`: a stored answer was found
 * - `failed`: a fault of ours; an optimize request went on as it came all the same
 * - `refused`: the request was not understood or not allowed
 * - `left`: the caller went away first
 */
export type RouteOutcome = "ok" | "changed" | "unchanged" | "cache_hit" | "failed" | "refused" | "left";

export interface OptimizerMetrics {
  answered(route: RouteName, outcome: RouteOutcome, durationMs: number): void;
  decided(decisions: readonly Decision[], suppressed: readonly SuppressedKind[]): void;
  active(change: 1 | -1): void;
  activeNow(): number;
}

export function createOptimizerMetrics(metrics: Metrics): OptimizerMetrics {
  const outcomes = new Map<RouteName, (outcome: string) => Counter>();
  const durations = new Map<RouteName, Histogram>();
  for (const route of routeNames) {
    const help = "Requests by route and what came of them.";
    outcomes.set(route, metrics.counters("anyray_optimizer_requests_total", help, "outcome", { route }));
  }
  for (const route of routeNames) {
    const help = "Time from a request's arrival to its answer.";
    durations.set(route, metrics.histogram("anyray_optimizer_duration_seconds", help, { route }));
  }
  const decisions = metrics.counters("anyray_optimizer_decisions_total", "Times a strategy acted.", "kind");
  const saved = metrics.counters(
    "anyray_optimizer_tokens_saved_total",
    "Estimated tokens that strategies took out of requests.",
    "kind",
  );
  const suppressions = new Map<string, (reason: string) => Counter>();
  const suppressionsOf = (kind: string) => {
    const help = "Times a strategy that is on was held back.";
    const known =
      suppressions.get(kind) ?? metrics.counters("anyray_optimizer_suppressed_total", help, "reason", { kind });
    suppressions.set(kind, known);
    return known;
  };
  let active = 0;
  metrics.gauge("anyray_optimizer_active_requests", "Requests in progress.", () => active);
  return {
    answered(route, outcome, durationMs) {
      outcomes.get(route)?.(outcome).add();
      durations.get(route)?.observeMs(durationMs);
    },
    decided(made, suppressed) {
      for (const { kind, tokensBefore, tokensAfter } of made) {
        decisions(kind).add();
        saved(kind).add(Math.max(0, tokensBefore - tokensAfter));
      }
      for (const { kind, reason } of suppressed) suppressionsOf(kind)(reason).add();
    },
    active(change) {
      active += change;
    },
    activeNow: () => active,
  };
}
