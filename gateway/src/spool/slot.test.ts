import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { lockSlot, orphanSlots, type Slot, takeSlot } from "./slot";
import { type Child, startChild } from "./testing/child";
import { temporaryDirectory } from "./testing/spool-world";

let place: ReturnType<typeof temporaryDirectory>;
const children: Child[] = [];
const held: Slot[] = [];
beforeEach(() => {
  place = temporaryDirectory();
});
afterEach(async () => {
  for (const slot of held.splice(0)) slot.release();
  await Promise.all(children.splice(0).map((child) => child.kill()));
  place.remove();
});

const keep = (slot: Slot | null) => {
  if (slot) held.push(slot);
  return slot && basename(slot.dir);
};

async function startHolder(): Promise<{ child: Child; slot: string; found: string[] }> {
  const child = startChild("hold-slot", [place.dir]);
  children.push(child);
  return { child, ...(JSON.parse(await child.line()) as { slot: string; found: string[] }) };
}

describe("a slot", () => {
  test("is one process's at a time, and free at once when that is killed", async () => {
    const [one, two] = await Promise.all([startHolder(), startHolder()]);
    expect([one.slot, two.slot].sort()).toEqual(["0", "1"]);
    // Looking for orphans, its own slot too, has not let go of it.
    for (const name of ["0", "1"]) expect(lockSlot(join(place.dir, name))).toBeNull();
    const third = takeSlot(place.dir);
    expect(keep(third)).toBe("2");

    await one.child.kill();
    const orphans = [...orphanSlots(place.dir)];
    expect(orphans.map(keep)).toEqual([one.slot]);
    for (const slot of held.splice(0)) slot.release();
    const again = await startHolder();
    expect(again.slot).toBe([one.slot, "2"].sort()[0]!);
    expect(again.found).toEqual([one.slot, "2", one.slot, "2"].filter((name) => name !== again.slot));
  }, 20_000);

  test("is not taken twice by one process", () => {
    expect([takeSlot(place.dir), takeSlot(place.dir), takeSlot(place.dir)].map(keep)).toEqual(["0", "1", "2"]);
    expect(lockSlot(join(place.dir, "1"))).toBeNull();
    expect([...orphanSlots(place.dir)]).toEqual([]);
    expect(takeSlot(join(place.dir, "elsewhere")).release()).toBeUndefined();
  });

  test("can be taken again once released, also twice", () => {
    const slot = takeSlot(place.dir);
    slot.release();
    slot.release();
    expect(keep(takeSlot(place.dir))).toBe("0");
  });

  test("is its owner's alone to read", () => {
    const slot = takeSlot(join(place.dir, "spool"));
    keep(slot);
    expect(statSync(slot.dir).mode & 0o777).toBe(0o700);
  });

  test("is nothing else that lies there", () => {
    expect([...orphanSlots(join(place.dir, "none"))]).toEqual([]);
    for (const name of ["x", "1.old", "-1"]) mkdirSync(join(place.dir, name));
    writeFileSync(join(place.dir, "7"), "a file");
    mkdirSync(join(place.dir, "3"));
    expect([...orphanSlots(place.dir)].map(keep)).toEqual(["3"]);
  });
});
