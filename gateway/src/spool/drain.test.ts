import { afterEach, describe, expect, test } from "bun:test";
import type { SpendRow } from "@anyray/shared/store/spend-row";
import { Drain, type DrainSettings } from "./drain";
import { createMapStore, type MapStore } from "./testing/map-store";
import { rowOf, until } from "./testing/spool-world";

const opened: Drain<SpendRow, number>[] = [];
afterEach(() => {
  for (const each of opened.splice(0)) each.close();
});

function setUp(given: Partial<DrainSettings<SpendRow, number>> = {}) {
  const store = createMapStore();
  const confirmed: number[] = [];
  const quarantined: string[] = [];
  const failures: string[] = [];
  const drain = new Drain<SpendRow, number>({
    ...{ store, batchRows: 10, lingerMs: 1, backoffMs: [1] },
    confirmed: (rows) => confirmed.push(...rows.map(({ home }) => home)),
    quarantine(refused) {
      quarantined.push(...refused.map(({ row }) => row.id));
      return true;
    },
    failed: (error) => failures.push(error.message),
    ...given,
  });
  opened.push(drain);
  const push = (from: number, to: number) => {
    for (let home = from; home < to; home++) drain.push({ row: rowOf(home), home });
  };
  return { store, drain, push, confirmed, quarantined, failures };
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);
const stored = (store: MapStore) => [...store.rows.keys()].map((id) => Number(id.slice(-12)));
const isOneOf = (...ids: number[]) => {
  const names = new Set(ids.map((id) => rowOf(id).id));
  return (row: SpendRow) => names.has(row.id);
};

describe("rows", () => {
  test("go in batches, in their order, one batch at a time", async () => {
    const { store, push, confirmed, drain } = setUp();
    let atOnce = 0;
    let most = 0;
    store.before = async () => {
      most = Math.max(most, ++atOnce);
      await Bun.sleep(1);
      atOnce -= 1;
    };
    push(0, 95);
    await until(() => drain.length === 0);
    expect(stored(store)).toEqual(numbers(0, 95));
    expect(confirmed).toEqual(numbers(0, 95));
    expect(store.batches.map(({ length }) => length)).toEqual([...Array(9).fill(10), 5]);
    expect(most).toBe(1);
  });

  test("wait for company no longer than they may", async () => {
    const { push, store, drain } = setUp({ lingerMs: 30 });
    const startedAt = performance.now();
    push(0, 3);
    await Bun.sleep(5);
    push(3, 4);
    expect(store.batches).toEqual([]);
    await until(() => drain.length === 0);
    expect(performance.now() - startedAt).toBeGreaterThan(25);
    expect(store.batches).toHaveLength(1);
    push(4, 5);
    drain.kick();
    expect(store.batches).toHaveLength(2);
  });

  test("are sent again until the store takes them, with longer and longer pauses", async () => {
    const { store, push, drain, failures, confirmed } = setUp({ backoffMs: [5, 20, 40] });
    store.isDown = true;
    const tries: number[] = [];
    store.before = () => {
      tries.push(performance.now());
    };
    push(0, 15);
    await until(() => tries.length === 4);
    expect(drain.isHealthy).toBe(false);
    const pauses = tries.slice(1).map((at, n) => at - tries[n]!);
    expect(pauses[0]!).toBeGreaterThan(4);
    expect(pauses[1]!).toBeGreaterThan(18);
    expect(pauses[2]!).toBeGreaterThan(36);
    drain.kick();
    expect(tries).toHaveLength(4);
    store.isDown = false;
    drain.retry();
    await until(() => drain.length === 0);
    expect([drain.isHealthy, failures.length, confirmed.length]).toEqual([true, 4, 15]);
  });

  test("are stored once though the store loses its answers", async () => {
    const { store, push, drain, confirmed } = setUp();
    store.forgetsToAnswer = true;
    push(0, 10);
    await until(() => store.batches.length >= 2);
    store.forgetsToAnswer = false;
    await until(() => drain.length === 0);
    expect(stored(store)).toEqual(numbers(0, 10));
    expect(confirmed).toEqual(numbers(0, 10));
  });

  test("wait for a store that hangs until its deadline", async () => {
    const { store, push, drain } = setUp();
    let hangs = 2;
    store.before = async () => {
      if (hangs-- <= 0) return;
      await Bun.sleep(30);
      throw new Error("no answer within 30 ms");
    };
    push(0, 25);
    expect([...drain.waiting()].map(({ home }) => home)).toEqual(numbers(0, 25));
    await until(() => drain.length === 0);
    expect(stored(store)).toEqual(numbers(0, 25));
  });
});

describe("a row the store refuses", () => {
  test("is set aside, and the rest of its batch stored", async () => {
    const { store, push, drain, quarantined, confirmed } = setUp();
    store.refuses = isOneOf(3, 17);
    push(0, 25);
    await until(() => drain.length === 0);
    expect(quarantined).toEqual([rowOf(3).id, rowOf(17).id]);
    expect(stored(store)).toEqual(numbers(0, 25).filter((id) => id !== 3 && id !== 17));
    expect([...confirmed].sort((a, b) => a - b)).toEqual(numbers(0, 25));
    expect(drain.isHealthy).toBe(true);
  });

  test("alone is set aside too", async () => {
    const { store, push, drain, quarantined } = setUp();
    store.refuses = isOneOf(0);
    push(0, 1);
    await until(() => drain.length === 0);
    expect(quarantined).toEqual([rowOf(0).id]);
  });

  test("is kept when it cannot be set aside, and keeps no other back", async () => {
    let isFull = true;
    const { store, push, drain, confirmed } = setUp({ quarantine: () => !isFull });
    store.refuses = isOneOf(2);
    push(0, 5);
    await until(() => store.rows.size === 4);
    await Bun.sleep(10);
    expect([...drain.waiting()].map(({ home }) => home)).toEqual([2]);
    isFull = false;
    await until(() => drain.length === 0);
    expect([...confirmed].sort((a, b) => a - b)).toEqual(numbers(0, 5));
  });

  test("is not taken for one when the store goes away while rows are tried singly", async () => {
    const { store, push, drain, quarantined } = setUp();
    store.refuses = isOneOf(1);
    let singles = 0;
    store.before = () => {
      if (store.batches.at(-1)!.length === 1 && ++singles === 5) {
        store.isDown = true;
        setTimeout(() => {
          store.isDown = false;
        }, 10);
      }
    };
    push(0, 10);
    await until(() => drain.length === 0);
    expect(quarantined).toEqual([rowOf(1).id]);
    expect(store.rows.size).toBe(9);
  });
});

describe("a batch of which every row is refused", () => {
  test("is retried, not set aside, by a store that never took any", async () => {
    const { store, push, drain, quarantined } = setUp();
    store.refuses = () => true;
    push(0, 10);
    await until(() => store.batches.length > 60);
    expect([quarantined, drain.length]).toEqual([[], 10]);
    store.refuses = () => false;
    await until(() => drain.length === 0);
    expect(new Set(stored(store))).toEqual(new Set(numbers(0, 10)));
  });

  test("is retried, not set aside, when the store refuses what it has taken before as well", async () => {
    const { store, push, drain, quarantined } = setUp();
    push(0, 10);
    await until(() => drain.length === 0);
    store.refuses = () => true;
    push(10, 20);
    await Bun.sleep(30);
    expect([quarantined, drain.length]).toEqual([[], 10]);
    store.refuses = () => false;
    await until(() => drain.length === 0);
  });

  test("does not keep others back: it goes behind them, and is set aside when they show that the store is well", async () => {
    const { store, push, drain, quarantined } = setUp();
    store.refuses = isOneOf(...numbers(0, 20));
    push(0, 30);
    await until(() => drain.length === 0);
    expect(stored(store)).toEqual(numbers(20, 30));
    expect(new Set(quarantined)).toEqual(new Set(numbers(0, 20).map((id) => rowOf(id).id)));
    expect(quarantined).toHaveLength(20);
  });
});

describe("while a reader wants the store still", () => {
  test("no batch is on its way, and sending goes on after", async () => {
    const { store, push, drain } = setUp();
    store.before = () => Bun.sleep(3);
    push(0, 10);
    const seen: [number, number][] = [];
    for (let round = 1; round <= 5; round++) {
      await drain.whileStill(async () => {
        const before = store.rows.size;
        push(round * 10, round * 10 + 10);
        await Bun.sleep(10);
        seen.push([store.rows.size - before, store.rows.size + drain.length]);
      });
    }
    expect(seen).toEqual([1, 2, 3, 4, 5].map((round) => [0, round * 10 + 10]));
    await until(() => drain.length === 0);
    expect(stored(store)).toEqual(numbers(0, 60));
  });

  test("and fails, sending goes on all the same", async () => {
    const { push, drain, store } = setUp();
    const reading = drain.whileStill(() => Promise.reject(new Error("no")));
    push(0, 3);
    await expect(reading).rejects.toThrow("no");
    await until(() => store.rows.size === 3);
  });

  test("a batch of unknown outcome is decided first, without waiting out the pause", async () => {
    const { push, drain, store } = setUp({ backoffMs: [60_000] });
    store.forgetsToAnswer = true;
    push(0, 10);
    await until(() => !drain.isHealthy);
    store.forgetsToAnswer = false;
    await drain.whileStill(async () => expect(drain.length).toBe(0));
  });

  test("and the store is away, the reader learns it from the store", async () => {
    const { push, drain, store } = setUp({ backoffMs: [60_000] });
    store.isDown = true;
    push(0, 10);
    await drain.whileStill(async () => expect(drain.length).toBe(10));
    expect(store.batches.length).toBeLessThanOrEqual(3);
  });
});

test("after close nothing is sent, and nobody is told of what was on its way", async () => {
  const { push, drain, store, confirmed } = setUp();
  store.before = () => Bun.sleep(5);
  push(0, 25);
  drain.close();
  push(25, 40);
  drain.kick();
  drain.retry();
  await Bun.sleep(20);
  expect(store.batches).toHaveLength(1);
  expect(confirmed).toEqual([]);
  expect(drain.length).toBe(40);
});
