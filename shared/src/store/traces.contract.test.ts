// The contract of traces and sessions: idempotence, pages, roll-ups, shredding, retention. On every adapter.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { contentOf, traceWith } from "../testing/trace";
import { adapters, failureOf } from "./contract-adapters";
import { hostileNames } from "./contract-samples";
import type { Store } from "./store";
import type { Trace } from "./trace";
import type { SessionFilter, SessionPage, SessionRow, StoredTrace, TraceFilter, TracePage } from "./trace-query";
import {
  newestFirst,
  recount,
  sessionMatches,
  stored,
  traceFilters,
  traceMatches,
  traces,
  traceTimes,
} from "./trace-samples";

/** Many stores are opened in one test; other work may share the machine. */
const slowMs = 60_000;
const all = { from: 0, to: Date.UTC(2100, 0, 1) };

async function readTraces(store: Store, filter: TraceFilter, limit: number): Promise<StoredTrace[]> {
  const found: StoredTrace[] = [];
  for (let after: TracePage["next"] = null; ; ) {
    const page: TracePage = await store.readTraces(filter, after, limit);
    found.push(...page.traces);
    if (page.next === null) return found;
    if (page.traces.length !== limit) throw new Error(`a page of ${limit} has ${page.traces.length}`);
    after = page.next;
  }
}

async function readSessions(store: Store, filter: SessionFilter, limit: number): Promise<SessionRow[]> {
  const found: SessionRow[] = [];
  for (let after: SessionPage["next"] = null; ; ) {
    const page: SessionPage = await store.readSessions(filter, after, limit);
    found.push(...page.sessions);
    if (page.next === null) return found;
    if (page.sessions.length !== limit) throw new Error(`a page of ${limit} has ${page.sessions.length}`);
    after = page.next;
  }
}

describe.each(adapters)("$name", ({ withStore }) => {
  const inUtc = <T>(use: (store: Store) => Promise<T>) => withStore("UTC", use);

  describe("recordTraces and readTraces", () => {
    test(
      "pages are the sorted traces that match, whatever the page's length, and one is as it was given",
      () =>
        fc.assert(
          fc.asyncProperty(
            fc.array(traces, { maxLength: 60, size: "max" }),
            fc.array(traceFilters, { minLength: 6, maxLength: 6 }),
            fc.integer({ min: 1, max: 9 }),
            (made, filters, limit) =>
              inUtc(async (store) => {
                expect(await store.recordTraces(made)).toBe(made.length);
                const kept = made.map((trace) => stored(trace));
                for (const filter of [all, ...filters]) {
                  const expected = newestFirst(kept.filter((trace) => traceMatches(trace, filter)));
                  expect(await readTraces(store, filter, limit)).toEqual(expected);
                }
                const one = made[0];
                if (!one) return;
                expect(await store.readTrace(one.id)).toEqual(stored(one));
                expect(await store.readContents(one.id)).toEqual([...one.contents]);
              }),
          ),
          { numRuns: 25 },
        ),
      slowMs,
    );

    test("stores a batch once, however often it is sent, and counts only what is new", () =>
      inUtc(async (store) => {
        const made = Array.from({ length: 30 }, () => traceWith({ contents: [contentOf("request", "hello")] }));
        expect(await store.recordTraces(made.slice(0, 20))).toBe(20);
        const bytes = await store.traceBytes();
        expect(await store.recordTraces(made.slice(0, 20).toReversed())).toBe(0);
        expect(await store.traceBytes()).toBe(bytes);
        expect(await store.recordTraces([...made, made[29]!])).toBe(10);
        // The same id under another session is still the same trace.
        expect(await store.recordTraces([{ ...made[0]!, session: "other", user: "eve" }])).toBe(0);
        expect(await readSessions(store, all, 9)).toEqual(recount(made.map((trace) => stored(trace))));
        expect(await store.readContents(made[0]!.id)).toEqual([contentOf("request", "hello")]);
      }));

    test("refuses the whole batch for a trace that cannot be kept as it is, and names the field, not the value", () =>
      inUtc(async (store) => {
        const bad: Partial<Trace>[] = [
          { id: "" },
          { id: "ä" },
          { user: "a\0b" },
          { latencyMs: Number.NaN },
          { inputTokens: -1 },
          { status: 1.5 },
          { endReason: "gone" as Trace["endReason"] },
          { contents: [contentOf("request", "a"), contentOf("request", "b")] },
          { contents: [{ ...contentOf("request", "SECRET"), mode: "off" as "plaintext" }] },
          { spans: [{ name: "x", startMs: 0, endMs: Number.POSITIVE_INFINITY }] },
        ];
        for (const given of bad) {
          const { message } = await failureOf(store.recordTraces([traceWith({}), traceWith(given)]));
          expect(message).toContain(Object.keys(given)[0]!);
          expect(message).not.toContain("SECRET");
        }
        expect((await failureOf(store.recordTraces(Array(1_001).fill(traceWith({}))))).message).toContain("1000");
        expect(await readTraces(store, all, 9)).toEqual([]);
        expect(await store.traceBytes()).toBe(0);
      }));

    test("contents are given back as they were, NUL and all planes included", () =>
      inUtc(async (store) => {
        const texts = ["", "\0", "a\0b\u202e💥\r\n", "x".repeat(300_000)];
        for (const text of texts) {
          const trace = traceWith({ contents: [contentOf("response", text), contentOf("request", `<${text}`)] });
          await store.recordTraces([trace]);
          expect(await store.readContents(trace.id)).toEqual([...trace.contents]);
        }
        expect(await store.readContents("nobody")).toEqual([]);
        expect(await store.readTrace("nobody")).toBeNull();
        expect(JSON.stringify(await readTraces(store, all, 2))).not.toContain("💥");
      }));

    test("a page needs a limit", () =>
      inUtc(async (store) => {
        expect((await failureOf(store.readTraces(all, null, 0))).message).toContain("limit");
        expect((await failureOf(store.readSessions(all, null, 0.5))).message).toContain("limit");
      }));
  });

  describe("sessions", () => {
    test(
      "equal a recount of their traces, however those came and whichever were deleted",
      () =>
        fc.assert(
          fc.asyncProperty(
            fc.array(traces, { maxLength: 60, size: "max" }),
            fc.integer({ min: 1, max: 20 }),
            fc.integer({ min: 1, max: 9 }),
            traceTimes,
            fc.record(
              {
                user: fc.constantFrom(null, ...hostileNames),
                team: fc.constantFrom(null, "", "red"),
                prefix: fc.constantFrom("", "n", "%", "💥"),
                minCostNanoUsd: fc.constantFrom(0, 500_000_000_000),
                hasError: fc.boolean(),
              },
              { requiredKeys: [] },
            ),
            (made, batch, limit, before, names) =>
              inUtc(async (store) => {
                for (let at = 0; at < made.length; at += batch) {
                  await store.recordTraces(made.slice(Math.max(0, at - 3), at + batch));
                }
                const check = async (kept: StoredTrace[]) => {
                  const rows = recount(kept);
                  expect(await readSessions(store, all, limit)).toEqual(rows);
                  const filter: SessionFilter = { ...all, ...names };
                  expect(await readSessions(store, filter, limit)).toEqual(
                    rows.filter((row) => sessionMatches(row, filter)),
                  );
                };
                const kept = made.map((trace) => stored(trace));
                await check(kept);
                expect(await store.pruneTraces(before, 0)).toBe(kept.filter(({ ts }) => ts < before).length);
                await check(kept.filter(({ ts }) => ts >= before));
              }),
          ),
          { numRuns: 25 },
        ),
      slowMs,
    );

    test("one session tells its agents, its users and what of it can still be read", () =>
      inUtc(async (store) => {
        const secret = [contentOf("request", "x")];
        await store.recordTraces([
          traceWith({ ts: 1, agent: "main", user: "ann", contents: secret }),
          traceWith({ ts: 3, agent: "reader", parentAgent: "main", user: null, costNanoUsd: 1, contents: secret }),
          traceWith({ ts: 2, agent: "reader", parentAgent: "main", user: "bob", costNanoUsd: null }),
          traceWith({ ts: 9, session: "s2", agent: "main", user: "eve" }),
        ]);
        await store.shredContents({ session: "s2" }, 10);
        const found = await store.readSession("s1");
        expect(found).toMatchObject({
          session: { session: "s1", traces: 3, firstAt: 1, lastAt: 3, unpriced: 1, user: "ann" },
          agents: [
            { agent: "main", parentAgent: null, traces: 1, firstAt: 1 },
            { agent: "reader", parentAgent: "main", traces: 2, firstAt: 2, costNanoUsd: 1, inputTokens: 2_000 },
          ],
          callers: [
            { user: null, team: "red" },
            { user: "ann", team: "red" },
            { user: "bob", team: "red" },
          ],
          withContent: 2,
          shredded: 0,
        });
        expect(await store.readSession("nobody")).toBeNull();
      }));
  });
});
