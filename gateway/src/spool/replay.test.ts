import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SpendRow } from "@anyray/shared/store/spend-row";
import { encodeFrame, type FrameType, frameBufferBytes } from "./frame";
import { replaySpool, verifySpool } from "./replay";
import { createSpoolWorld, rowOf, type SpoolWorld, startOf } from "./testing/spool-world";

let world: SpoolWorld;
beforeEach(() => {
  world = createSpoolWorld();
});
afterEach(() => world.remove());

type Written = [FrameType, object | string];
const buffer = Buffer.alloc(frameBufferBytes);
const nameOf = (seq: number) => `${String(seq).padStart(12, "0")}.log`;
const started = (id: number): Written => ["start", startOf(rowOf(id))];
const ended = (id: number): Written => ["end", rowOf(id)];
const dropped = (id: number): Written => ["drop", { id: rowOf(id).id }];

/** Where each record begins. */
function write(seq: number, ...records: Written[]): number[] {
  const parts = records.map(([type, record]) => {
    const payload = typeof record === "string" ? record : JSON.stringify(record);
    return Buffer.from(buffer.subarray(0, encodeFrame(buffer, type, payload)));
  });
  writeFileSync(join(world.dir, nameOf(seq)), Buffer.concat(parts));
  return parts.map((_, at) => parts.slice(0, at).reduce((sum, { length }) => sum + length, 0));
}

function damage(seq: number, at: number): void {
  const path = join(world.dir, nameOf(seq));
  const bytes = readFileSync(path);
  bytes[at]! ^= 0x55;
  writeFileSync(path, bytes);
}

const replay = () => replaySpool(world.dir, world.store);
const stored = () => [...world.store.rows.values()];
const files = () => readdirSync(world.dir).sort();

describe("what a former process left", () => {
  test("is nothing, in a new directory and in none", async () => {
    expect(await replay()).toMatchObject({ segments: 0, rows: 0 });
    expect(await replaySpool(join(world.dir, "none"), world.store)).toMatchObject({ segments: 0, rows: 0 });
  });

  test("is stored in order, then deleted; a second replay finds nothing", async () => {
    write(1, started(1), ended(1), started(2));
    write(3, ended(2), started(3), ended(3));
    expect(await replay()).toEqual({
      ...{ segments: 2, rows: 3, interrupted: 0, newRows: 3 },
      ...{ quarantined: 0, damagedRecords: 0, tornBytes: 0 },
    });
    expect(stored()).toEqual([rowOf(1), rowOf(2), rowOf(3)]);
    expect(files()).toEqual([]);
    expect(await replay()).toMatchObject({ segments: 0, newRows: 0 });
  });

  test("gives an interrupted row for a start without end, none for one that was dropped", async () => {
    write(1, started(1), started(2), started(3));
    write(2, dropped(2), ended(3));
    expect(await replay()).toMatchObject({ rows: 1, interrupted: 1, newRows: 2 });
    expect(stored()).toMatchObject([
      rowOf(3),
      { id: rowOf(1).id, endReason: "interrupted", estimated: true, inputTokens: 7 },
    ]);
  });

  test("may hold records twice, as after a failed sync, and rows the store has", async () => {
    await world.store.recordSpend([rowOf(1), rowOf(2)]);
    write(1, started(1), ended(1), started(2));
    write(2, started(1), ended(1), started(2), ended(2), started(3));
    expect(await replay()).toMatchObject({ rows: 3, interrupted: 1, newRows: 1 });
    expect(stored().slice(0, 2)).toEqual([rowOf(1), rowOf(2)]);
  });

  test("never puts an interrupted row over the real one, whichever copy of the records was lost", async () => {
    write(1, started(1), ended(1));
    write(2, started(1));
    await replay();
    expect(stored()).toEqual([rowOf(1)]);
  });

  test("is stored in batches a store takes", async () => {
    const count = 1_700;
    const records = Array.from({ length: count }, (_, id) => [
      started(id),
      id % 3 === 0 ? dropped(id) : ended(id),
    ]).flat();
    write(1, ...records);
    expect(await replay()).toMatchObject({ newRows: count - Math.ceil(count / 3) });
    expect(Math.max(...world.store.batches.map(({ length }) => length))).toBeLessThanOrEqual(1_000);
  });

  test("stays when the store is away, and is stored later", async () => {
    write(1, started(1), ended(1), started(2));
    world.store.isDown = true;
    await expect(replay()).rejects.toThrow("away");
    expect(files()).toEqual([nameOf(1)]);
    world.store.isDown = false;
    expect(await replay()).toMatchObject({ newRows: 2 });
  });

  test("stays when the store goes away in the middle of it", async () => {
    write(1, ...Array.from({ length: 600 }, (_, id) => ended(id)));
    world.store.before = () => {
      world.store.isDown = world.store.batches.length > 1;
    };
    await expect(replay()).rejects.toThrow("away");
    expect(files()).toEqual([nameOf(1)]);
    world.store.before = () => {};
    world.store.isDown = false;
    expect(await replay()).toMatchObject({ rows: 600, newRows: 100 });
  });
});

describe("a row the store refuses", () => {
  const isPoison = ({ id }: SpendRow) => id === rowOf(2).id || id === rowOf(4).id;

  test("does not keep the others out nor the gateway from starting", async () => {
    world.store.refuses = isPoison;
    write(1, ended(1), ended(2), ended(3), started(4));
    expect(await replay()).toMatchObject({ rows: 3, interrupted: 1, newRows: 2, quarantined: 2 });
    expect(stored()).toEqual([rowOf(1), rowOf(3)]);
    expect(world.quarantined()).toEqual([rowOf(2).id, rowOf(4).id]);
    expect(files()).toEqual(["quarantine.jsonl"]);
  });

  test("is set aside also when there are no others", async () => {
    world.store.refuses = isPoison;
    write(1, ended(2), ended(4));
    expect(await replay()).toMatchObject({ quarantined: 2 });
    expect(world.quarantined()).toHaveLength(2);
  });
});

describe("damage", () => {
  test("costs its record alone; the file is kept under a name of its own", async () => {
    for (const expected of [`${nameOf(1)}.damaged`, `${nameOf(1)}.damaged-2`, `${nameOf(1)}.damaged-3`]) {
      world.store.rows.clear();
      const [, second] = write(1, ended(1), ended(2), ended(3));
      write(2, ended(4));
      damage(1, second! + 30);
      expect(await replay()).toMatchObject({ rows: 3, damagedRecords: 1, tornBytes: 0 });
      expect(stored()).toEqual([rowOf(1), rowOf(3), rowOf(4)]);
      expect(files().at(-1)).toBe(expected);
    }
    expect(await replay()).toMatchObject({ segments: 0 });
  });

  test("of an end leaves the start, which tells of the call", async () => {
    const [, second] = write(1, started(1), ended(1));
    damage(1, second! + 30);
    expect(await replay()).toMatchObject({ rows: 0, interrupted: 1, damagedRecords: 1 });
    expect(stored()).toMatchObject([{ id: rowOf(1).id, endReason: "interrupted" }]);
  });

  test("of the tail is a write cut short: nothing is kept of it", async () => {
    write(1, ended(1), ended(2));
    const path = join(world.dir, nameOf(1));
    writeFileSync(path, readFileSync(path).subarray(0, -7));
    expect(await replay()).toMatchObject({ rows: 1, damagedRecords: 0, tornBytes: expect.any(Number) });
    expect(files()).toEqual([]);
  });

  test("that still has the right checksum does not stop the start", async () => {
    write(1, ["end", "{no json}"], ended(1), ["drop", "{}"]);
    expect(await replay()).toMatchObject({ rows: 1, damagedRecords: 1 });
    expect(files()).toEqual([`${nameOf(1)}.damaged`]);
  });
});

test("verifying finds the same and changes nothing", async () => {
  const [, second] = write(1, started(1), ended(2), ended(3));
  write(2, started(9), ended(1), dropped(9), started(5));
  damage(1, second! + 20);
  const before = files().map((name) => readFileSync(join(world.dir, name), "hex"));
  const found = verifySpool(world.dir);
  expect(found).toMatchObject({ segments: 2, rows: 2, interrupted: 1, damagedRecords: 1, newRows: 0 });
  expect(files().map((name) => readFileSync(join(world.dir, name), "hex"))).toEqual(before);
  expect(await replay()).toEqual({ ...found, newRows: 3 });
});
