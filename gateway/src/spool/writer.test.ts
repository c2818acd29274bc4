import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { scanFrames } from "./frame";
import { temporaryDirectory, until } from "./testing/spool-world";
import { createTestDisk, type Fault } from "./testing/test-disk";
import { Writer, type WriterSettings } from "./writer";

let place: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  place = temporaryDirectory();
});
afterEach(() => place.remove());

function setUp(faults: readonly Fault[] = [], given: Partial<WriterSettings> = {}) {
  const testDisk = createTestDisk(faults);
  const happened: string[] = [];
  const writer = new Writer({
    ...{ disk: testDisk.disk, dir: place.dir, firstSeq: 1, segmentBytesMax: 100, totalBytesMax: 100_000 },
    ...{ syncEveryMs: 1, ballastBytes: 1_000 },
    fault: (what, { message }) => happened.push(`${what}: ${message}`),
    synced: () => happened.push("synced"),
    ...given,
  });
  /** As the spool does: the row keeps its file. */
  const put = (id: number) => {
    const segment = writer.append("end", payloadOf(id));
    if (segment) segment.pendingRows += 1;
    return segment;
  };
  return { writer, testDisk, happened, put };
}

const payloadOf = (id: number) => `{"id":${id}}`;
const logs = () =>
  readdirSync(place.dir)
    .filter((name) => name.endsWith(".log"))
    .sort();
const read = () =>
  logs().map((name) => scanFrames(readFileSync(join(place.dir, name))).frames.map(({ payload }) => payload));
const on = (name: Fault["on"], call: number, more: Partial<Fault> = {}): Fault => ({
  on: name,
  call,
  code: "EIO",
  ...more,
});

describe("records", () => {
  test("go to numbered files of a bounded size, in order", async () => {
    const { writer, put } = setUp();
    for (let id = 0; id < 30; id++) expect(put(id)).toMatchObject({ isBroken: false });
    expect(read().flat()).toEqual(Array.from({ length: 30 }, (_, id) => payloadOf(id)));
    expect(logs().slice(0, 2)).toEqual(["000000000001.log", "000000000002.log"]);
    for (const name of logs()) expect(statSync(join(place.dir, name)).size).toBeLessThanOrEqual(100);
    expect(writer.totalBytes).toBe(writer.segments.reduce((sum, { path }) => sum + statSync(path).size, 0));
    await writer.close();
  });

  test("larger than a file may be get one of their own", async () => {
    const { writer } = setUp();
    for (const length of [200, 5, 200]) writer.append("end", `{"a":"${"x".repeat(length)}"}`);
    expect(read().map(({ length }) => length)).toEqual([1, 1, 1]);
    await writer.close();
  });

  test("go on in a full file where no new one can be begun", async () => {
    const { writer, happened, put } = setUp([on("openSync", 4), on("openSync", 5)]);
    for (let id = 0; id < 9; id++) expect(put(id)).not.toBeNull();
    expect(happened.filter((each) => each.startsWith("append"))).toHaveLength(2);
    expect(read().flat()).toHaveLength(9);
    await writer.close();
  });

  test("are refused whole by a full disk, once the ballast is used up", async () => {
    const { writer, happened, put } = setUp([on("writeSync", 3, { isForGood: true, code: "ENOSPC" })]);
    expect(existsSync(join(place.dir, "ballast"))).toBe(true);
    expect([0, 1, 2, 3].map((id) => put(id) !== null)).toEqual([true, true, false, false]);
    expect(existsSync(join(place.dir, "ballast"))).toBe(false);
    expect(happened[0]).toBe("append: ENOSPC: writeSync");
    await writer.close();
  });

  test("find room in the ballast", async () => {
    const { writer, put } = setUp([on("writeSync", 2, { code: "ENOSPC" })]);
    for (let id = 0; id < 4; id++) expect(put(id)).not.toBeNull();
    expect(existsSync(join(place.dir, "ballast"))).toBe(false);
    expect(read().flat()).toHaveLength(4);
    await writer.close();
  });
});

describe("a sync", () => {
  test("covers every file that was written to since the last one", async () => {
    const { writer, testDisk, put } = setUp([], { syncEveryMs: 60_000 });
    for (let id = 0; id < 20; id++) put(id);
    const paths = writer.segments.map(({ path }) => path);
    expect(paths.length).toBeGreaterThan(3);
    await writer.sync();
    expect(testDisk.syncs.map(({ path }) => path)).toEqual(paths);
    await writer.sync();
    expect(testDisk.syncs).toHaveLength(paths.length);
    await writer.close();
  });

  test("that is waited for covers what was appended before, however many wait", async () => {
    const { writer, testDisk, put } = setUp([], { segmentBytesMax: 1_000_000, syncEveryMs: 60_000 });
    const waits: Promise<void>[] = [];
    for (let id = 0; id < 200; id++) {
      const segment = put(id)!;
      const bytes = segment.bytes;
      waits.push(
        writer.sync().then(() => {
          const frames = scanFrames(readFileSync(segment.path).subarray(0, bytes)).frames;
          expect(frames).toHaveLength(id + 1);
          expect(testDisk.durableBytes(segment.path)).toBeGreaterThanOrEqual(bytes);
        }),
      );
      if (id % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(waits);
    // In groups: not one for each.
    expect(testDisk.syncs.length).toBeLessThan(150);
    await writer.close();
  });

  test("comes by itself", async () => {
    const { writer, happened, put } = setUp();
    put(1);
    expect(happened).toEqual([]);
    await until(() => happened.length === 1);
    expect(happened).toEqual(["synced"]);
    await Bun.sleep(10);
    expect(happened).toEqual(["synced"]);
    await writer.close();
  });

  test("that fails is tried again on a new file, with the records in doubt written to it", async () => {
    const { writer, testDisk, happened, put } = setUp([on("fdatasync", 1)], { segmentBytesMax: 10_000 });
    put(1);
    put(2);
    const waiting = writer.sync();
    put(3);
    await waiting;
    expect(happened).toEqual(["sync: EIO: fdatasync", "synced"]);
    expect(read()).toEqual([
      [payloadOf(1), payloadOf(2), payloadOf(3)],
      [payloadOf(1), payloadOf(2), payloadOf(3)],
    ]);
    const [first, second] = writer.segments;
    expect(testDisk.syncs).toEqual([
      { path: first!.path, isFailed: true },
      { path: second!.path, isFailed: false },
    ]);
    expect(second!.ownFrom).toBe(second!.bytes);
    put(4);
    await writer.close();
    expect(testDisk.syncs.map(({ path }) => path).lastIndexOf(first!.path)).toBe(0);
  });

  test("is given up for those who wait after three files, and still tried", async () => {
    const faults = Array.from({ length: 5 }, (_, n) => on("fdatasync", n + 1));
    const { writer, testDisk, happened, put } = setUp(faults, { segmentBytesMax: 10_000 });
    put(1);
    await writer.sync();
    expect(happened).toEqual(Array(3).fill("sync: EIO: fdatasync"));
    expect(new Set(testDisk.syncs.map(({ path }) => path)).size).toBe(3);
    // Nobody waits any longer, but the record is not forgotten.
    put(2);
    await writer.sync();
    expect(happened).toHaveLength(3);
    await until(() => happened.includes("synced"));
    expect(new Set(testDisk.syncs.map(({ path }) => path)).size).toBe(6);
    expect(testDisk.durableBytes(writer.segments.at(-1)!.path)).toBe(writer.segments.at(-1)!.bytes);
    expect(read().at(-1)).toEqual([payloadOf(1), payloadOf(2)]);
    await writer.close();
  });

  test("does not keep a failing disk's records for ever, nor fill it with copies", async () => {
    const many = Array.from({ length: 40 }, (_, n) => on("fdatasync", n + 1));
    const { writer, happened } = setUp(many, { segmentBytesMax: 10_000, totalBytesMax: 100_000 });
    for (let id = 0; id < 100; id++) {
      writer.append("end", `{"a":"${"x".repeat(300)}"}`);
      if (id % 10 === 0) await Bun.sleep(2);
    }
    expect(writer.totalBytes).toBeLessThan(100_000 + 40_000);
    expect(happened.length).toBeGreaterThan(0);
    await writer.close();
  });
});

describe("a spent file", () => {
  const spend = (writer: Writer) => {
    for (const segment of writer.segments) Object.assign(segment, { openStarts: 0, pendingRows: 0 });
  };

  test("is deleted, oldest first, and not while a sync is under way", async () => {
    const { writer, happened, put } = setUp([], { syncEveryMs: 60_000 });
    for (let id = 0; id < 20; id++) put(id);
    const [oldest, ...later] = writer.segments;
    for (const segment of later) segment.pendingRows = 0;
    writer.removeSpent();
    expect(oldest!.pendingRows).toBeGreaterThan(0);
    expect(logs()[0]).toBe("000000000001.log");
    spend(writer);
    const syncing = writer.sync();
    writer.removeSpent();
    expect(logs().length).toBeGreaterThan(1);
    await syncing;
    expect(logs()).toHaveLength(1);
    expect(happened).toEqual(["synced"]);
    await writer.close();
    expect(readdirSync(place.dir)).toEqual([]);
  });

  test("that was not synced yet is not missed by the next sync", async () => {
    const { writer, happened, put } = setUp([], { syncEveryMs: 60_000 });
    for (let id = 0; id < 20; id++) put(id);
    spend(writer);
    writer.removeSpent();
    await writer.sync();
    expect(happened).toEqual(["synced"]);
    await writer.close();
  });

  test("that cannot be deleted is told of, and stops nothing", async () => {
    const { writer, happened, put } = setUp([on("rmSync", 1), on("closeSync", 8)]);
    for (let id = 0; id < 20; id++) put(id);
    spend(writer);
    await writer.close();
    expect(happened.filter((each) => each.startsWith("remove")).length).toBeGreaterThan(0);
    expect(logs()).toHaveLength(1);
  });
});

test("after close nothing is taken", async () => {
  const { writer, put } = setUp();
  await writer.close();
  expect(put(1)).toBeNull();
  expect([writer.segments, writer.totalBytes, readdirSync(place.dir)]).toEqual([[], 0, []]);
});
