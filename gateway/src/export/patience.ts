// Owns how long to wait before the next attempt: longer with each failure, as long as the backend asks, not at all
// longer than needed once the process wants to end.

export interface PatienceSettings {
  retryMs: number;
  retryMsMax: number;
  /** 0 up to 1. */
  random(): number;
}

/** What a wait is cut to while the process ends. */
const hurriedMs = 100;

export function createPatience({ retryMs, retryMsMax, random }: PatienceSettings) {
  let failures = 0;
  let isHurried = false;
  let wake: (() => void) | null = null;
  return {
    /** Since the last success. */
    failures: () => failures,
    /** @param askedMs what the backend asked for; null = it asked for nothing */
    async wait(askedMs: number | null): Promise<void> {
      const grownMs = Math.min(retryMsMax, retryMs * 2 ** Math.min(failures, 20));
      failures += 1;
      // Spread, so that many gateways do not come back as one.
      const waitMs = askedMs ?? grownMs * (0.5 + random() / 2);
      if (isHurried) return await Bun.sleep(Math.min(hurriedMs, waitMs));
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, waitMs);
      timer.unref();
      wake = resolve;
      await promise;
      clearTimeout(timer);
      wake = null;
    },
    reset() {
      failures = 0;
    },
    /** Ends a wait that is under way, and cuts those that follow. */
    hurry() {
      isHurried = true;
      wake?.();
    },
  };
}
