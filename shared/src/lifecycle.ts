// Owns the end of a process: SIGTERM or SIGINT, then the registered steps in order under one deadline, then exit.
// Refuses to decide what a step does; refuses to hang in one.

import type { Log } from "./log";

export interface ShutdownStep {
  /** For the log, for example "drain". */
  name: string;
  /** `deadline`: milliseconds since the epoch by which open work should have ended. May be past for later steps. */
  run(deadline: number): Promise<void>;
}

export interface Lifecycle {
  /** True from the first signal on: /ready answers 503, new calls are refused. */
  readonly draining: boolean;
  /** Appends a step. Steps run in the order of registration. */
  onShutdown(step: ShutdownStep): void;
  /** Runs the shutdown as a signal would; further calls return the same promise. */
  shutdown(reason: string): Promise<void>;
}

export interface LifecycleOptions {
  log: Log;
  /** How long open work may go on after the signal. */
  drainMs: number;
  /** Where signals come from; default: this process. */
  process?: { on(signal: "SIGTERM" | "SIGINT", listener: () => void): unknown };
  exit?: (code: number) => void;
  clock?: Clock;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls once after `ms`; returns the function that takes it back. */
  after(ms: number, call: () => void): () => void;
}

/** A step still running this long after the deadline, or after its late start, is left behind. */
export const stepGraceMs = 3_000;

/** No step runs longer than this after the deadline; the supervisor kills 10 s after it. */
export const shutdownGraceMs = 8_000;

/**
 * A signal this soon after the first is the same wish: a terminal, a supervisor and a service manager each send
 * their own.
 */
export const sameSignalMs = 500;

const systemClock: Clock = {
  now: Date.now,
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Listens for SIGTERM and SIGINT. The first runs every step (a failed or hanging one is logged and the next still
 * runs) and ends in `exit(0)`; a later one ends in `exit(1)` at once.
 */
export function createLifecycle(options: LifecycleOptions): Lifecycle {
  const { log, drainMs, exit = process.exit, clock = systemClock } = options;
  const steps: ShutdownStep[] = [];
  let signalledAt: number | undefined;
  let running: Promise<void> | undefined;

  const runSteps = async (reason: string) => {
    const startedAt = clock.now();
    const deadline = startedAt + drainMs;
    log.info("shutting down", { reason, drainMs });
    for (const step of steps) {
      const stepStartedAt = clock.now();
      const limit = Math.min(deadline + shutdownGraceMs, Math.max(deadline, stepStartedAt) + stepGraceMs);
      try {
        await withLimit(step.run(deadline), limit - stepStartedAt, clock);
        log.debug("shutdown step done", { step: step.name, ms: clock.now() - stepStartedAt });
      } catch (error) {
        log.error("shutdown step failed", { step: step.name, ms: clock.now() - stepStartedAt, error });
      }
    }
    log.info("shut down", { ms: clock.now() - startedAt });
    exit(0);
  };

  const shutdown = (reason: string) => {
    running ??= runSteps(reason);
    return running;
  };

  const onSignal = (signal: string) => {
    const now = clock.now();
    if (running !== undefined && now - (signalledAt ?? now) >= sameSignalMs) {
      log.warn("second signal: exiting at once", { signal });
      exit(1);
    }
    signalledAt ??= now;
    void shutdown(signal);
  };

  const source = options.process ?? process;
  source.on("SIGTERM", () => onSignal("SIGTERM"));
  source.on("SIGINT", () => onSignal("SIGINT"));

  return {
    get draining() {
      return running !== undefined;
    },
    onShutdown: (step) => void steps.push(step),
    shutdown,
  };
}

async function withLimit(work: Promise<void>, ms: number, clock: Clock): Promise<void> {
  let takeBack = () => {};
  const limit = new Promise<never>((_, reject) => {
    takeBack = clock.after(ms, () => reject(new Error("not done in time, left behind")));
  });
  try {
    await Promise.race([work, limit]);
  } finally {
    takeBack();
  }
}
