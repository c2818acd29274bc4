import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createLog } from "@anyray/shared/log";
import { openStore } from "@anyray/shared/store/open";
import { runSpoolCommand } from "./cli";
import { lockSlot, type Slot } from "./slot";
import { Spool } from "./spool";
import { createMapStore } from "./testing/map-store";
import { rowOf, startOf, temporaryDirectory } from "./testing/spool-world";

let place: ReturnType<typeof temporaryDirectory>;
const held: Slot[] = [];
beforeEach(() => {
  place = temporaryDirectory();
});
afterEach(() => {
  for (const slot of held.splice(0)) slot.release();
  place.remove();
});

async function run(...args: string[]) {
  let out = "";
  let err = "";
  const code = await runSpoolCommand(args, {
    env: { ANYRAY_DATA_DIR: place.dir },
    print: (text) => {
      out += text;
    },
    complain: (text) => {
      err += text;
    },
  });
  return { code, out, err, table: out.split("\n").map((line) => line.trim().split(/ {2,}/)) };
}

const slotOf = (number: number) => join(place.dir, "spool", String(number));

/** What a gateway leaves that is stopped while its store is away: three rows and a call still running. */
async function leaveRows(number: number): Promise<void> {
  const store = createMapStore();
  store.isDown = true;
  mkdirSync(slotOf(number), { recursive: true });
  const log = createLog({ level: "error", service: "test", write: () => {} });
  const spool = new Spool({ dir: slotOf(number), store, log, fsync: "group", totalBytesMax: 1e9, ballastBytes: 0 });
  const ids = [1, 2, 3].map((id) => number * 100 + id);
  for (const id of ids) spool.end(rowOf(id));
  spool.start(startOf(rowOf(number * 100)));
  await spool.close(0);
}

async function storedRows(): Promise<number> {
  const store = await openStore({ dataDir: place.dir, timezone: "UTC" });
  try {
    return (await store.readRows({ from: 0, to: Number.MAX_SAFE_INTEGER }, null, 1_000)).rows.length;
  } finally {
    await store.close();
  }
}

function damage(number: number): void {
  const name = readdirSync(slotOf(number)).find((each) => each.endsWith(".log"))!;
  const path = join(slotOf(number), name);
  const bytes = readFileSync(path);
  bytes[40]! ^= 1;
  writeFileSync(path, bytes);
}

const header = ["slot", "state", "files", "rows", "interrupted", "new", "refused", "damaged", "torn bytes"];

describe("bun run spool", () => {
  test("verify shows each slot and changes nothing", async () => {
    await leaveRows(0);
    await leaveRows(10);
    await leaveRows(2);
    const { code, table } = await run("verify");
    expect(code).toBe(0);
    expect(table).toEqual([
      header,
      ["0", "whole", "1", "3", "1", "-", "-", "0", "0"],
      ["2", "whole", "1", "3", "1", "-", "-", "0", "0"],
      ["10", "whole", "1", "3", "1", "-", "-", "0", "0"],
      [""],
    ]);
    expect((await run("verify")).table).toEqual(table);
    expect(readdirSync(place.dir)).toEqual(["spool"]);
  });

  test("replay brings every slot into the store, once", async () => {
    await leaveRows(0);
    await leaveRows(1);
    const first = await run("replay");
    expect(first.code).toBe(0);
    expect(first.table.slice(1, 3)).toEqual([
      ["0", "stored", "1", "3", "1", "4", "0", "0", "0"],
      ["1", "stored", "1", "3", "1", "4", "0", "0", "0"],
    ]);
    expect(await storedRows()).toBe(8);
    const again = await run("replay");
    expect([again.code, again.table[1]]).toEqual([0, ["0", "empty", "0", "0", "0", "0", "0", "0", "0"]]);
    expect(await storedRows()).toBe(8);
  });

  test("leaves alone what a running gateway holds, and says so", async () => {
    await leaveRows(0);
    await leaveRows(1);
    held.push(lockSlot(slotOf(0))!);
    for (const command of ["verify", "replay"]) {
      const { code, table, out } = await run(command);
      expect(code).toBe(3);
      expect(table[1]).toEqual(["0", "in use", "-", "-", "-", "-", "-", "-", "-"]);
      expect(table[2]![0]).toBe("1");
      expect(out).toEndWith("Slots in use are a running gateway's: it stores their rows itself.\n");
    }
    expect(readdirSync(slotOf(0)).filter((name) => name.endsWith(".log"))).toHaveLength(1);
    expect(await storedRows()).toBe(4);
  });

  test("tells of damage by its exit code, keeps the file and stores the rest", async () => {
    await leaveRows(0);
    damage(0);
    expect(await run("verify")).toMatchObject({ code: 1 });
    const { code, table } = await run("replay");
    expect([code, table[1]]).toEqual([1, ["0", "damaged", "1", "2", "1", "3", "0", "1", "0"]]);
    expect(readdirSync(slotOf(0)).some((name) => name.endsWith(".log.damaged"))).toBe(true);
    expect(await storedRows()).toBe(3);
  });

  test("says when there is nothing, and takes another directory", async () => {
    expect(await run("verify")).toMatchObject({ code: 0, out: `no spool in ${join(place.dir, "spool")}\n` });
    await leaveRows(0);
    const other = join(place.dir, "other");
    expect(await run("replay", "--data-dir", other)).toMatchObject({
      code: 0,
      out: `no spool in ${join(other, "spool")}\n`,
    });
    expect((await run("verify", `--data-dir=${place.dir}`)).table[1]![0]).toBe("0");
  });

  test("explains itself", async () => {
    for (const flag of ["--help", "-h"]) {
      const { code, out, err } = await run(flag);
      expect([code, err]).toEqual([0, ""]);
      expect(out).toStartWith("Usage: bun run spool <command>");
    }
  });

  test.each([
    [[], "say what to do: verify or replay"],
    [["burn"], "say what to do: verify or replay"],
    [["verify", "replay"], 'one command at a time: "replay" is one too many'],
    [["verify", "--data-dir"], "--data-dir"],
    [["verify", "--data-dir="], "--data-dir needs the path of a directory"],
    [["verify", "--force"], "--force"],
  ])("does not guess: %p", async (args, complaint) => {
    const { code, out, err } = await run(...args);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(complaint);
    expect(err).toContain("Usage: bun run spool");
  });

  test("fails with the store, and deletes nothing", async () => {
    await leaveRows(0);
    mkdirSync(join(place.dir, "anyray.db"));
    const { code, err } = await run("replay");
    expect(code).toBe(1);
    expect(err).toContain("nothing of the slot at hand was deleted");
    expect((await run("verify")).table[1]).toEqual(["0", "whole", "1", "3", "1", "-", "-", "0", "0"]);
  });

  test("names a bad variable", async () => {
    let err = "";
    const complain = (text: string) => {
      err += text;
    };
    const code = await runSpoolCommand(["verify"], { env: { ANYRAY_REPORT_TZ: "Mars" }, print: () => {}, complain });
    expect(code).toBe(78);
    expect(err).toContain("ANYRAY_REPORT_TZ");
  });

  test("works as a command", async () => {
    await leaveRows(0);
    const root = resolve(import.meta.dir, "../../..");
    const child = Bun.spawn([process.execPath, "run", "spool", "replay", "--data-dir", place.dir], {
      cwd: root,
      stdout: "pipe",
      stderr: "ignore",
    });
    const out = await new Response(child.stdout).text();
    expect(await child.exited).toBe(0);
    expect(out).toContain("0     stored  1");
    expect(await storedRows()).toBe(4);
  });
});
