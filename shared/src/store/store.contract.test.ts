// The contract of facts: rows, the month's usage, pages of rows, retention. On every adapter.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { adapters, failureOf, readAll } from "./contract-adapters";
import { inOrder } from "./contract-model";
import { hostileNames, rows, rowWith } from "./contract-samples";
import type { SpendRow } from "./spend-row";
import type { SpendFilter, SpendQuery, Store } from "./store";

/** Many stores are opened in one test; other work may share the machine. */
const slowMs = 60_000;
const all: SpendFilter = { from: 0, to: Date.UTC(2100, 0, 1) };
const everything: SpendQuery = { ...all, groupBy: [], interval: null, limit: 1, cursor: null };
const day = 86_400_000;

describe.each(adapters)("$name", ({ withStore }) => {
  const inUtc = <T>(use: (store: Store) => Promise<T>) => withStore("UTC", use);

  describe("recordSpend", () => {
    test("stores a batch once, however often it is sent", () =>
      inUtc(async (store) => {
        const batch = Array.from({ length: 20 }, (_, i) => rowWith({ user: `u${i % 3}` }));
        expect(await store.recordSpend(batch)).toBe(20);
        const before = [await store.summarize(everything), await store.readMonth("2026-11")];
        expect(await store.recordSpend(batch)).toBe(0);
        expect(await store.recordSpend(batch.toReversed())).toBe(0);
        expect([await store.summarize(everything), await store.readMonth("2026-11")]).toEqual(before);
        expect(before[0]).toMatchObject({ totals: { requests: 20, inputTokens: 20_000 } });
      }));

    test("counts only the new rows of overlapping batches", () =>
      inUtc(async (store) => {
        const made = Array.from({ length: 30 }, () => rowWith({}));
        expect(await store.recordSpend(made.slice(0, 20))).toBe(20);
        expect(await store.recordSpend(made.slice(10))).toBe(10);
        expect(await store.recordSpend([made[0]!, rowWith({ id: "new" }), made[29]!, rowWith({ id: "new" })])).toBe(1);
        expect((await store.summarize(everything)).totals.requests).toBe(31);
        expect((await store.readMonth("2026-11"))[0]).toMatchObject({ requests: 31, usedTokens: 31 * 1_100 });
      }));

    test("counts a batch once when it is sent several times at once", () =>
      inUtc(async (store) => {
        const batch = Array.from({ length: 50 }, () => rowWith({}));
        const added = await Promise.all(Array.from({ length: 6 }, () => store.recordSpend(batch)));
        expect(added.reduce((a, b) => a + b)).toBe(50);
        expect((await store.summarize(everything)).totals.requests).toBe(50);
      }));

    test("leaves a stored row as it is when its id comes with other figures", () =>
      inUtc(async (store) => {
        const first = rowWith({ id: "same" });
        await store.recordSpend([first]);
        const second = rowWith({ id: "same", ts: first.ts + 7 * day, user: "bob", inputTokens: 9, month: "2026-12" });
        expect(await store.recordSpend([second])).toBe(0);
        expect(await readAll(store, all, 10)).toEqual([first]);
        expect(await store.readMonth("2026-12")).toEqual([]);
      }));

    test("takes at most 1,000 rows, and none at all", () =>
      inUtc(async (store) => {
        expect(await store.recordSpend([])).toBe(0);
        const tooMany = Array.from({ length: 1_001 }, () => rowWith({}));
        expect(await failureOf(store.recordSpend(tooMany))).toBeInstanceOf(Error);
        expect((await store.summarize(everything)).totals.requests).toBe(0);
        expect(await store.recordSpend(tooMany.slice(1))).toBe(1_000);
      }));

    const poison: [string, Record<string, unknown>][] = [
      ["a NUL in a name", { user: "a\0b" }],
      ["a cost that is no number", { costNanoUsd: Number.NaN }],
      ["a broken token count", { inputTokens: 1.5 }],
      ["a negative token count", { outputTokens: -1 }],
      ["an infinite latency", { latencyMs: Number.POSITIVE_INFINITY }],
      ["a time to first byte that is no number", { ttftMs: Number.NaN }],
      ["a figure beyond all sense", { costNanoUsd: 1e30 }],
      ["an instant before 1970", { ts: -1 }],
      ["an instant after 9999", { ts: 1e15 }],
      ["no month", { month: "2026-13" }],
      ["no id", { id: "" }],
      ["an unknown outcome", { outcome: "fine" }],
      ["an unknown end", { endReason: "bored" }],
      ["a missing provider", { provider: null }],
      ["a missing field", { arm: undefined }],
      ["a text for a flag", { stream: "yes" }],
      ["broken decisions", { decisions: { compress: "many" } }],
      ["labels that are a list", { labels: [] }],
    ];
    test.each(poison)("refuses a whole batch for %s and stores nothing of it", (_, fault) =>
      inUtc(async (store) => {
        const good = Array.from({ length: 4 }, (_, i) => rowWith({ user: `u${i}`, session: `s${i}` }));
        const bad = rowWith({ ...(fault as Partial<SpendRow>) });
        expect(await failureOf(store.recordSpend([...good.slice(0, 2), bad, ...good.slice(2)]))).toBeInstanceOf(Error);
        expect(await readAll(store, all, 10)).toEqual([]);
        expect(await store.readMonth("2026-11")).toEqual([]);
        expect((await store.summarize({ ...everything, groupBy: ["user"], limit: 9 })).groups).toEqual([]);
        expect(await store.recordSpend(good)).toBe(4);
        expect((await store.summarize(everything)).totals.requests).toBe(4);
      }),
    );

    test(
      "gives rows back as they came",
      () =>
        fc.assert(
          fc.asyncProperty(fc.array(rows("UTC"), { minLength: 1, maxLength: 20, size: "max" }), (made) =>
            inUtc(async (store) => {
              await store.recordSpend(made);
              expect(await readAll(store, all, 1000)).toEqual(inOrder(made));
            }),
          ),
          { numRuns: 15 },
        ),
      slowMs,
    );
  });

  describe("readMonth", () => {
    test("adds up by the month and the user of the row, whatever its instant", () =>
      inUtc(async (store) => {
        const users = [...hostileNames];
        const made = users.flatMap((user, i) => [
          rowWith({ user, month: "2026-11", inputTokens: i, outputTokens: 1, costNanoUsd: 10 }),
          rowWith({ user, month: "2026-11", inputTokens: 100, outputTokens: 10, costNanoUsd: null }),
          rowWith({ user, month: "2026-12", inputTokens: 7, outputTokens: 0 }),
        ]);
        await store.recordSpend([...made, rowWith({ user: null })]);
        const expected = users.map((user, i) => ({
          user,
          usedTokens: i + 111,
          requests: 2,
          costNanoUsd: 10,
          rejectedRequests: 0,
        }));
        const found = await store.readMonth("2026-11");
        expect(found).toHaveLength(users.length);
        expect(found).toEqual(expect.arrayContaining(expected));
        expect((await store.readMonth("2026-12")).every(({ usedTokens }) => usedTokens === 7)).toBe(true);
        expect(await store.readMonth("2026-10")).toEqual([]);
        for (const [i, user] of users.entries())
          expect(await store.readMonth("2026-11", [user])).toEqual([expected[i]!]);
      }));

    test("reads only the users named, and none twice", () =>
      inUtc(async (store) => {
        await store.recordSpend(["ann", "bob", "cid"].map((user) => rowWith({ user })));
        const found = await store.readMonth("2026-11", ["cid", "ann", "nobody", "ann"]);
        expect(found.map(({ user }) => user).sort()).toEqual(["ann", "cid"]);
        expect(await store.readMonth("2026-11", [])).toEqual([]);
      }));

    test("adds refused calls, also of users without a row", () =>
      inUtc(async (store) => {
        await store.recordSpend([rowWith({ user: "ann" })]);
        const refused = { month: "2026-11", firstAt: 5, lastAt: 9 };
        await store.recordRejections([
          { ...refused, user: "ann", rejected: 3 },
          { ...refused, user: "bob", rejected: 4 },
        ]);
        await store.recordRejections([{ ...refused, user: "ann", rejected: 2, firstAt: 1, lastAt: 2 }]);
        await store.recordRejections([{ ...refused, user: "ann", rejected: 50, month: "2026-10" }]);
        expect(await store.readMonth("2026-11")).toEqual([
          { user: "ann", usedTokens: 1_100, requests: 1, costNanoUsd: 5_000_000, rejectedRequests: 5 },
          { user: "bob", usedTokens: 0, requests: 0, costNanoUsd: 0, rejectedRequests: 4 },
        ]);
        expect(await store.readMonth("2026-11", ["bob"])).toHaveLength(1);
      }));

    test("keeps nothing of rejections of which one is broken", () =>
      inUtc(async (store) => {
        const good = { user: "ann", month: "2026-11", rejected: 1, firstAt: 0, lastAt: 0 };
        expect(await failureOf(store.recordRejections([good, { ...good, rejected: Number.NaN }]))).toBeInstanceOf(
          Error,
        );
        expect(await failureOf(store.recordRejections([good, { ...good, user: "a\0" }]))).toBeInstanceOf(Error);
        expect(await store.readMonth("2026-11")).toEqual([]);
      }));
  });

  describe("prune", () => {
    test("deletes the days that ended, in the zone of reports, and nothing else", () =>
      withStore("Asia/Kathmandu", async (store) => {
        const midnight = Date.UTC(2026, 10, 9, 18, 15);
        const kept = [0, 1, day].map((after) => rowWith({ ts: midnight + after }));
        await store.recordSpend([
          ...kept,
          ...[1, 3 * day, 40 * day].map((before) => rowWith({ ts: midnight - before })),
        ]);
        expect(await store.prune(midnight + day - 1)).toBe(3);
        expect(await readAll(store, all, 9)).toEqual(inOrder(kept));
        const { totals, series } = await store.summarize({
          ...everything,
          from: midnight - 50 * day,
          to: midnight + 2 * day,
          interval: "day",
        });
        expect(totals.requests).toBe(3);
        expect(series.filter(({ figures }) => figures.requests > 0).map(({ start }) => start)).toEqual([
          midnight,
          midnight + day,
        ]);
        expect(await store.prune(midnight + day - 1)).toBe(0);
      }));

    test("keeps the month's usage", () =>
      inUtc(async (store) => {
        await store.recordSpend([rowWith({})]);
        const before = await store.readMonth("2026-11");
        expect(await store.prune(all.to)).toBe(1);
        expect(await store.readMonth("2026-11")).toEqual(before);
      }));

    test("lets others write in between, and goes on with what came late", () =>
      inUtc(async (store) => {
        const old = () => Array.from({ length: 1_000 }, (_, i) => rowWith({ ts: i * 100_000 }));
        for (let i = 0; i < 12; i++) await store.recordSpend(old());
        let isPruned = false;
        const pruned = store.prune(Date.UTC(1971, 0, 1)).finally(() => {
          isPruned = true;
        });
        expect(await store.recordSpend([rowWith({})])).toBe(1);
        expect(isPruned).toBe(false);
        expect(await pruned).toBe(12_000);
        expect((await store.summarize(everything)).totals.requests).toBe(1);
      }));
  });

  describe("ping and close", () => {
    test("a store that is open takes a write, one that is closed takes nothing", () =>
      inUtc(async (store) => {
        await store.ping();
        const sent = store.recordSpend([rowWith({})]);
        await store.close();
        expect(await sent).toBe(1);
        await store.close();
        expect(await failureOf(store.ping())).toBeInstanceOf(Error);
        expect(await failureOf(store.recordSpend([rowWith({})]))).toBeInstanceOf(Error);
        expect(await failureOf(store.readPolicy())).toBeInstanceOf(Error);
      }));
  });
});
