// Owns a store for tests that keeps rows in a map: down, slow or choosy when told to. It takes a row once, as every
// store does, and remembers what it was sent.

import type { SpendRow } from "@anyray/shared/store/spend-row";
import type { Store } from "@anyray/shared/store/store";
import type { RowStore } from "../quarantine";

type SpoolStore = Pick<Store, "recordSpend" | "ping">;

/** A store as one process sees it: when that is dead, its calls lead nowhere. */
export function createLink(store: SpoolStore): { link: SpoolStore; cut(): void } {
  let isCut = false;
  const unless = <T>(run: () => Promise<T>) => (isCut ? new Promise<T>(() => {}) : run());
  return {
    link: { recordSpend: (rows) => unless(() => store.recordSpend(rows)), ping: () => unless(() => store.ping()) },
    cut() {
      isCut = true;
    },
  };
}

export interface MapStore extends SpoolStore, RowStore<SpendRow> {
  rows: Map<string, SpendRow>;
  /** Ids of every batch that was tried. */
  batches: string[][];
  isDown: boolean;
  /** Keeps what it was sent and then reports a failure: the outcome is unknown to the caller. */
  forgetsToAnswer: boolean;
  /** Rows it refuses, and with one of them the whole batch. */
  refuses(row: SpendRow): boolean;
  /** Runs before a batch is looked at. */
  before(): Promise<void> | void;
}

export function createMapStore(): MapStore {
  const store: MapStore = {
    rows: new Map(),
    batches: [],
    isDown: false,
    forgetsToAnswer: false,
    refuses: () => false,
    before: () => {},
    record: (rows) => store.recordSpend(rows),
    async recordSpend(rows) {
      store.batches.push(rows.map(({ id }) => id));
      await store.before();
      if (store.isDown) throw new Error("the store is away");
      if (rows.length > 1_000) throw new Error("too many rows");
      const bad = rows.find((row) => store.refuses(row));
      if (bad) throw new Error(`row ${bad.id} cannot be stored`);
      let added = 0;
      for (const row of rows) {
        if (store.rows.has(row.id)) continue;
        store.rows.set(row.id, row);
        added += 1;
      }
      if (store.forgetsToAnswer) throw new Error("the answer was lost");
      return added;
    },
    async ping() {
      if (store.isDown) throw new Error("the store is away");
    },
  };
  return store;
}
