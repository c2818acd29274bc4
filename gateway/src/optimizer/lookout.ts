// Owns looking after the optimizer in the background: what it publishes stays fresh while calls come, and while it is
// not asked it is looked for until it is back. No call ever waits for this.

import type { Breaker } from "./breaker";
import type { OptimizerClient } from "./client";
import { type KnownEligibility, readEligibility } from "./eligibility";

export interface LookoutSettings {
  client: Pick<OptimizerClient, "ask">;
  breaker: Breaker;
  eligibility: KnownEligibility;
  limitMs: number;
  /** False: the optimizer is to be left alone altogether. */
  isWanted(): boolean;
  /** Milliseconds, as in `performance.now()`. */
  now(): number;
}

/** A change of settings made at the optimizer itself shows after this at most. */
const everyMs = 500;
/** While nothing is there to answer. */
const everyMsMax = 4_000;
/** Without calls for this long, a well optimizer is left alone. */
const restAfterMs = 10_000;
const bytesMax = 65_536;

export type Lookout = ReturnType<typeof createLookout>;

export function createLookout({ client, breaker, eligibility, limitMs, isWanted, now }: LookoutSettings) {
  let timer: Timer | null = null;
  let isLooking = false;
  let isStopped = false;
  let gapMs = everyMs;
  let lastCallAt = Number.NEGATIVE_INFINITY;
  /** Counts reasons to look anew: an answer to an older question is not the latest news. */
  let asked = 0;

  const plan = (delayMs: number) => {
    if (isStopped || isLooking) return;
    if (timer) clearTimeout(timer);
    timer = setTimeout(() => void look(), delayMs);
    timer.unref();
  };
  const look = async () => {
    timer = null;
    if (!isWanted()) return;
    isLooking = true;
    const question = ++asked;
    const reply = await client.ask("/v1/eligibility", { body: null, limitMs, bytesMax });
    isLooking = false;
    if (isStopped) return;
    // Whatever it answers, it is there; a bad answer to a call is the call's own news.
    if (reply.hasAnswered) {
      gapMs = everyMs;
      breaker.probed(null);
      if (question === asked) eligibility.learn(reply.bytes && readEligibility(reply.bytes), now());
    } else {
      gapMs = Math.min(everyMsMax, gapMs * 2);
      breaker.probed(reply.failure === "timeout" ? "timeout" : "unreachable");
    }
    const isAwaited = breaker.state() !== "closed" || now() - lastCallAt < restAfterMs;
    if (question !== asked) plan(0);
    else if (isAwaited) plan(gapMs);
  };

  return {
    start: () => plan(0),
    /** Tells that calls come; `at` as in `performance.now()`. Costs nothing. */
    called(at: number) {
      lastCallAt = at;
      if (timer === null && !isLooking) plan(0);
    },
    /** The settings have changed: what is known is forgotten, and asked for at once. */
    refresh() {
      asked += 1;
      eligibility.learn(null, now());
      gapMs = everyMs;
      plan(0);
    },
    stop() {
      isStopped = true;
      if (timer) clearTimeout(timer);
    },
  };
}
