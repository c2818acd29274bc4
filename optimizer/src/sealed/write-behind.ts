// Owns the short time between a change in memory and its way to disk: changes are collected, written in small steps, and
// tried again when they fail. What is not yet written is lost with the process, and only that.

/** Runs `run` once after `delayMs`; the returned function calls it off. */
export type After = (delayMs: number, run: () => void) => () => void;

/** Real time; it keeps no process alive. */
export const afterRealTime: After = (delayMs, run) => {
  const timer = setTimeout(run, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
};

export interface WriteBehind {
  /** To be written soon, as it is then. */
  mark(key: string): void;
  /** No longer to be written. */
  drop(key: string): void;
  /** Writes all now. Throws where that fails: the rest stays marked. */
  flush(): void;
  /** Writes that failed since the start; they are tried again. */
  failures(): number;
  close(): void;
}

export interface WriteBehindOptions {
  after: After;
  delayMs: number;
  /** Keys to be written at once: a step must not hold up the process. */
  keysPerStep: number;
  /** More waiting keys than this are written at once, or given up where that fails. */
  keysMax: number;
  /** All of them or none; what throws is tried again, after the others. */
  write(keys: readonly string[]): void;
  /** These will not be written. */
  giveUp(keys: readonly string[]): void;
}

export function createWriteBehind({
  after,
  delayMs,
  keysPerStep,
  keysMax,
  write,
  giveUp,
}: WriteBehindOptions): WriteBehind {
  const marked = new Set<string>();
  let cancel: (() => void) | null = null;
  let failures = 0;

  function schedule(inMs: number): void {
    cancel ??= after(inMs, () => {
      cancel = null;
      let nextMs = 0;
      try {
        writeStep();
      } catch {
        failures++;
        nextMs = delayMs;
      }
      if (marked.size > 0) schedule(nextMs);
    });
  }

  function writeStep(): void {
    const keys = [...marked].slice(0, keysPerStep);
    for (const key of keys) marked.delete(key);
    try {
      write(keys);
    } catch (error) {
      for (const key of keys) marked.add(key);
      throw error;
    }
  }

  function relieve(): void {
    try {
      writeStep();
    } catch {
      failures++;
      const [oldest = ""] = marked;
      marked.delete(oldest);
      giveUp([oldest]);
    }
  }

  return {
    mark(key) {
      marked.add(key);
      if (marked.size > keysMax) relieve();
      schedule(delayMs);
    },
    drop: (key) => void marked.delete(key),
    flush() {
      while (marked.size > 0) writeStep();
    },
    failures: () => failures,
    close() {
      cancel?.();
      cancel = null;
    },
  };
}
