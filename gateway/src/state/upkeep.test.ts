import { afterEach, describe, expect, test } from "bun:test";
import { createLog } from "@anyray/shared/log";
import type { CapRejections } from "@anyray/shared/store/store";
import { Caps } from "./caps";
import { Upkeep, type UpkeepSettings } from "./upkeep";

const month = "2026-11";
const opened: Upkeep[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.stop();
});

type Given = Partial<UpkeepSettings["store"]> &
  Partial<Pick<UpkeepSettings, "retentionDays" | "traceRetentionDays" | "traceBytesMax">>;

function setUp(given: Given = {}) {
  const { retentionDays = 0, traceRetentionDays = 0, traceBytesMax = 0, ...storeGiven } = given;
  const caps = new Caps({ timezone: "UTC", now: () => 1_000, waitMsMax: 1 });
  caps.adopt([{ user: "ada", monthlyTokens: 0 }], month, () => ({ usedTokens: 0, rejectedRequests: 0 }));
  const recorded: CapRejections[][] = [];
  const pruned: number[] = [];
  const prunedTraces: [before: number, bytesMax: number][] = [];
  const logged: Record<string, unknown>[] = [];
  const store: UpkeepSettings["store"] = {
    async recordRejections(rejections) {
      recorded.push([...rejections]);
    },
    async prune(before) {
      pruned.push(before);
      return 3;
    },
    async pruneTraces(before, bytesMax) {
      prunedTraces.push([before, bytesMax]);
      return 5;
    },
    ...storeGiven,
  };
  const log = createLog({ level: "debug", service: "test", write: (line) => logged.push(JSON.parse(line)) });
  const upkeep = new Upkeep({ store, caps, log, retentionDays, traceRetentionDays, traceBytesMax });
  opened.push(upkeep);
  const refuse = () => {
    const signal = new AbortController().signal;
    const request = { user: "ada", month, model: null, inputTokens: 1, maxOutputTokens: 1, signal };
    expect(() => caps.reserve(request)).toThrow();
  };
  return { upkeep, caps, recorded, pruned, prunedTraces, logged, refuse };
}

describe("refusals", () => {
  test("of a retry storm reach the store as one row, and only once", async () => {
    const { upkeep, recorded, refuse } = setUp();
    for (let n = 0; n < 5_000; n++) refuse();
    await upkeep.storeRejections();
    await upkeep.storeRejections();
    expect(recorded).toEqual([[{ user: "ada", month, rejected: 5_000, firstAt: 1_000, lastAt: 1_000 }]]);
  });

  test("that the store does not take are kept, with those that come meanwhile", async () => {
    let isDown = true;
    const taken: number[] = [];
    const { upkeep, refuse } = setUp({
      async recordRejections(rejections) {
        await Bun.sleep(1);
        if (isDown) throw new Error("away");
        for (const { rejected } of rejections) taken.push(rejected);
      },
    });
    refuse();
    const failing = upkeep.storeRejections();
    refuse();
    await failing;
    refuse();
    isDown = false;
    await upkeep.storeRejections();
    expect(taken).toEqual([3]);
  });

  test("are stored each second, and a last time at the end", async () => {
    const { upkeep, recorded, refuse } = setUp();
    refuse();
    const deadline = performance.now() + 3_000;
    while (recorded.length === 0 && performance.now() < deadline) await Bun.sleep(10);
    expect(recorded).toHaveLength(1);
    refuse();
    await upkeep.stop();
    expect(recorded).toHaveLength(2);
  });
});

describe("old rows", () => {
  const dayMs = 86_400_000;

  test("are deleted from the start on, by the age that is set", async () => {
    const before = Date.now() - 30 * dayMs;
    const { pruned, logged } = setUp({ retentionDays: 30 });
    const after = Date.now() - 30 * dayMs;
    expect(pruned).toHaveLength(1);
    expect(pruned[0]).toBeGreaterThanOrEqual(before);
    expect(pruned[0]).toBeLessThanOrEqual(after);
    await Bun.sleep(1);
    expect(logged).toMatchObject([{ level: "info", rows: 3, retentionDays: 30 }]);
  });

  test("are kept for ever with 0", async () => {
    const { upkeep, pruned } = setUp({ retentionDays: 0 });
    await upkeep.prune();
    expect(pruned).toEqual([]);
  });

  test("are not deleted twice at a time, and a failure is no end of it", async () => {
    const waiting: { reject(error: Error): void }[] = [];
    const { upkeep, logged } = setUp({
      retentionDays: 1,
      prune: () => new Promise<number>((_, reject) => waiting.push({ reject })),
    });
    await upkeep.prune();
    expect(waiting).toHaveLength(1);
    waiting[0]!.reject(new Error("away"));
    await Bun.sleep(1);
    expect(logged).toMatchObject([{ level: "warn" }]);
    void upkeep.prune();
    expect(waiting).toHaveLength(2);
    waiting[1]!.reject(new Error("away"));
  });
});

describe("old traces", () => {
  const dayMs = 86_400_000;

  test("are deleted from the start on, by age and by bytes", async () => {
    const earliest = Date.now() - 90 * dayMs;
    const { prunedTraces, logged } = setUp({ traceRetentionDays: 90, traceBytesMax: 7 });
    expect(prunedTraces).toEqual([[expect.any(Number), 7]]);
    expect(prunedTraces[0]![0]).toBeGreaterThanOrEqual(earliest);
    expect(prunedTraces[0]![0]).toBeLessThanOrEqual(Date.now() - 90 * dayMs);
    await Bun.sleep(1);
    expect(logged).toMatchObject([{ level: "info", traces: 5, traceRetentionDays: 90, traceBytesMax: 7 }]);
  });

  test("by bytes alone, whatever their age; with neither they are kept", async () => {
    expect(setUp({ traceBytesMax: 7 }).prunedTraces).toEqual([[0, 7]]);
    const { upkeep, prunedTraces } = setUp({});
    await upkeep.pruneTraces();
    expect(prunedTraces).toEqual([]);
  });

  test("are not deleted twice at a time, and a failure is no end of it", async () => {
    const waiting: { reject(error: Error): void }[] = [];
    const { upkeep, logged } = setUp({
      traceRetentionDays: 1,
      pruneTraces: () => new Promise<number>((_, reject) => waiting.push({ reject })),
    });
    await upkeep.pruneTraces();
    expect(waiting).toHaveLength(1);
    waiting[0]!.reject(new Error("away"));
    await Bun.sleep(1);
    expect(logged).toMatchObject([{ level: "warn" }]);
    void upkeep.pruneTraces();
    expect(waiting).toHaveLength(2);
    waiting[1]!.reject(new Error("away"));
  });
});
