// Owns how long a run may take. The clock is read here and only to give up: never to decide what an answer looks like.

/** Thrown by `check` when the time is over; the strategy's edits are undone. */
export class OverBudget extends Error {
  override name = "OverBudget";
}

export interface Budget {
  /** To be called between units of work, at least every 1,024 iterations of a loop. Throws OverBudget. */
  check(): void;
  /** Milliseconds left, at least 0. */
  left(): number;
}

export function createBudget(limitMs: number, now: () => number = performance.now.bind(performance)): Budget {
  const endsAt = now() + limitMs;
  return {
    check() {
      if (now() > endsAt) throw new OverBudget();
    },
    left: () => Math.max(0, endsAt - now()),
  };
}
