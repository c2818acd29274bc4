// Owns patience: one coarse timer for every call in progress instead of a timer each.

export interface Watch {
  /** Starts the silence anew. */
  touch(): void;
  /** Another limit from now on, counted from now. */
  limit(limitMs: number): void;
  end(): void;
}

interface Watched {
  since: number;
  limitMs: number;
  fire(): void;
}

export type Watches = ReturnType<typeof createWatches>;

/** `tickMs` is how late a limit may be noticed. */
export function createWatches(tickMs: number, now: () => number = performance.now.bind(performance)) {
  const watched = new Set<Watched>();
  const tick = () => {
    const at = now();
    for (const each of watched) {
      if (at - each.since < each.limitMs) continue;
      watched.delete(each);
      each.fire();
    }
  };
  const timer = setInterval(tick, tickMs);
  timer.unref();
  return {
    /** Calls `fire` once, after `limitMs` without a `touch`. */
    start(limitMs: number, fire: () => void): Watch {
      const each: Watched = { since: now(), limitMs, fire };
      watched.add(each);
      return {
        touch() {
          each.since = now();
        },
        limit(next) {
          each.limitMs = next;
          each.since = now();
        },
        end() {
          watched.delete(each);
        },
      };
    },
    size: () => watched.size,
    tick,
    stop: () => clearInterval(timer),
  };
}
