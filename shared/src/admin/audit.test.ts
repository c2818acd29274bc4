import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AnyrayError } from "../errors";
import { openStore } from "../store/open";
import type { Store } from "../store/store";
import { appendAudited, askStore, changeAudited, parseAuditQuery, readAudit as readPage, runAudited } from "./audit";

const actor = { name: "admin", ip: "192.0.2.1", at: Date.UTC(2026, 10, 15, 12, 0, 0, 5) };
const chain = { state: "ok", checkedAt: null, rows: 0, head: { seq: 0, hash: "" } } as const;
const readAudit = (from: Store, query: Parameters<typeof readPage>[1]) => readPage(from, query, chain);
let dataDir: string;
let store: Store;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "anyray-audit-"));
  store = await openStore({ dataDir, timezone: "UTC" });
});
afterEach(async () => {
  await store.close().catch(() => {});
  await rm(dataDir, { recursive: true, force: true });
});

const change = (value: number, reason?: string) =>
  changeAudited(store, { kind: "setting", key: "x", value }, actor, {
    action: "setting.set",
    object: "x",
    after: value,
    ...(reason && { reason }),
  });

test("pages hold every entry once, newest first, and end with null", async () => {
  for (let value = 1; value <= 5; value++) await change(value, value === 5 ? "for the test" : undefined);
  const first = await readAudit(store, { before: null, limit: 2 });
  const second = await readAudit(store, { before: first.nextBefore, limit: 2 });
  const third = await readAudit(store, { before: second.nextBefore, limit: 2 });
  const seqs = [first, second, third].map(({ entries }) => entries.map(({ seq }) => seq));
  expect(seqs).toEqual([[5, 4], [3, 2], [1]]);
  expect([first, second, third].map(({ nextBefore }) => nextBefore)).toEqual([4, 2, null]);
  expect(first.entries[0]).toEqual({
    seq: 5,
    id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
    at: "2026-11-15T12:00:00.005Z",
    actor: "admin",
    ip: "192.0.2.1",
    action: "setting.set",
    object: "x",
    before: 4,
    after: 5,
    reason: "for the test",
    result: "done",
  });
  expect([first, second, third].map(({ nextCursor }) => nextCursor)).toEqual(["4", "2", null]);
  expect(first.entries[1]?.reason).toBeNull();
  expect(await readAudit(store, { before: 1, limit: 2 })).toEqual({
    entries: [],
    nextBefore: null,
    nextCursor: null,
    chain,
  });
});

test("parameters", () => {
  expect(parseAuditQuery(new URLSearchParams())).toEqual({ before: null, limit: 100 });
  expect(parseAuditQuery(new URLSearchParams("limit=1000&before=7"))).toEqual({ before: 7, limit: 1000 });
  expect(parseAuditQuery(new URLSearchParams("cursor=7"))).toEqual({ before: 7, limit: 100 });
  for (const query of [
    "limit=0",
    "limit=1001",
    "before=0",
    "before=-1",
    "before=x",
    "cursor=x",
    "cursor=1&before=2",
    "page=1",
  ]) {
    expect(() => parseAuditQuery(new URLSearchParams(query))).toThrow(AnyrayError);
  }
});

test("a store that fails is `store_unavailable` with its reason kept for the log; our own errors pass", async () => {
  const reason = new Error("disk I/O error in /var/lib/x");
  const failure = await askStore(Promise.reject(reason)).catch((error) => error);
  expect(failure).toMatchObject({ code: "store_unavailable", cause: reason });
  expect(failure.message).not.toContain("disk");
  const own = new AnyrayError("not_found", "no");
  await expect(askStore(Promise.reject(own))).rejects.toBe(own);
  await store.close();
  await expect(change(1)).rejects.toMatchObject({ code: "store_unavailable" });
});

describe("an effect outside of the store", () => {
  const shred = { action: "content.shred", object: "session s", after: { session: "s" }, reason: "asked for" };
  const rows = async () =>
    (await store.readAudit(null, 10)).map(({ action, result, after }) => ({ action, result, after })).reverse();

  test("has its intent on the disk before it begins, and its outcome behind", async () => {
    const seen: unknown[] = [];
    const value = await runAudited(
      store,
      actor,
      shred,
      async () => {
        seen.push(...(await rows()));
        return 7;
      },
      (shredded) => ({ shredded }),
    );
    const intent = { action: "content.shred", result: "intent" as const, after: { session: "s" } };
    expect(value).toBe(7);
    expect(seen).toEqual([intent]);
    expect(await rows()).toEqual([
      intent,
      { action: "content.shred", result: "done", after: { intent: 1, outcome: { shredded: 7 } } },
    ]);
  });

  test("that fails says so, and throws on without its words", async () => {
    const failure = new TypeError("with a secret in it");
    await expect(runAudited(store, actor, shred, () => Promise.reject(failure))).rejects.toBe(failure);
    expect(await rows()).toMatchObject([
      { result: "intent" },
      { result: "failed", after: { intent: 1, outcome: "TypeError" } },
    ]);
  });

  test("does not begin where it cannot be audited", async () => {
    let ran = 0;
    await store.close();
    const run = runAudited(store, actor, shred, async () => ran++);
    await expect(run).rejects.toMatchObject({ code: "store_unavailable" });
    expect(ran).toBe(0);
  });

  test("of which nothing is to be told but that it was", async () => {
    await appendAudited(store, actor, { action: "kill-switch.file", object: "optimizer" });
    expect(await rows()).toEqual([{ action: "kill-switch.file", result: "done", after: null }]);
  });
});
