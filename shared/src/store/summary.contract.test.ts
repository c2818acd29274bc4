// The contract of summaries: whatever is asked, the figures are those of a loop over the rows. On every adapter.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { dayStart, nextDay, parseInstant } from "../time";
import { adapters, failureOf } from "./contract-adapters";
import { summarizeRows } from "./contract-model";
import { hostileNames, queries, rows, rowWith, zones } from "./contract-samples";
import type { SpendRow } from "./spend-row";
import type { SpendQuery, SpendSummary, Store } from "./store";

/** Many stores are opened in one test; other work may share the machine. */
const slowMs = 60_000;
const hour = 3_600_000;
const everything: SpendQuery = {
  from: 0,
  to: Date.UTC(2100, 0, 1),
  groupBy: [],
  interval: null,
  limit: 1000,
  cursor: null,
};

async function recordAll(store: Store, made: SpendRow[], batch: number) {
  for (let at = 0; at < made.length; at += batch) await store.recordSpend(made.slice(at, at + batch));
}

/** As the model says it, after the order of the groups was checked. */
function comparable(summary: SpendSummary, { groupBy }: SpendQuery) {
  const { groups, nextCursor: _, ...rest } = summary;
  const cost = groups.map(({ figures }) => [figures.costNanoUsd, figures.inputTokens + figures.outputTokens]);
  expect(cost).toEqual(cost.toSorted(([a = 0, b = 0], [c = 0, d = 0]) => c - a || d - b));
  const byKey = groups.map(({ key, figures }) => [JSON.stringify(groupBy.map((name) => key[name])), figures] as const);
  expect(new Set(byKey.map(([key]) => key)).size).toBe(groups.length);
  return { ...rest, groups: new Map(byKey) };
}

describe.each(adapters)("$name", ({ withStore }) => {
  test(
    "equals a recomputation from the rows, for any rows, batches, filter, grouping, interval and zone",
    () =>
      fc.assert(
        fc.asyncProperty(
          fc
            .constantFrom(...zones)
            .chain((zone) =>
              fc.tuple(
                fc.constant(zone),
                fc.array(rows(zone), { maxLength: 80, size: "max" }),
                fc.array(queries(zone), { minLength: 6, maxLength: 12, size: "max" }),
              ),
            ),
          fc.integer({ min: 1, max: 40 }),
          ([zone, made, asked], batch) =>
            withStore(zone, async (store) => {
              await recordAll(store, made, batch);
              for (const query of asked) {
                expect(comparable(await store.summarize(query), query)).toEqual(summarizeRows(made, query, zone));
              }
            }),
        ),
        { numRuns: 25 },
      ),
    slowMs,
  );

  test(
    "rows that come twice, late or out of order are in every figure once",
    () =>
      fc.assert(
        fc.asyncProperty(
          fc.array(rows("Europe/Berlin"), { minLength: 1, maxLength: 40, size: "max" }),
          fc.array(fc.nat(39)),
          (made, again) =>
            withStore("Europe/Berlin", async (store) => {
              await recordAll(store, made, 7);
              await recordAll(
                store,
                again.map((i) => made[i % made.length]!),
                5,
              );
              const query: SpendQuery = { ...everything, groupBy: ["user", "strategy"] };
              expect(comparable(await store.summarize(query), query)).toEqual(
                summarizeRows(made, query, "Europe/Berlin"),
              );
            }),
        ),
        { numRuns: 15 },
      ),
    slowMs,
  );

  test(
    "pages of groups, put together, are all groups in their order",
    () =>
      fc.assert(
        fc.asyncProperty(
          fc.array(rows("UTC"), { minLength: 1, maxLength: 60, size: "max" }),
          fc.shuffledSubarray(["user", "tool", "strategy", "session", "status"] as const, {
            minLength: 1,
            maxLength: 2,
          }),
          fc.integer({ min: 1, max: 7 }),
          (made, groupBy, limit) =>
            withStore("UTC", async (store) => {
              // Equal figures, so that the key alone decides about some.
              await store.recordSpend(
                made.map((row, i) => (i % 2 ? { ...row, costNanoUsd: 0, inputTokens: 1, outputTokens: 1 } : row)),
              );
              const query: SpendQuery = { ...everything, groupBy: [...groupBy] };
              const whole = await store.summarize(query);
              expect(whole.nextCursor).toBeNull();
              const paged: SpendSummary["groups"] = [];
              for (let cursor: string | null = null; ; ) {
                const page = await store.summarize({ ...query, limit, cursor });
                expect(page.totals).toEqual(whole.totals);
                paged.push(...page.groups);
                cursor = page.nextCursor;
                if (cursor === null) break;
                expect(page.groups).toHaveLength(limit);
              }
              expect(paged).toEqual(whole.groups);
            }),
        ),
        { numRuns: 25 },
      ),
    slowMs,
  );

  test("a cursor of another grouping, or none of ours, begins at the first page", () =>
    withStore("UTC", async (store) => {
      await store.recordSpend(["ann", "bob", "cid"].map((user, i) => rowWith({ user, costNanoUsd: i })));
      const byUser: SpendQuery = { ...everything, groupBy: ["user"], limit: 1 };
      const first = await store.summarize(byUser);
      expect(first.groups[0]?.key).toEqual({ user: "cid" });
      const { nextCursor } = await store.summarize({ ...everything, groupBy: ["team", "user"], limit: 1 });
      for (const cursor of [nextCursor!, "", "!!", "bnVsbA", Buffer.from("[1,2,3,4]").toString("base64url")]) {
        expect(await store.summarize({ ...byUser, cursor })).toEqual(first);
      }
    }));

  test("names that look like others are groups of their own", () =>
    withStore("UTC", async (store) => {
      const names = [null, ...hostileNames];
      await store.recordSpend(
        names.map((name) => rowWith({ user: name, team: name, session: name, tool: name, model: name })),
      );
      for (const key of ["user", "team", "session", "tool", "model"] as const) {
        const { groups } = await store.summarize({ ...everything, groupBy: [key] });
        expect(groups.map((group) => group.key[key])).toHaveLength(names.length);
        expect(new Set(groups.map((group) => group.key[key]))).toEqual(new Set(names));
        expect(groups.every(({ figures }) => figures.requests === 1)).toBe(true);
      }
    }));

  test("a row of two strategies is in both groups, each with what it saved itself", () =>
    withStore("UTC", async (store) => {
      await store.recordSpend([
        rowWith({ decisions: { compress: 200, dedupe: 100 }, tokensSaved: 300 }),
        rowWith({ decisions: { compress: 50 }, tokensSaved: 50 }),
        rowWith({ decisions: {}, tokensSaved: 7 }),
        rowWith({ decisions: null, tokensSaved: 0 }),
      ]);
      const { groups, totals } = await store.summarize({ ...everything, groupBy: ["strategy"] });
      const saved = new Map(groups.map(({ key, figures }) => [key.strategy, [figures.requests, figures.tokensSaved]]));
      expect(saved).toEqual(
        new Map([
          ["compress", [2, 250]],
          ["dedupe", [1, 100]],
          [null, [2, 7]],
        ]),
      );
      expect(totals).toMatchObject({ requests: 4, tokensSaved: 357 });
    }));

  test.each([
    ["2026-03-29", 23],
    ["2026-10-25", 25],
    ["2026-07-01", 24],
  ])("the series of %s has %d hours, empty ones too", (date, hours) =>
    withStore("Europe/Berlin", async (store) => {
      const from = parseInstant(date, "Europe/Berlin")!;
      const to = nextDay(from, "Europe/Berlin");
      await store.recordSpend(
        Array.from({ length: hours }, (_, i) => i)
          .filter((i) => i % 2)
          .map((i) => rowWith({ ts: from + i * hour })),
      );
      const { series } = await store.summarize({ ...everything, from, to, interval: "hour" });
      expect(series.map(({ start }) => start)).toEqual(Array.from({ length: hours }, (_, i) => from + i * hour));
      expect(series.map(({ figures }) => figures.requests)).toEqual(Array.from({ length: hours }, (_, i) => i % 2));
      expect(series[0]?.figures).toMatchObject({ costNanoUsd: 0, latencyMs: null, overheadMs: null });
    }),
  );

  test("the first interval of a series has its own start and holds only what is in the range", () =>
    withStore("America/New_York", async (store) => {
      const noon = Date.UTC(2026, 10, 10, 17);
      await store.recordSpend([rowWith({ ts: noon - 1 }), rowWith({ ts: noon }), rowWith({ ts: noon + 24 * hour })]);
      const { series } = await store.summarize({ ...everything, from: noon, to: noon + 24 * hour, interval: "day" });
      const start = dayStart(noon, "America/New_York");
      expect(series.map((interval) => [interval.start, interval.figures.requests])).toEqual([
        [start, 1],
        [start + 24 * hour, 0],
      ]);
    }));

  test("percentiles are those of nearest rank", () =>
    withStore("UTC", async (store) => {
      await store.recordSpend(
        Array.from({ length: 200 }, (_, i) => rowWith({ latencyMs: i + 1, overheadMs: (i + 1) / 8 })),
      );
      const { totals } = await store.summarize(everything);
      expect(totals.latencyMs).toEqual({ p50: 100, p95: 190, p99: 198 });
      expect(totals.overheadMs).toEqual({ p50: 12.5, p99: 24.75 });
    }));

  test("an empty store, an empty range and one turned round have no groups, and every outcome with none", () =>
    withStore("UTC", async (store) => {
      const query: SpendQuery = { ...everything, groupBy: ["user"], interval: "day", from: 10 * hour, to: 20 * hour };
      const { totals, groups, series, outcomes } = await store.summarize(query);
      expect(totals).toMatchObject({ requests: 0, costNanoUsd: 0, latencyMs: null, overheadMs: null });
      expect(groups).toEqual([]);
      expect(series).toHaveLength(1);
      expect(outcomes.get("cache_hit")).toBe(0);
      await store.recordSpend([rowWith({ ts: 15 * hour })]);
      for (const [from, to] of [
        [15 * hour, 15 * hour],
        [20 * hour, 10 * hour],
      ] as const) {
        const none = await store.summarize({ ...query, from, to });
        expect(none.totals.requests).toBe(0);
        expect([none.groups, none.series]).toEqual([[], []]);
      }
    }));

  test("what cannot be answered is refused: a page of none or too many, a series without end", () =>
    withStore("UTC", async (store) => {
      for (const limit of [0, 1001, 1.5])
        expect((await failureOf(store.summarize({ ...everything, limit }))).message).toContain("limit");
      expect((await failureOf(store.summarize({ ...everything, to: 8e15, interval: "hour" }))).message).toContain(
        "intervals",
      );
      expect((await store.summarize({ ...everything, from: -8e15, to: 8e15 })).totals.requests).toBe(0);
    }));
});
