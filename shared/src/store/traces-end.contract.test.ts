// The contract of how traces end: contents destroyed on order, and retention by age and by bytes. On every adapter.

import { describe, expect, test } from "bun:test";
import { contentOf, traceWith } from "../testing/trace";
import { adapters } from "./contract-adapters";
import { hostileNames } from "./contract-samples";
import type { Store } from "./store";
import type { StoredTrace } from "./trace-query";
import { newestFirst, recount, stored } from "./trace-samples";

const all = { from: 0, to: Date.UTC(2100, 0, 1) };
const readTraces = async (store: Store) => (await store.readTraces(all, null, 1_000)).traces;
const readSessions = async (store: Store) => (await store.readSessions(all, null, 1_000)).sessions;

describe.each(adapters)("$name", ({ withStore }) => {
  const inUtc = <T>(use: (store: Store) => Promise<T>) => withStore("UTC", use);

  describe("shredContents", () => {
    const content = [contentOf("request", "in"), contentOf("response", "out")];
    const isShredded = (trace: StoredTrace | null) => trace?.contents.map((mark) => mark.isShredded);

    test("of a session, a user or a trace: those contents are gone and marked, all others stay", () =>
      inUtc(async (store) => {
        const target = { user: "ann", session: "s1" };
        const made = [
          traceWith({ ...target, contents: content }),
          traceWith({ user: "ann", session: "s2", contents: content }),
          traceWith({ user: "bob", session: "s1", contents: content }),
          traceWith({ user: null, session: null, contents: content }),
          traceWith({ ...target, contents: [] }),
        ];
        await store.recordTraces(made);
        const now = Date.UTC(2027, 0);
        const marks = async () => Promise.all(made.map(async ({ id }) => isShredded(await store.readTrace(id))));
        const gone = [true, true];
        const kept = [false, false];
        const full = await store.traceBytes();
        expect(await store.shredContents({ trace: made[3]!.id }, now)).toBe(1);
        expect(await marks()).toEqual([kept, kept, kept, gone, []]);
        expect(await store.shredContents({ session: "s1" }, now)).toBe(2);
        expect(await marks()).toEqual([gone, kept, gone, gone, []]);
        expect(await store.shredContents({ user: "ann" }, now)).toBe(1);
        expect(await marks()).toEqual([gone, gone, gone, gone, []]);
        expect(await store.shredContents({ user: "ann" }, now)).toBe(0);
        expect(await store.shredContents({ user: "nobody" }, now)).toBe(0);
        for (const { id } of made) expect(await store.readContents(id)).toEqual([]);
        expect(await store.traceBytes()).toBeLessThan(full);
        // What is left of them is the same as ever.
        expect(await readSessions(store)).toEqual(recount(made.map((trace) => stored(trace, true))));
      }));

    test("what arrived before and is recorded after is not kept; what arrives later is", () =>
      inUtc(async (store) => {
        const at = 1_000;
        const late = traceWith({ ts: 999, user: "ann", session: null, contents: content });
        await store.shredContents({ user: "ann" }, at);
        await store.shredContents({ user: "ann" }, at - 500);
        await store.shredContents({ session: "s9" }, at);
        await store.shredContents({ trace: "t9" }, at);
        const bySession = traceWith({ ts: at, user: null, session: "s9", contents: content });
        const byTrace = traceWith({ ts: at, user: null, session: null, id: "t9", contents: content });
        const new_ = traceWith({ ts: at + 1, user: "ann", session: "s9", contents: content });
        await store.recordTraces([late, bySession, byTrace, new_]);
        for (const trace of [late, bySession, byTrace]) {
          expect(isShredded(await store.readTrace(trace.id))).toEqual([true, true]);
          expect(await store.readContents(trace.id)).toEqual([]);
        }
        expect(await store.readContents(new_.id)).toEqual(content);
        expect(await store.shredContents({ user: "ann" }, at)).toBe(0);
        expect(await store.readContents(new_.id)).toEqual(content);
      }));

    test("hostile names shred nothing but their own", () =>
      inUtc(async (store) => {
        const made = hostileNames.map((user) => traceWith({ user, session: user, contents: content }));
        await store.recordTraces([...made, traceWith({ user: null, session: null, contents: content })]);
        let left = made.length + 1;
        for (const [i, user] of hostileNames.entries()) {
          expect(await store.shredContents(i % 2 ? { user } : { session: user }, Date.UTC(2027, 0))).toBe(1);
          left--;
          const marks = (await readTraces(store)).map((trace) => trace.contents[0]?.isShredded);
          expect(marks.filter((mark) => mark === false)).toHaveLength(left);
        }
      }));
  });

  describe("pruneTraces", () => {
    test("by bytes: the oldest go until the rest is small enough, and no more than that", () =>
      inUtc(async (store) => {
        const made = Array.from({ length: 40 }, (_, i) =>
          traceWith({ ts: 1_000 + i, session: `s${i % 3}`, contents: [contentOf("request", "x".repeat(1_000))] }),
        );
        await store.recordTraces(made.toReversed());
        const one = (await store.traceBytes()) / made.length;
        expect(one).toBeGreaterThan(1_000);
        expect(await store.pruneTraces(0, 0)).toBe(0);
        expect(await store.pruneTraces(0, Math.ceil(one * 30))).toBe(10);
        expect(await store.traceBytes()).toBe(one * 30);
        const left = made.slice(10).map((trace) => stored(trace));
        expect(await readTraces(store)).toEqual(newestFirst(left));
        expect(await readSessions(store)).toEqual(recount(left));
        expect(await store.readContents(made[9]!.id)).toEqual([]);
        expect(await store.readContents(made[10]!.id)).toHaveLength(1);
        expect(await store.pruneTraces(1_020, Math.ceil(one * 30))).toBe(10);
        expect(await store.pruneTraces(9_000, 1)).toBe(20);
        expect(await store.traceBytes()).toBe(0);
        expect(await readSessions(store)).toEqual([]);
      }));

    test("lets others in between", () =>
      inUtc(async (store) => {
        for (let i = 0; i < 3; i++)
          await store.recordTraces(Array.from({ length: 1_000 }, (_, n) => traceWith({ ts: n })));
        let isPruned = false;
        const pruned = store.pruneTraces(Date.UTC(1971, 0, 1), 0).finally(() => {
          isPruned = true;
        });
        expect(await store.recordTraces([traceWith({})])).toBe(1);
        expect(isPruned).toBe(false);
        expect(await pruned).toBe(3_000);
        expect(await readTraces(store)).toHaveLength(1);
      }));
  });
});
