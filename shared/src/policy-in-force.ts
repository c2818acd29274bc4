// Owns which policy is in force in this process: taken from the store at start, followed by its revision, replaced
// at once by a change made here. Facts never come this way.

import type { Log } from "./log";
import type { Policy, Store } from "./store/store";

export interface PolicySettings {
  store: Pick<Store, "readPolicy" | "readRevision">;
  log: Log;
  /** How often another process's changes are looked for. */
  followEveryMs: number;
  /** Makes a policy effective; runs to its end before the next one begins. */
  apply(policy: Policy): Promise<void>;
}

const nothing: Policy = { revision: 0, caps: [], prices: [], providers: [], settings: {} };

export class PolicyInForce {
  readonly #settings: PolicySettings;
  #current: Policy = nothing;
  #queue: Promise<void> = Promise.resolve();
  #timer: Timer | null = null;
  #isStoreReachable = true;

  constructor(settings: PolicySettings) {
    this.#settings = settings;
  }

  current(): Policy {
    return this.#current;
  }

  /** Resolves when `policy` holds for the next request. Older ones than the current are passed over. */
  adopt(policy: Policy): Promise<void> {
    const adopting = this.#queue.then(async () => {
      if (policy.revision <= this.#current.revision && this.#current !== nothing) return;
      await this.#settings.apply(policy);
      this.#current = policy;
    });
    this.#queue = adopting.catch(() => {});
    return adopting;
  }

  /** The first policy; rejects when the store cannot give it. */
  async load(): Promise<void> {
    await this.adopt(await this.#settings.store.readPolicy());
  }

  follow(): void {
    this.#timer = setTimeout(() => void this.#look(), this.#settings.followEveryMs);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #look(): Promise<void> {
    try {
      const revision = await this.#settings.store.readRevision();
      if (revision !== this.#current.revision) await this.load();
      this.#isStoreReachable = true;
    } catch (error) {
      if (this.#isStoreReachable) this.#settings.log.warn("policy cannot be refreshed; the last one holds", { error });
      this.#isStoreReachable = false;
    }
    if (this.#timer) this.follow();
  }
}
