import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemDisk } from "./disk";
import { appendTo, createSegment, isSpent, leftSegments, removeSegment } from "./segment";
import { temporaryDirectory } from "./testing/spool-world";
import { createTestDisk } from "./testing/test-disk";

let place: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  place = temporaryDirectory();
});
afterEach(() => place.remove());

const hello = Buffer.from("hello, world");

describe("a segment", () => {
  test("is readable by its owner alone and known by its number", () => {
    const segment = createSegment(systemDisk, place.dir, 7);
    expect(statSync(segment.path).mode & 0o777).toBe(0o600);
    expect(leftSegments(systemDisk, place.dir)).toEqual([{ seq: 7, path: segment.path }]);
    expect(() => createSegment(systemDisk, place.dir, 7)).toThrow();
    removeSegment(systemDisk, segment);
    expect(existsSync(segment.path)).toBe(false);
  });

  test("is not left behind when its directory cannot be synced", () => {
    const { disk } = createTestDisk([{ on: "fsyncSync", call: 1, code: "EIO" }]);
    expect(() => createSegment(disk, place.dir, 1)).toThrow("EIO");
    expect(leftSegments(systemDisk, place.dir)).toEqual([]);
    removeSegment(disk, createSegment(disk, place.dir, 1));
  });

  test("is found among other files, oldest first, none where there is no directory", () => {
    for (const name of ["000000000010.log", "000000000002.log", "x.log", "2.log", "000000000003.log.damaged"]) {
      writeFileSync(join(place.dir, name), "");
    }
    mkdirSync(join(place.dir, "lock"));
    expect(leftSegments(systemDisk, place.dir).map(({ seq }) => seq)).toEqual([2, 10]);
    expect(leftSegments(systemDisk, join(place.dir, "none"))).toEqual([]);
  });

  test("is spent when it is sealed and nobody needs it", () => {
    const segment = createSegment(systemDisk, place.dir, 1);
    expect(isSpent(segment)).toBe(false);
    segment.isSealed = true;
    expect(isSpent(segment)).toBe(true);
    expect(isSpent({ ...segment, openStarts: 1 })).toBe(false);
    expect(isSpent({ ...segment, pendingRows: 1 })).toBe(false);
    removeSegment(systemDisk, segment);
  });
});

describe("an append", () => {
  test("goes on after a short write", () => {
    const { disk } = createTestDisk([{ on: "writeSync", call: 1, code: "EIO", isShort: true }]);
    const segment = createSegment(disk, place.dir, 1);
    appendTo(disk, segment, hello, hello.length);
    expect(readFileSync(segment.path)).toEqual(hello);
    removeSegment(disk, segment);
  });

  test("that fails half way leaves the file as it was", () => {
    const { disk } = createTestDisk([
      { on: "writeSync", call: 2, code: "ENOSPC", isShort: true },
      { on: "writeSync", call: 3, code: "ENOSPC" },
    ]);
    const segment = createSegment(disk, place.dir, 1);
    appendTo(disk, segment, hello, 5);
    expect(() => appendTo(disk, segment, hello, hello.length)).toThrow("ENOSPC");
    appendTo(disk, segment, hello, 5);
    expect(readFileSync(segment.path, "utf8")).toBe("hellohello");
    expect([segment.bytes, segment.isBroken]).toEqual([10, false]);
    removeSegment(disk, segment);
  });

  test("whose half cannot be taken back breaks the segment", () => {
    const { disk } = createTestDisk([
      { on: "writeSync", call: 1, code: "EIO", isShort: true },
      { on: "writeSync", call: 2, code: "EIO" },
      { on: "ftruncateSync", call: 1, code: "EIO" },
    ]);
    const segment = createSegment(disk, place.dir, 1);
    expect(() => appendTo(disk, segment, hello, hello.length)).toThrow("EIO: writeSync");
    expect([segment.bytes, segment.isBroken]).toEqual([0, true]);
    removeSegment(disk, segment);
  });

  test("of which the disk takes nothing is an error", () => {
    const segment = createSegment(systemDisk, place.dir, 1);
    const disk = { ...systemDisk, writeSync: () => 0 } as typeof systemDisk;
    expect(() => appendTo(disk, segment, hello, hello.length)).toThrow("short write");
    removeSegment(systemDisk, segment);
  });
});
