// Owns the gateway's side of the optimizer: everything that asking it takes, put together, and what it looks like from
// outside.

import type { Log } from "@anyray/shared/log";
import type { Metrics } from "@anyray/shared/metrics";
import type { Outbound } from "@anyray/shared/outbound";
import type { Capabilities } from "@anyray/shared/protocol";
import { type Breaker, type BreakerState, createBreaker, type Failure } from "./breaker";
import { createClient, type OptimizerClient } from "./client";
import { createEligibility, type KnownEligibility } from "./eligibility";
import { createFeedbackQueue, type Feedback } from "./feedback";
import { createLookout, type Lookout } from "./lookout";

export interface OptimizerSettings {
  url: string;
  token: string;
  /** What a call may wait at most. */
  limitMs: number;
  capabilities: Capabilities;
  outbound: Outbound;
  /** False while the kill switch holds: the optimizer gets no request of any kind. */
  isWanted(): boolean;
  log: Log;
  metrics: Metrics;
}

export interface OptimizerReport {
  url: string;
  breaker: BreakerState;
  /** What opened the breaker; null while it is closed. */
  openedBy: Failure | null;
  /** Since when it is in that state, epoch milliseconds. */
  since: number;
  /** Of the settings in force, as the optimizer names it; null = not known. */
  revision: string | null;
  feedbackWaiting: number;
  feedbackDropped: number;
}

export interface Optimizer {
  limitMs: number;
  capabilities: Capabilities;
  client: OptimizerClient;
  breaker: Breaker;
  eligibility: KnownEligibility;
  /** Starts looking for the optimizer. */
  start: Lookout["start"];
  called: Lookout["called"];
  /** Forgets what the settings were: for the moment when they have changed. */
  refresh: Lookout["refresh"];
  tell(feedback: Feedback): void;
  report(): OptimizerReport;
  stop(): void;
}

const now = performance.now.bind(performance);

export function createOptimizer(settings: OptimizerSettings): Optimizer {
  const { url, token, limitMs, capabilities, outbound, isWanted, metrics } = settings;
  const client = createClient({ outbound, baseUrl: url, token });
  const changes = createChanges(settings.log, () => breaker.hasBeenWell());
  const breaker: Breaker = createBreaker({ now, random: Math.random, onChange: changes.note });
  const eligibility = createEligibility();
  const lookout = createLookout({ client, breaker, eligibility, limitMs, isWanted, now });
  const feedback = createFeedbackQueue({
    client,
    limitMs,
    isWanted: () => isWanted() && breaker.state() === "closed",
  });
  metrics.gauge(
    "anyray_optimizer_breaker_open",
    "1 while the optimizer is not asked because it failed, 0.5 while one call tries it.",
    () => ({ closed: 0, "half-open": 0.5, open: 1 })[breaker.state()],
  );
  metrics.total("anyray_optimizer_breaker_openings_total", "Times the breaker opened.", changes.openings);
  metrics.total(
    "anyray_optimizer_feedback_dropped_total",
    "Calls whose true usage the optimizer was not told.",
    feedback.dropped,
  );
  return {
    ...{ limitMs, capabilities, client, breaker, eligibility },
    start: lookout.start,
    called: lookout.called,
    refresh: lookout.refresh,
    tell: feedback.tell,
    report: () => ({
      url,
      breaker: breaker.state(),
      openedBy: breaker.openedBy(),
      since: changes.since(),
      revision: eligibility.revision(),
      feedbackWaiting: feedback.waiting(),
      feedbackDropped: feedback.dropped(),
    }),
    stop: lookout.stop,
  };
}

/** One line a change, however many calls saw it. */
function createChanges(log: Log, hasBeenWell: () => boolean) {
  let since = Date.now();
  let openings = 0;
  let wasOpen = false;
  return {
    note(state: BreakerState, failure: Failure | null) {
      since = Date.now();
      if (state === "half-open") return;
      if (state === "open") {
        openings += 1;
        // A trial that failed is no news.
        if (wasOpen) return;
        wasOpen = true;
        // Before it was ever there, it may just be starting.
        if (hasBeenWell()) log.warn("the optimizer is not asked for now; requests go on as they came", { failure });
        else log.info("there is no optimizer to ask yet; requests go on as they came", { failure });
      } else {
        wasOpen = false;
        log.info("the optimizer is there and is asked");
      }
    },
    since: () => since,
    openings: () => openings,
  };
}
