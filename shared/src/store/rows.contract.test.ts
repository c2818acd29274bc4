// The contract of pages of rows: order, filters, ranges. On every adapter.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { adapters, failureOf, readAll } from "./contract-adapters";
import { inOrder, matches } from "./contract-model";
import { filters, rows, rowWith, zones } from "./contract-samples";
import { hash } from "./hash";
import type { SpendFilter, Store } from "./store";

/** Many stores are opened in one test; other work may share the machine. */
const slowMs = 60_000;
const all: SpendFilter = { from: 0, to: Date.UTC(2100, 0, 1) };

describe.each(adapters)("$name", ({ withStore }) => {
  const inUtc = <T>(use: (store: Store) => Promise<T>) => withStore("UTC", use);

  test(
    "pages are the sorted rows that match, whatever the page's length",
    () =>
      fc.assert(
        fc.asyncProperty(
          fc
            .constantFrom(...zones)
            .chain((zone) => fc.tuple(fc.array(rows(zone), { maxLength: 60, size: "max" }), filters(zone))),
          fc.integer({ min: 1, max: 9 }),
          ([made, filter], limit) =>
            inUtc(async (store) => {
              await store.recordSpend(made);
              expect(await readAll(store, filter, limit)).toEqual(inOrder(made.filter((row) => matches(row, filter))));
            }),
        ),
        { numRuns: 25 },
      ),
    slowMs,
  );

  test("rows of the same millisecond are ordered by id and none is left out", () =>
    inUtc(async (store) => {
      const made = Array.from({ length: 25 }, () => rowWith({ ts: 1_000 }));
      await store.recordSpend(made.toSorted(() => Math.random() - 0.5));
      expect(await readAll(store, all, 4)).toEqual(inOrder(made));
    }));

  test("tells no user, the empty user and one called null apart", () =>
    inUtc(async (store) => {
      const made = [null, "", "null", "undefined"].map((user) => rowWith({ user, session: user, team: user }));
      await store.recordSpend(made);
      for (const row of made) {
        expect(await readAll(store, { ...all, user: row.user }, 9)).toEqual([row]);
        expect(await readAll(store, { ...all, session: row.session }, 9)).toEqual([row]);
        expect(await readAll(store, { ...all, team: row.team }, 9)).toEqual([row]);
      }
    }));

  test("tells sessions apart whose hashes are equal", () =>
    inUtc(async (store) => {
      const sessions = ["session-1129599", "session-1732382"];
      expect(hash(sessions[0]!)).toBe(hash(sessions[1]!));
      await store.recordSpend(sessions.map((session) => rowWith({ session })));
      for (const session of sessions) {
        expect((await readAll(store, { ...all, session }, 9)).map((row) => row.session)).toEqual([session]);
      }
    }));

  test("a row belongs to a range that begins with it, and not to one that ends with it", () =>
    inUtc(async (store) => {
      await store.recordSpend([rowWith({ ts: 5_000 })]);
      expect((await store.readRows({ from: 5_000, to: 5_001 }, null, 9)).rows).toHaveLength(1);
      expect((await store.readRows({ from: 4_999, to: 5_000 }, null, 9)).rows).toEqual([]);
      expect((await store.readRows({ from: 9_000, to: 1 }, null, 9)).rows).toEqual([]);
      expect((await failureOf(store.readRows(all, null, 0))).message).toContain("limit");
    }));
});
