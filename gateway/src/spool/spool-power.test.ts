// What a power cut takes: bytes that no successful sync had covered, names of files whose directory was not synced,
// and whatever the kernel gave up after a failed sync.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { replaySpool } from "./replay";
import { createLink } from "./testing/map-store";
import { createSpoolWorld, rowOf, startOf } from "./testing/spool-world";
import { createTestDisk, type Fault } from "./testing/test-disk";

interface Story {
  /** Calls that end together, then a pause in turns of the event loop; 5 and more are a time in which a sync begins. */
  bursts: { calls: number; turns: number }[];
  /** In turns after the last burst. */
  cutAfter: number;
  /** Every row, or ten, to a file. */
  segmentBytesMax: number;
  faults: Fault[];
}

const fault = (on: "fdatasync" | "fsyncSync" | "openSync" | "writeSync") =>
  fc.record({ on: fc.constant(on), call: fc.integer({ min: 1, max: 12 }), code: fc.constant("EIO" as const) });

const story: fc.Arbitrary<Story> = fc.record({
  bursts: fc.array(fc.record({ calls: fc.integer({ min: 1, max: 5 }), turns: fc.nat(6) }), {
    minLength: 1,
    maxLength: 8,
  }),
  cutAfter: fc.nat(8),
  segmentBytesMax: fc.constantFrom(500, 9_000),
  faults: fc.array(fc.oneof(fault("fdatasync"), fault("fsyncSync"), fault("openSync"), fault("writeSync")), {
    maxLength: 2,
  }),
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function tell({ bursts, cutAfter, segmentBytesMax, faults }: Story, fsync: "group" | "always") {
  const world = createSpoolWorld();
  try {
    const testDisk = createTestDisk(faults);
    const { link, cut } = createLink(world.store);
    world.store.isDown = true;
    const ended: string[] = [];
    const acknowledged = new Set<string>();
    let before: string[] = [];
    let covered: string[] = [];
    const spool = world.open({
      ...{ disk: testDisk.disk, store: link, fsync, segmentBytesMax, syncEveryMs: 0 },
      synced() {
        // A sync covers what was there when it began: at the latest when the one before it ended.
        covered = before;
        before = [...ended];
      },
    });
    let id = 0;
    for (const { calls, turns } of bursts) {
      for (let n = 0; n < calls; n++) {
        const row = rowOf(id++);
        spool.start(startOf(row));
        const durable = spool.end(row);
        ended.push(row.id);
        expect(durable === undefined || fsync === "always").toBe(true);
        void durable?.then(() => acknowledged.add(row.id));
      }
      if (turns >= 5) await Bun.sleep(2);
      else for (let n = 0; n < turns; n++) await turn();
    }
    for (let n = 0; n < cutAfter; n++) await turn();
    cut();
    testDisk.die();
    testDisk.cutPower();
    world.store.isDown = false;
    await replaySpool(world.dir, world.store);
    const kept = new Map([...world.store.rows].filter(([, { endReason }]) => endReason !== "interrupted"));
    for (const [rowId, row] of kept) expect(row).toEqual(rowOf(ended.indexOf(rowId)));
    expect([...world.store.rows.keys()].filter((rowId) => !ended.includes(rowId))).toEqual([]);
    return { acknowledged, covered, kept, isHit: testDisk.isHit() };
  } finally {
    world.remove();
  }
}

/** The spool can be opened, and no row is refused by the disk: the ballast makes up for one failed write. */
const isSurvivable = ({ faults }: Story) => {
  const others = faults.filter(({ on }) => on !== "fdatasync");
  return others.length < 2 && others.every(({ call }) => call > 2);
};

describe("a power cut", () => {
  test("takes nothing that was acknowledged with ANYRAY_SPEND_FSYNC=always", async () => {
    let acknowledgements = 0;
    await fc.assert(
      fc.asyncProperty(story, async (given) => {
        fc.pre(isSurvivable(given));
        const { acknowledged, kept } = await tell(given, "always");
        acknowledgements += acknowledged.size;
        expect([...acknowledged].filter((id) => !kept.has(id))).toEqual([]);
      }),
      { numRuns: 120 },
    );
    expect(acknowledgements).toBeGreaterThan(200);
  }, 60_000);

  test("takes at most what came since the last sync began otherwise", async () => {
    let rows = 0;
    await fc.assert(
      fc.asyncProperty(story, async (given) => {
        fc.pre(isSurvivable(given));
        const { covered, kept } = await tell(given, "group");
        rows += covered.length;
        expect(covered.filter((id) => !kept.has(id))).toEqual([]);
      }),
      { numRuns: 120 },
    );
    expect(rows).toBeGreaterThan(100);
  }, 60_000);
});
