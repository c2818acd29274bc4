import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { systemDisk } from "./disk";
import { isWell, quarantineRows, siftRows } from "./quarantine";
import { createMapStore } from "./testing/map-store";
import { createSpoolWorld, rowOf, type SpoolWorld } from "./testing/spool-world";
import { createTestDisk } from "./testing/test-disk";

let world: SpoolWorld;
beforeEach(() => {
  world = createSpoolWorld();
});
afterEach(() => world.remove());

const path = () => join(world.dir, "quarantine.jsonl");
const items = (...ids: number[]) => ids.map((id) => ({ row: rowOf(id) }));

describe("quarantine.jsonl", () => {
  test("holds each row on a line of its own, for its owner alone, on the disk", () => {
    const { disk, cutPower } = createTestDisk();
    quarantineRows(disk, world.dir, [rowOf(1)]);
    quarantineRows(disk, world.dir, [rowOf(2, { team: "a\nb" })]);
    cutPower();
    expect(
      readFileSync(path(), "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([rowOf(1), rowOf(2, { team: "a\nb" })]);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
  });

  test("is as before when a row cannot be added", () => {
    quarantineRows(systemDisk, world.dir, [rowOf(1)]);
    for (const on of ["writeSync", "fdatasyncSync"] as const) {
      const { disk } = createTestDisk([{ on, call: 1, code: "ENOSPC" }]);
      expect(() => quarantineRows(disk, world.dir, [rowOf(2)])).toThrow("ENOSPC");
      expect(world.quarantined()).toEqual([rowOf(1).id]);
    }
  });

  test("loses no further row to a line that was cut short", () => {
    quarantineRows(systemDisk, world.dir, [rowOf(1)]);
    quarantineRows(systemDisk, world.dir, [rowOf(2)]);
    truncateSync(path(), statSync(path()).size - 20);
    quarantineRows(systemDisk, world.dir, [rowOf(3)]);
    expect(world.quarantined()).toEqual([rowOf(1).id, rowOf(3).id]);
  });
});

describe("sifting", () => {
  test("tells rows that are refused from those that are stored", async () => {
    const store = createMapStore();
    store.refuses = ({ id }) => id === rowOf(2).id;
    await store.recordSpend([rowOf(1)]);
    const { stored, refused, left, newRows } = await siftRows(items(1, 2, 3), store, null);
    expect(stored.map(({ row }) => row.id)).toEqual([rowOf(1).id, rowOf(3).id]);
    expect(refused.map(({ item, error }) => [item.row.id, error.message])).toEqual([
      [rowOf(2).id, `row ${rowOf(2).id} cannot be stored`],
    ]);
    expect([left, newRows]).toEqual([[], 1]);
  });

  test("decides nothing about rows while the store is away", async () => {
    const store = createMapStore();
    store.before = () => {
      store.isDown = store.batches.length >= 2;
    };
    const given = items(1, 2, 3);
    const { stored, refused, left } = await siftRows(given, store, null);
    expect([stored, refused, left]).toEqual([given.slice(0, 1), [], given.slice(1)]);
  });

  test("forgives a row that failed for a moment", async () => {
    const store = createMapStore();
    let failures = 1;
    store.refuses = () => failures-- > 0;
    const { stored, refused } = await siftRows(items(1, 2), store, null);
    expect([stored.length, refused.length]).toEqual([2, 0]);
  });
});

test("a store is well that takes writes, and again what it has", async () => {
  const store = createMapStore();
  expect(await isWell(store, null)).toBe(true);
  await store.recordSpend([rowOf(1)]);
  expect(await isWell(store, rowOf(1))).toBe(true);
  store.refuses = () => true;
  expect(await isWell(store, rowOf(1))).toBe(false);
  expect(await isWell(store, null)).toBe(true);
  store.isDown = true;
  expect(await isWell(store, null)).toBe(false);
});
