// Owns whether the optimizer is asked at all: shut while asking does not pay, opened again by a probe that no call
// waits for and then by a single call. Holds no timer and knows nothing of HTTP.

/** Why asking failed, as rows and metrics name it. */
export type Failure = "timeout" | "unreachable" | "error";

export type BreakerState = "closed" | "half-open" | "open";

export interface BreakerSettings {
  /** Milliseconds of any clock that never goes back. */
  now(): number;
  /** 0..1: spreads the probes of many gateways. */
  random(): number;
  /** Told after each change; `failure` is what opened it, null when it closes. */
  onChange?(state: BreakerState, failure: Failure | null): void;
}

/**
 * What a failed call adds to the score and a good one takes from it. A call that timed out cost its caller most, so two
 * in a row are enough; three that found nobody, or four bad answers. With good calls in between it opens where more
 * than one call in five times out, in four finds nobody, or in three is answered badly.
 */
const weights: Record<Failure, number> = { timeout: 4, unreachable: 3, error: 2 };
const scoreMax = 8;

const openMsMin = 1_000;
const openMsMax = 30_000;
/** Closed for less than this, it was not well: the next opening lasts twice as long as the one before. */
const wellMsMin = 30_000;

export type Breaker = ReturnType<typeof createBreaker>;

export function createBreaker({ now, random, onChange }: BreakerSettings) {
  let state: BreakerState = "closed";
  let openedBy: Failure | null = null;
  let score = 0;
  /** Of the present state: what calls of an earlier one report says nothing about it. */
  let era = 1;
  let isTrialOut = false;
  let openUntil = 0;
  let openings = 0;
  let hasBeenWell = false;
  let closedAt = Number.NEGATIVE_INFINITY;

  const enter = (next: BreakerState, failure: Failure | null) => {
    const isChange = next !== state;
    state = next;
    openedBy = failure;
    era += 1;
    score = 0;
    isTrialOut = false;
    if (isChange) onChange?.(next, failure);
  };
  const open = (failure: Failure) => {
    const wasWell = state === "closed" && now() - closedAt >= wellMsMin;
    openings = wasWell ? 1 : openings + 1;
    const openMs = Math.min(openMsMax, openMsMin * 2 ** (openings - 1));
    openUntil = now() + openMs * (0.8 + 0.4 * random());
    enter("open", failure);
  };

  return {
    state: () => state,
    /** What opened it; null while it is closed. */
    openedBy: () => openedBy,
    /** Something has answered since the start. */
    hasBeenWell: () => hasBeenWell,
    /** A pass to be given back with what came of it; 0 = do not ask. */
    admit(): number {
      if (state === "closed") return era;
      if (state === "open" || isTrialOut) return 0;
      isTrialOut = true;
      return era;
    },
    succeeded(pass: number) {
      hasBeenWell = true;
      if (pass !== era) return;
      if (state === "half-open") {
        closedAt = now();
        enter("closed", null);
      } else if (score > 0) score -= 1;
    },
    failed(pass: number, failure: Failure) {
      if (pass !== era) return;
      score += weights[failure];
      if (state === "half-open" || score >= scoreMax) open(failure);
    },
    /** The call ended for a reason of its own: it says nothing about the optimizer. */
    abandoned(pass: number) {
      if (pass === era) isTrialOut = false;
    },
    /** Something answered a question that no call waits for, or, with a failure, did not. */
    probed(failure: Failure | null) {
      if (failure === null) {
        hasBeenWell = true;
        if (state === "open" && now() >= openUntil) enter("half-open", openedBy);
      } else if (state === "open") openedBy = failure;
      else open(failure);
    },
  };
}
