// Owns time in tests: a clock that moves only when told to. Refuses to touch real time.

/** Epoch milliseconds at which a new manual clock stands: 2026-11-15T12:00:00Z, the middle of a month and of a day. */
export const manualClockStart = Date.UTC(2026, 10, 15, 12);

export interface ManualClock {
  /** Epoch milliseconds. Bound: may be passed around as a plain function. */
  now: () => number;
  /** Runs `callback` once `delayMs` have passed; returns its cancellation. */
  after: (delayMs: number, callback: () => void) => () => void;
  /** Runs `callback` every `intervalMs`; returns its cancellation. */
  every: (intervalMs: number, callback: () => void) => () => void;
  sleep: (delayMs: number) => Promise<void>;
  /** Moves on by `ms`, running what falls due, in order, each at its own time. */
  advance: (ms: number) => void;
  /** Like `advance`, and lets promises settle after each timer, so that a chain of sleeps runs through. */
  advanceAndSettle: (ms: number) => Promise<void>;
  /** Sets the time without running anything: a step of the system clock, also backwards. */
  jumpTo: (epochMs: number) => void;
  /** Timers not yet run or cancelled. */
  pending: () => number;
}

interface Timer {
  dueMs: number;
  /** Breaks ties in the order of creation. */
  order: number;
  intervalMs: number | null;
  callback: () => void;
}

interface State {
  nowMs: number;
  /** Time that passed through `advance` alone: timers keep to it, so that a jump moves no timer. */
  passedMs: number;
  order: number;
  timers: Set<Timer>;
}

/** A clock standing at `startMs` (epoch milliseconds) until moved. */
export function createManualClock(startMs: number = manualClockStart): ManualClock {
  const state: State = { nowMs: startMs, passedMs: 0, order: 0, timers: new Set() };
  const after = (delayMs: number, callback: () => void) => addTimer(state, delayMs, null, callback);
  return {
    now: () => state.nowMs,
    after,
    every: (intervalMs, callback) => addTimer(state, intervalMs, Math.max(1, intervalMs), callback),
    sleep: (delayMs) => new Promise((resolve) => after(delayMs, resolve)),
    advance(ms) {
      const untilMs = state.passedMs + ms;
      while (runNext(state, untilMs)) {}
      pass(state, untilMs);
    },
    async advanceAndSettle(ms) {
      const untilMs = state.passedMs + ms;
      do await settlePromises();
      while (runNext(state, untilMs));
      pass(state, untilMs);
    },
    jumpTo(epochMs) {
      state.nowMs = epochMs;
    },
    pending: () => state.timers.size,
  };
}

function addTimer(state: State, delayMs: number, intervalMs: number | null, callback: () => void): () => void {
  const timer = { dueMs: state.passedMs + Math.max(0, delayMs), order: state.order++, intervalMs, callback };
  state.timers.add(timer);
  return () => state.timers.delete(timer);
}

function runNext(state: State, untilMs: number): boolean {
  let next: Timer | undefined;
  for (const timer of state.timers) {
    if (timer.dueMs > untilMs) continue;
    if (!next || timer.dueMs < next.dueMs || (timer.dueMs === next.dueMs && timer.order < next.order)) next = timer;
  }
  if (!next) return false;
  pass(state, next.dueMs);
  if (next.intervalMs === null) state.timers.delete(next);
  else {
    next.dueMs += next.intervalMs;
    next.order = state.order++;
  }
  next.callback();
  return true;
}

function pass(state: State, untilMs: number): void {
  state.nowMs += Math.max(0, untilMs - state.passedMs);
  state.passedMs = Math.max(state.passedMs, untilMs);
}

/** A macrotask: every promise that can settle by itself has settled after it. */
function settlePromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
