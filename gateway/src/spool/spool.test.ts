import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SpendRow } from "@anyray/shared/store/spend-row";
import { replaySpool, verifySpool } from "./replay";
import { createSpoolWorld, rowOf, type SpoolWorld, startOf, until } from "./testing/spool-world";

let world: SpoolWorld;
beforeEach(() => {
  world = createSpoolWorld();
});
afterEach(() => world.remove());

const rowsOf = (count: number, from = 0) => Array.from({ length: count }, (_, n) => rowOf(from + n));
const files = () => readdirSync(world.dir).filter((name) => name.endsWith(".log"));
const stored = () => [...world.store.rows.keys()];
const idsOf = (rows: readonly SpendRow[]) => rows.map(({ id }) => id);

describe("rows", () => {
  test("reach the store in their order, each once, and leave no file behind", async () => {
    const spool = world.open();
    const rows = rowsOf(100);
    for (const row of rows) {
      spool.start(startOf(row));
      expect(spool.end(row)).toBeUndefined();
    }
    await spool.close(10_000);
    expect(stored()).toEqual(idsOf(rows));
    expect([...world.store.rows.values()]).toEqual(rows);
    expect(files()).toEqual([]);
    expect(readdirSync(world.dir)).toEqual([]);
    expect(spool.state()).toMatchObject({ pendingRows: 0, pendingBytes: 0, segments: 0, dropped: 0, quarantined: 0 });
  });

  test("wait while the store is away, and arrive once when it is back", async () => {
    const spool = world.open();
    world.store.isDown = true;
    const rows = rowsOf(60);
    for (const row of rows) spool.end(row);
    await until(() => world.store.batches.length > 3);
    expect(spool.state()).toMatchObject({ pendingRows: 60, isStoreHealthy: false, isDiskHealthy: true });
    expect(spool.state().segments).toBeGreaterThan(1);
    world.store.isDown = false;
    expect(await spool.flush(10_000)).toBe(true);
    expect(stored()).toEqual(idsOf(rows));
    await until(() => spool.state().segments === 1);
    expect(spool.state()).toMatchObject({ pendingRows: 0, isStoreHealthy: true });
    await spool.close(100);
  });

  test("go to disk alone when memory holds enough, and come back in order, none lost and none twice", async () => {
    for (const queuedRowsMax of [1, 3, 8, 40]) {
      const { store } = world;
      store.isDown = true;
      store.rows.clear();
      store.batches.length = 0;
      const spool = world.open({ queuedRowsMax });
      const early = rowsOf(50);
      for (const row of early) {
        spool.start(startOf(row));
        spool.end(row);
      }
      expect([...spool.unstoredTokens("2026-11").values()]).toEqual([
        early.reduce((sum, row) => sum + row.inputTokens + row.outputTokens, 0),
      ]);
      store.isDown = false;
      const late = rowsOf(50, 50);
      for (const row of late) {
        spool.start(startOf(row));
        spool.end(row);
        await Bun.sleep(0);
      }
      await spool.flush(10_000);
      expect(stored()).toEqual(idsOf([...early, ...late]));
      const succeeded = store.batches.filter((batch) => store.rows.has(batch[0]!)).flat();
      expect(new Set(succeeded).size).toBe(100);
      expect(spool.unstoredTokens("2026-11").size).toBe(0);
      expect(spool.state()).toMatchObject({ pendingRows: 0, dropped: 0 });
      await spool.close(10_000);
      expect(files()).toEqual([]);
    }
  });

  test("that the store never takes are kept in quarantine.jsonl, and the others stored", async () => {
    const spool = world.open();
    world.store.refuses = ({ inputTokens }) => inputTokens % 10 === 3;
    const rows = rowsOf(40);
    for (const row of rows) spool.end(row);
    expect(await spool.flush(10_000)).toBe(true);
    const poisoned = rows.filter(({ inputTokens }) => inputTokens % 10 === 3);
    expect(world.quarantined()).toEqual(idsOf(poisoned));
    expect(new Set(stored())).toEqual(new Set(idsOf(rows.filter((row) => !poisoned.includes(row)))));
    expect(spool.state()).toMatchObject({ quarantined: 4, pendingRows: 0 });
    await spool.close(10_000);
    expect(files()).toEqual([]);
  });

  test("too large for the spool go to the store from memory", async () => {
    const spool = world.open();
    const huge = rowOf(1, { model: "m".repeat(300_000) });
    spool.start(startOf(huge));
    spool.end(huge);
    expect(await spool.flush(10_000)).toBe(true);
    expect(stored()).toEqual([huge.id]);
    await spool.close(10_000);
    expect(files()).toEqual([]);
  });

  test("of any shape come back from disk as they were", async () => {
    world.store.isDown = true;
    const spool = world.open({ queuedRowsMax: 0 });
    const strange = [
      rowOf(1, { user: "__proto__", team: "\u2028\u0000", labels: { "": "💥", a: 1e-7, b: false }, model: "\ud800" }),
      rowOf(2, { user: null, decisions: { context_compression: 3 }, costNanoUsd: null, ttftMs: 0.001 }),
    ];
    for (const row of strange) spool.end(row);
    world.store.isDown = false;
    await spool.close(10_000);
    await replaySpool(world.dir, world.store);
    expect([...world.store.rows.values()]).toEqual(strange);
  });
});

describe("flush", () => {
  test("waits for the rows so far, not for later ones", async () => {
    const spool = world.open({ batchRows: 2 });
    let isHeld = false;
    world.store.before = async () => {
      while (isHeld) await Bun.sleep(1);
    };
    expect(await spool.flush(0)).toBe(true);
    for (const row of rowsOf(2)) spool.end(row);
    const flushing = spool.flush(10_000);
    await until(() => world.store.rows.size === 2);
    isHeld = true;
    for (const row of rowsOf(5, 2)) spool.end(row);
    expect(await flushing).toBe(true);
    expect(world.store.rows.size).toBe(2);
    isHeld = false;
    await spool.close(10_000);
  });

  test("gives up when its time is over", async () => {
    world.store.isDown = true;
    const spool = world.open();
    spool.end(rowOf(1));
    const startedAt = performance.now();
    expect(await spool.flush(50)).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    await spool.close(0);
  });

  test("does not wait out the pause after a failure", async () => {
    world.store.isDown = true;
    const spool = world.open({ backoffMs: [60_000] });
    spool.end(rowOf(1));
    await until(() => !spool.state().isStoreHealthy);
    world.store.isDown = false;
    expect(await spool.flush(10_000)).toBe(true);
    await spool.close(0);
  });
});

describe("close", () => {
  test("leaves files that a replay makes whole when the store is away, with a row for calls still running", async () => {
    world.store.isDown = true;
    const spool = world.open({ queuedRowsMax: 10 });
    const rows = rowsOf(30);
    for (const row of rows) {
      spool.start(startOf(row));
      spool.end(row);
    }
    spool.start(startOf(rowOf(99)));
    spool.start(startOf(rowOf(98)));
    spool.drop(rowOf(98).id);
    await spool.close(20);
    expect(verifySpool(world.dir)).toMatchObject({ rows: 30, interrupted: 1, damagedRecords: 0, tornBytes: 0 });
    world.store.isDown = false;
    expect(await replaySpool(world.dir, world.store)).toMatchObject({ rows: 30, interrupted: 1, newRows: 31 });
    expect(stored()).toEqual(idsOf([...rows, rowOf(99)]));
    expect(files()).toEqual([]);
  });

  test("leaves files when a call is still running though every row is stored", async () => {
    const spool = world.open();
    spool.start(startOf(rowOf(1)));
    spool.end(rowOf(2));
    await spool.close(10_000);
    expect(verifySpool(world.dir)).toMatchObject({ rows: 1, interrupted: 1 });
  });

  test("is not undone by a store that answers afterwards", async () => {
    let release: () => void = () => {};
    world.store.before = () =>
      new Promise((resolve) => {
        release = resolve;
      });
    const spool = world.open({ segmentBytesMax: 600 });
    const rows = rowsOf(3);
    for (const row of rows) spool.end(row);
    await until(() => world.store.batches.length === 1);
    await spool.close(10);
    // Descriptors that the spool closed may be these files' now.
    const other = join(world.dir, "other");
    writeFileSync(other, "kept");
    release();
    await until(() => world.store.rows.size === 3);
    await Bun.sleep(5);
    expect(readFileSync(other, "utf8")).toBe("kept");
    world.store.before = () => {};
    expect(await replaySpool(world.dir, world.store)).toMatchObject({ rows: 3, newRows: 0 });
  });

  test("takes rows of calls that end meanwhile, and counts those that come after", async () => {
    world.store.isDown = true;
    const spool = world.open({ fsync: "always" });
    spool.end(rowOf(1));
    const closing = spool.close(300);
    await Bun.sleep(1);
    spool.end(rowOf(2));
    await closing;
    spool.end(rowOf(3));
    expect(spool.state().dropped).toBe(1);
    world.store.isDown = false;
    await replaySpool(world.dir, world.store);
    expect(stored()).toEqual(idsOf([rowOf(1), rowOf(2)]));
  });
});

describe("the spool's size", () => {
  test("is bounded: then rows live in memory, then they are counted as lost", async () => {
    world.store.isDown = true;
    const spool = world.open({ totalBytesMax: 20_000, segmentBytesMax: 4_000, queuedRowsMax: 60 });
    const rows = rowsOf(200);
    for (const row of rows) spool.end(row);
    const { dropped, pendingBytes, isDiskHealthy } = spool.state();
    expect(pendingBytes).toBeLessThanOrEqual(20_000);
    expect(isDiskHealthy).toBe(false);
    expect(dropped).toBeGreaterThan(0);
    expect(world.logged.filter((line) => line.includes("a spend row is lost"))).toHaveLength(dropped);
    world.store.isDown = false;
    expect(await spool.flush(10_000)).toBe(true);
    expect(world.store.rows.size).toBe(200 - dropped);
    // And there is room again.
    spool.end(rowOf(500));
    expect(spool.state().dropped).toBe(dropped);
    await spool.close(10_000);
    expect(stored()).toContain(rowOf(500).id);
  });

  test("is not used up by a call that runs on and on, which stays known", async () => {
    const spool = world.open({ totalBytesMax: 40_000, segmentBytesMax: 4_000 });
    const endless = [rowOf(9_001), rowOf(9_002), rowOf(9_003)];
    for (const row of endless) spool.start(startOf(row));
    for (let n = 0; n < 400; n++) {
      spool.start(startOf(rowOf(n)));
      spool.end(rowOf(n));
      if (n % 10 === 9) await spool.flush(10_000);
      if (n === 200) spool.end(endless[1]!);
    }
    expect(spool.state().dropped).toBe(0);
    // What is stored is let go of in the background, later on a busy machine; a full spool shows as unwell till then.
    for (let n = 0; n < 100 && !spool.state().isDiskHealthy; n++) {
      spool.end(rowOf(500));
      await spool.flush(10_000);
      await Bun.sleep(20);
    }
    expect(spool.state()).toMatchObject({ dropped: 0, isDiskHealthy: true });
    expect(spool.state().segments).toBeLessThanOrEqual(11);
    spool.end(endless[2]!);
    await spool.close(10_000);
    const more = world.store.rows.has(rowOf(500).id) ? 1 : 0;
    expect(world.store.rows.size).toBe(402 + more);
    // A start may outlive its end's segment: it counts as interrupted then, and the store knows its row already.
    expect(await replaySpool(world.dir, world.store)).toMatchObject({ newRows: 1 });
    expect(world.store.rows.size).toBe(403 + more);
    expect(world.store.rows.get(endless[0]!.id)).toMatchObject({ endReason: "interrupted" });
    expect(world.store.rows.get(endless[1]!.id)).toEqual(endless[1]!);
  });

  test("frees itself of stored rows however small it may be", async () => {
    const spool = world.open({ totalBytesMax: 1_048_576, segmentBytesMax: undefined as never });
    for (let n = 0; n < 3_000; n++) {
      spool.end(rowOf(n));
      if (n % 50 === 0) await spool.flush(10_000);
    }
    expect(spool.state()).toMatchObject({ dropped: 0, isDiskHealthy: true });
    await spool.close(10_000);
    expect(world.store.rows.size).toBe(3_000);
  });
});
