import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readMigrationFiles } from "drizzle-orm/migrator";
import fc from "fast-check";
import { contentOf, traceWith } from "../testing/trace";
import { failureOf } from "./contract-adapters";
import { rowWith } from "./contract-samples";
import { openSqlite, openSqliteInline } from "./sqlite";
import { openFile } from "./sqlite-file";
import { openContentBlobs, unpackContent } from "./sqlite-trace-blob";
import { costLevel, latencyLevel, levelMax } from "./sqlite-trace-levels";
import { readTraces } from "./sqlite-trace-read";
import { openTraceRecorder } from "./sqlite-trace-record";
import type { TraceFilter } from "./trace-query";
import { newestFirst, stored, traceMatches, traces } from "./trace-samples";

const slowMs = 60_000;
const all = { from: 0, to: Date.UTC(2100, 0, 1) };
const farFuture = Date.UTC(2099, 0, 1);

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "anyray-traces-"));
  path = join(directory, "anyray.db");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Numbers of the canaries that stand anywhere in a file of the store. */
function canariesOnDisk(): Set<number> {
  const found = new Set<number>();
  for (const name of readdirSync(directory)) {
    const bytes = readFileSync(join(directory, name), "latin1");
    for (const [, number] of bytes.matchAll(/CANARY-(\d+)-/g)) found.add(Number(number));
  }
  return found;
}

const canary = (number: number, length: number) => `CANARY-${number}-`.repeat(Math.ceil(length / 12));

describe("what is deleted", () => {
  test(
    "is in no file: not in free pages, not in the log, not where rows were moved from",
    async () => {
      const store = openSqliteInline({ path, timezone: "UTC" });
      // From a few bytes to several pages: rows of one page are what SQLite copies about.
      const sizes = Array.from({ length: 1_500 }, (_, i) => Math.round(20 + Math.exp((i * 37) % 9.3)));
      const made = sizes.map((size, i) =>
        traceWith({
          ts: 1_000 + i,
          user: `u${i % 7}`,
          session: `s${i % 13}`,
          contents: [
            contentOf("request", canary(i, size)),
            contentOf("response", canary(i, sizes[(i * 7) % 1_500] ?? 9)),
          ],
        }),
      );
      for (let at = 0; at < made.length; at += 100) {
        await store.recordTraces(made.slice(at, at + 100));
        if (at % 500 === 400) await store.shredContents({ session: `s${at % 13}` }, farFuture);
      }
      expect(canariesOnDisk().size).toBeGreaterThan(1_000);
      for (let i = 0; i < made.length; i += 29) await store.shredContents({ trace: made[i]!.id }, farFuture);
      for (const user of ["u1", "u2", "u4"]) await store.shredContents({ user }, farFuture);
      await store.pruneTraces(1_200, 0);
      const kept = new Set<number>();
      for (const [i, { id }] of made.entries()) if ((await store.readContents(id)).length > 0) kept.add(i);
      expect(kept.size).toBeGreaterThan(300);
      expect(canariesOnDisk()).toEqual(kept);
      await store.pruneTraces(farFuture, 0);
      expect(canariesOnDisk()).toEqual(new Set());
      await store.close();
    },
    slowMs,
  );

  test("gives its room back to the file system", async () => {
    const store = openSqliteInline({ path, timezone: "UTC" });
    await store.recordTraces(
      Array.from({ length: 300 }, (_, i) => traceWith({ ts: i, contents: [contentOf("request", "x".repeat(50_000))] })),
    );
    const counted = await store.traceBytes();
    await store.pruneTraces(farFuture, 0);
    expect(counted).toBeGreaterThan(15_000_000);
    expect(statSync(path).size).toBeLessThan(2_000_000);
    expect(statSync(`${path}-wal`).size).toBe(0);
    await store.close();
  });

  test("while another process reads, it is not said to be gone until it is", async () => {
    const store = await openSqlite({ path, timezone: "UTC" });
    await store.recordTraces([traceWith({ ts: 1, contents: [contentOf("request", canary(1, 9_000))] })]);
    const reader = new Database(path, { readonly: true });
    reader.run("BEGIN");
    reader.query("SELECT count(*) FROM trace_content").get();
    let isDone = false;
    const shredded = store.shredContents({ session: "s1" }, farFuture).finally(() => {
      isDone = true;
    });
    await Bun.sleep(400);
    expect(isDone).toBe(false);
    reader.run("COMMIT");
    expect(await shredded).toBe(1);
    expect(canariesOnDisk()).toEqual(new Set());
    reader.close();
    await store.close();
  });

  test(
    "a reader that never ends makes it fail, with the contents deleted all the same",
    async () => {
      const store = openSqliteInline({ path, timezone: "UTC" });
      const trace = traceWith({ ts: 1, contents: [contentOf("request", "x")] });
      await store.recordTraces([trace]);
      const reader = new Database(path, { readonly: true });
      reader.run("BEGIN");
      reader.query("SELECT count(*) FROM trace_content").get();
      expect((await failureOf(store.shredContents({ trace: trace.id }, farFuture))).message).toContain("stays in use");
      expect(await store.readContents(trace.id)).toEqual([]);
      reader.close();
      expect(await store.shredContents({ trace: trace.id }, farFuture)).toBe(0);
      await store.close();
    },
    slowMs,
  );
});

describe("a file of the first version", () => {
  test("gets the tables and keeps what it has; what is shredded in it is gone as well", async () => {
    const folder = fileURLToPath(new URL("./migrations/sqlite", import.meta.url));
    const [first] = readMigrationFiles({ migrationsFolder: folder });
    const old = new Database(path, { create: true });
    old.run("CREATE TABLE __drizzle_migrations (id INTEGER PRIMARY KEY, hash TEXT NOT NULL, created_at NUMERIC)");
    for (const statement of first!.sql) old.run(statement);
    old
      .query("INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)")
      .run(first!.hash, first!.folderMillis);
    old.run("INSERT INTO setting (key, value) VALUES ('kept', '1')");
    old.close();
    const store = openSqliteInline({ path, timezone: "UTC" });
    expect((await store.readPolicy()).settings).toMatchObject({ kept: 1 });
    await store.recordSpend([rowWith({})]);
    const made = Array.from({ length: 50 }, (_, i) =>
      traceWith({ ts: i, contents: [contentOf("request", canary(i, i * 99))] }),
    );
    await store.recordTraces(made);
    expect(await store.shredContents({ user: "ann" }, farFuture)).toBe(50);
    expect(canariesOnDisk()).toEqual(new Set());
    expect(await store.pruneTraces(20, 0)).toBe(20);
    await store.close();
  });
});

describe("a content in its column", () => {
  test("comes back as it was, and its bytes stand only in pages of its own", () => {
    const db = openFile({ path, timezone: "UTC" });
    const { pack } = openContentBlobs(db);
    const page = db.query<{ page_size: number }, []>("PRAGMA page_size").get()!.page_size;
    const shared = Math.floor(((page - 12) * 32) / 255) - 23;
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 0, max: 9_000 }), (text, length) => {
        const whole = (text + "x".repeat(length)).toWellFormed();
        const blob = pack(whole);
        expect(unpackContent(blob)).toBe(whole);
        expect((blob.length - shared) % (page - 4)).toBe(0);
        expect(blob.length).toBeGreaterThan(page);
        expect(blob.subarray(8, shared).every((byte) => byte === 0)).toBe(true);
      }),
    );
    db.close();
  });
});

describe("finding traces", () => {
  test("levels never hide what is enough", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e15, noNaN: true }),
        fc.double({ min: 0, max: 1e15, noNaN: true }),
        (one, other) => {
          for (const level of [latencyLevel, costLevel]) {
            expect(level(Math.max(one, other))).toBeGreaterThanOrEqual(level(Math.min(one, other)));
            expect(level(one)).toBeLessThanOrEqual(levelMax);
            expect(level(one)).toBeGreaterThanOrEqual(0);
          }
        },
      ),
    );
  });

  test(
    "more names than are merged one by one are found all the same",
    () => {
      const db = openFile({ path, timezone: "UTC" });
      const record = openTraceRecorder(db);
      const made = Array.from({ length: 9_000 }, (_, i) =>
        traceWith({
          ts: 1_000 + (i % 3_000),
          user: `u${i}`,
          model: i % 2 ? "odd" : "even",
          latencyMs: i,
          costNanoUsd: i * 1_000,
        }),
      );
      for (let at = 0; at < made.length; at += 1_000) record(made.slice(at, at + 1_000));
      const kept = made.map((trace) => stored(trace));
      const filters: Partial<TraceFilter>[] = [
        { model: "odd" },
        { model: "odd", minLatencyMs: 8_000 },
        { minLatencyMs: 8_990 },
        { minLatencyMs: 8_000, minCostNanoUsd: 8_500_000 },
        { minCostNanoUsd: 8_990_000, user: "u8995" },
        { session: "s1", model: "even", minLatencyMs: 40 },
      ];
      for (const given of filters) {
        const filter = { ...all, ...given };
        const expected = newestFirst(kept.filter((trace) => traceMatches(trace, filter))).slice(0, 50);
        expect(readTraces(db, filter, null, 50).traces).toEqual(expected);
      }
      db.close();
    },
    slowMs,
  );

  test("every filter is answered from an index, and no list reads a content", () => {
    const db = openFile({ path, timezone: "UTC" });
    const record = openTraceRecorder(db);
    record(fc.sample(traces, { numRuns: 50, seed: 7 }));
    const asked: string[] = [];
    const watched = new Proxy(db, {
      get(target, name) {
        if (name !== "query") return Reflect.get(target, name, target).bind(target);
        return (sql: string) => {
          asked.push(sql);
          return target.query(sql);
        };
      },
    });
    const filters: Partial<TraceFilter>[] = [
      {},
      { user: "a" },
      { session: "a" },
      { session: null },
      { minLatencyMs: 900 },
      { minCostNanoUsd: 1e9 },
      { idPrefix: "0000" },
      { status: "refused" },
    ];
    for (const filter of filters) readTraces(watched, { ...all, ...filter }, null, 10);
    expect(asked.length).toBeGreaterThan(filters.length);
    for (const sql of asked) {
      expect(sql).not.toContain("trace_content");
      if (!/FROM trace( |$)/m.test(sql)) continue;
      const plan = db.query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`).all();
      for (const { detail } of plan) expect(detail).not.toMatch(/^SCAN t(race)?$/);
    }
    db.close();
  });
});
