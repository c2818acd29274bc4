import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ballast } from "./ballast";
import { systemDisk } from "./disk";
import { temporaryDirectory } from "./testing/spool-world";
import { createTestDisk } from "./testing/test-disk";

let place: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  place = temporaryDirectory();
});
afterEach(() => place.remove());

const path = () => join(place.dir, "ballast");

describe("ballast", () => {
  test("takes its room once, and gives it back once", () => {
    const ballast = new Ballast(systemDisk, place.dir, 5_000);
    expect(statSync(path()).size).toBe(5_000);
    expect(ballast.drop()).toBe(true);
    expect(existsSync(path())).toBe(false);
    expect(ballast.drop()).toBe(false);
  });

  test("is given back though its directory cannot be synced", () => {
    const { disk } = createTestDisk([{ on: "fsyncSync", call: 1, code: "EIO" }]);
    expect(new Ballast(disk, place.dir, 5_000).drop()).toBe(true);
    expect(existsSync(path())).toBe(false);
  });

  test("does not ask a full disk for room again at once", () => {
    const ballast = new Ballast(systemDisk, place.dir, 5_000);
    ballast.drop();
    for (let n = 0; n < 10; n++) ballast.keep();
    expect(existsSync(path())).toBe(false);
  });

  test("is made whole where a former process left a part of it", () => {
    writeFileSync(path(), "x");
    new Ballast(systemDisk, place.dir, 5_000);
    expect(statSync(path()).size).toBe(5_000);
    const { disk, calls } = createTestDisk();
    new Ballast(disk, place.dir, 5_000);
    expect(calls["writeFileSync"]).toBeUndefined();
  });

  test("that there is no room for leaves nothing behind", () => {
    const { disk } = createTestDisk([{ on: "writeFileSync", call: 1, code: "ENOSPC" }]);
    writeFileSync(path(), "x");
    expect(new Ballast(disk, place.dir, 5_000).drop()).toBe(false);
    expect(existsSync(path())).toBe(false);
  });
});
