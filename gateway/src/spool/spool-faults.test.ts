// One scenario, run again and again with the n-th call of one function of the disk made to fail, for n = 1, 2, 3 …
// until the scenario is through without it. After each run, and a replay, every row is accounted for.

import { describe, expect, test } from "bun:test";
import type { SpendRow } from "@anyray/shared/store/spend-row";
import type { Disk } from "./disk";
import { replaySpool } from "./replay";
import type { Spool } from "./spool";
import { createLink } from "./testing/map-store";
import { createSpoolWorld, rowOf, type SpoolWorld, startOf } from "./testing/spool-world";
import { createTestDisk, type Fault, type TestDisk } from "./testing/test-disk";

const poison = rowOf(3);
const running = rowOf(90);
const dropped = rowOf(91);
const rows = Array.from({ length: 14 }, (_, n) => rowOf(n));

/** What the calls did before the process ended; `isKilled` = it did not close the spool. */
async function useSpool(spool: Spool, { store }: SpoolWorld, isKilled: boolean): Promise<void> {
  const run = async (some: readonly SpendRow[]) => {
    for (const row of some) spool.start(startOf(row));
    for (const row of some) {
      const durable = spool.end(row);
      if (some.length === 2) await durable;
    }
  };
  spool.start(startOf(running));
  await run(rows.slice(0, 5));
  await Bun.sleep(3);
  store.isDown = true;
  await run(rows.slice(5, 12));
  spool.start(startOf(dropped));
  spool.drop(dropped.id);
  await Bun.sleep(2);
  if (!isKilled) store.isDown = false;
  await run(rows.slice(12));
  if (!isKilled) await spool.flush(20);
}

function check(world: SpoolWorld, spool: Spool | null, disk: TestDisk, mayBeLost: boolean): void {
  const known = new Set([...world.store.rows.keys(), ...world.quarantined()]);
  const lost = rows.filter(({ id }) => !known.has(id));
  const counted = spool?.state().dropped ?? 0;
  if (spool) {
    expect(lost.length).toBeLessThanOrEqual(counted);
    const { pendingRows } = spool.state();
    expect(pendingRows).toBeGreaterThanOrEqual(0);
    expect(pendingRows).toBeLessThanOrEqual(rows.length);
  }
  for (const row of rows) {
    const found = world.store.rows.get(row.id);
    if (!found) continue;
    // The truth, or where that was counted as lost, what was known at the start.
    if (found.endReason === "interrupted") expect(mayBeLost || counted > 0).toBe(true);
    else expect(found).toEqual(row);
  }
  if (spool && !disk.isHit()) {
    expect(known.size).toBe(rows.length + 1);
    expect(world.store.rows.get(running.id)).toMatchObject({ endReason: "interrupted", estimated: true });
    expect(world.store.rows.has(dropped.id)).toBe(false);
  }
  const failed = disk.syncs.findIndex(({ isFailed }) => isFailed);
  if (failed >= 0) {
    const later = disk.syncs.slice(failed + 1).map(({ path }) => path);
    expect(later).not.toContain(disk.syncs[failed]!.path);
  }
}

async function runOnce(faults: readonly Fault[], isKilled: boolean, fsync: "group" | "always"): Promise<boolean> {
  const world = createSpoolWorld();
  const testDisk = createTestDisk(faults);
  const link = createLink(world.store);
  world.store.refuses = ({ id }) => id === poison.id;
  let spool: Spool | null = null;
  try {
    try {
      spool = world.open({ store: link.link, disk: testDisk.disk, fsync, queuedRowsMax: 6, segmentBytesMax: 1_500 });
    } catch {
      // The gateway does not start: nothing has been taken that could be lost.
      expect(testDisk.isHit()).toBe(true);
    }
    if (spool) {
      await useSpool(spool, world, isKilled);
      if (!isKilled) await spool.close(20);
    }
    const hasHit = testDisk.isHit();
    if (isKilled) {
      await Bun.sleep(2);
      link.cut();
      testDisk.die();
    }
    world.store.isDown = false;
    // As the next process does; its disk may be the one that fails, and then the one after that.
    const next = isKilled ? createTestDisk(hasHit ? [] : faults) : testDisk;
    await replaySpool(world.dir, world.store, next.disk).catch(() => {});
    await replaySpool(world.dir, world.store);
    const mayBeLost = isKilled && faults.some(({ isForGood }) => isForGood);
    check(world, isKilled ? null : spool, testDisk, mayBeLost);
    if (isKilled && spool && !mayBeLost) checkKilled(world);
    return hasHit || next.isHit();
  } finally {
    world.remove();
  }
}

/** Killed in the middle with the store away: one fault costs nothing. */
function checkKilled(world: SpoolWorld): void {
  const known = new Set([...world.store.rows.keys(), ...world.quarantined()]);
  expect(rows.filter(({ id }) => !known.has(id))).toEqual([]);
}

/** Several at a time: they mostly wait. Resolves with how many runs were hit. */
async function runThrough(fault: (call: number) => Fault[], isKilled: boolean, fsync: "group" | "always") {
  for (let first = 1; ; first += 10) {
    const calls = Array.from({ length: 10 }, (_, n) => first + n);
    const hits = await Promise.all(calls.map((call) => runOnce(fault(call), isKilled, fsync)));
    const missed = hits.indexOf(false);
    if (missed >= 0) return first - 1 + missed;
  }
}

/** How it fails → function and fault. `existsSync` never does. */
const faults: Record<string, [keyof Disk, Partial<Fault>]> = {
  "a file cannot be opened": ["openSync", {}],
  "a write fails": ["writeSync", {}],
  "a write is short": ["writeSync", { isShort: true }],
  "the disk is full in the middle of a write": ["writeSync", { isShort: true, isForGood: true, code: "ENOSPC" }],
  "the disk is full": ["writeSync", { isForGood: true, code: "ENOSPC" }],
  "a sync fails": ["fdatasync", {}],
  "every sync fails": ["fdatasync", { isForGood: true }],
  "quarantine cannot be synced": ["fdatasyncSync", {}],
  "a directory cannot be synced": ["fsyncSync", {}],
  "a file cannot be closed": ["closeSync", {}],
  "the end of quarantine cannot be read": ["readSync", {}],
  "a file cannot be read": ["readFileSync", {}],
  "there is no room for ballast": ["writeFileSync", { code: "ENOSPC" }],
  "a directory cannot be read": ["readdirSync", {}],
  "a file cannot be deleted": ["rmSync", {}],
  "a file cannot be looked at": ["statSync", {}],
};
const faultOf = (name: string) => (call: number) => {
  const [on, how] = faults[name]!;
  return [{ on, call, code: "EIO" as const, ...how }];
};
const names = Object.keys(faults);

describe("every row is in the store, in quarantine, or counted as lost", () => {
  test.each(names)(
    "when %s",
    async (name) => {
      expect(await runThrough(faultOf(name), false, "group")).toBeGreaterThan(0);
    },
    60_000,
  );

  test.each(["a file cannot be opened", "the disk is full", "a sync fails", "every sync fails"])(
    "when %s and answers wait for the disk",
    async (name) => {
      expect(await runThrough(faultOf(name), false, "always")).toBeGreaterThan(0);
    },
  );

  test("when a write is cut short and its half cannot be taken back", async () => {
    const both = (call: number): Fault[] => [
      { on: "writeSync", call, code: "ENOSPC", isShort: true },
      { on: "writeSync", call: call + 1, code: "ENOSPC" },
      { on: "ftruncateSync", call: 1, code: "EIO" },
    ];
    expect(await runThrough(both, false, "group")).toBeGreaterThan(0);
  }, 60_000);
});

describe("what a killed process could write is found again", () => {
  // Nothing is put into quarantine there, which is what files are looked at for.
  test.each(names.filter((name) => !/quarantine|looked at/.test(name)))(
    "when %s",
    async (name) => {
      expect(await runThrough(faultOf(name), true, "group")).toBeGreaterThan(0);
    },
    60_000,
  );
});
