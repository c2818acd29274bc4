// Owns what is done beside the calls: refusal counters to the store each second, old traces out of it each minute, old rows
// each hour.

import type { Log } from "@anyray/shared/log";
import type { Store } from "@anyray/shared/store/store";
import type { Caps } from "./caps";

export interface UpkeepSettings {
  store: Pick<Store, "recordRejections" | "prune" | "pruneTraces">;
  caps: Pick<Caps, "takeRejections" | "returnRejections">;
  log: Log;
  /** 0 = keep for ever. */
  retentionDays: number;
  /** 0 = keep for ever. */
  traceRetentionDays: number;
  /** 0 = no bound. */
  traceBytesMax: number;
}

const dayMs = 86_400_000;

export class Upkeep {
  readonly #settings: UpkeepSettings;
  readonly #timers: Timer[];
  #isPruning = false;
  #isPruningTraces = false;

  constructor(settings: UpkeepSettings) {
    this.#settings = settings;
    this.#timers = [
      setInterval(() => void this.storeRejections(), 1_000),
      // Often, so that little is deleted at a time.
      setInterval(() => void this.pruneTraces(), 60_000),
      setInterval(() => void this.prune(), 3_600_000),
    ];
    for (const timer of this.#timers) timer.unref();
    void this.prune();
    void this.pruneTraces();
  }

  async storeRejections(): Promise<void> {
    const taken = this.#settings.caps.takeRejections();
    if (taken.length === 0) return;
    try {
      await this.#settings.store.recordRejections(taken);
    } catch {
      this.#settings.caps.returnRejections(taken);
    }
  }

  async prune(): Promise<void> {
    const { store, log, retentionDays } = this.#settings;
    if (retentionDays === 0 || this.#isPruning) return;
    this.#isPruning = true;
    try {
      const rows = await store.prune(Date.now() - retentionDays * dayMs);
      if (rows > 0) log.info("old spend rows deleted", { rows, retentionDays });
    } catch (error) {
      log.warn("old spend rows could not be deleted; tried again in an hour", { error });
    } finally {
      this.#isPruning = false;
    }
  }

  async pruneTraces(): Promise<void> {
    const { store, log, traceRetentionDays, traceBytesMax } = this.#settings;
    if ((traceRetentionDays === 0 && traceBytesMax === 0) || this.#isPruningTraces) return;
    this.#isPruningTraces = true;
    try {
      const before = traceRetentionDays === 0 ? 0 : Date.now() - traceRetentionDays * dayMs;
      const traces = await store.pruneTraces(before, traceBytesMax);
      if (traces > 0) log.info("old traces deleted", { traces, traceRetentionDays, traceBytesMax });
    } catch (error) {
      log.warn("old traces could not be deleted; tried again in a minute", { error });
    } finally {
      this.#isPruningTraces = false;
    }
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.storeRejections();
  }
}
