import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "@anyray/shared/log";
import { PolicyInForce } from "@anyray/shared/policy-in-force";
import { openStore } from "@anyray/shared/store/open";
import type { Store } from "@anyray/shared/store/store";
import { KillSwitch } from "./kill-switch";
import { keepInFile, lookAtFile } from "./kill-switch-file";

const lines: string[] = [];
const log = createLog({ level: "info", service: "test", write: (line) => lines.push(line) });
const actor = { name: "admin", ip: "10.0.0.1", at: 1_000 };

let dir: string;
let store: Store;
let down: "no" | "fails" | "hangs";
const switches: KillSwitch[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "anyray-kill-"));
  store = await openStore({ dataDir: dir, timezone: "UTC" });
  down = "no";
  lines.length = 0;
});
afterEach(async () => {
  for (const each of switches.splice(0)) each.stop();
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

/** A gateway's switch; each has a data directory of its own, all have one store. */
async function openSwitch(given: { path?: string; isVariableSet?: boolean } = {}) {
  const failing: Store = Object.assign(Object.create(store), {
    changePolicy: (...args: Parameters<Store["changePolicy"]>) => {
      if (down === "fails") return Promise.reject(new Error("the disk is gone"));
      return down === "hangs" ? new Promise(() => {}) : store.changePolicy(...args);
    },
  });
  const policy = new PolicyInForce({ store, log, followEveryMs: 50, apply: async () => {} });
  await policy.load();
  const killSwitch = new KillSwitch({
    path: given.path ?? join(dir, "kill-switch"),
    isVariableSet: given.isVariableSet ?? false,
    ...{ store: failing, policy, log, everyMs: 20, storeMsMax: 100 },
  });
  await killSwitch.start();
  switches.push(killSwitch);
  return { killSwitch, policy };
}

const auditActions = async () => (await store.readAudit(null, 100)).map(({ action }) => action).reverse();

async function until(check: () => boolean | Promise<boolean>, timeoutMs = 4_000): Promise<void> {
  for (let waited = 0; !(await check()); waited += 10) {
    if (waited > timeoutMs) throw new Error(`never: ${check}`);
    await Bun.sleep(10);
  }
}

describe("engaging", () => {
  test("holds before anything is written", async () => {
    const { killSwitch } = await openSwitch();
    const engaging = killSwitch.engage("odd", actor);
    expect(killSwitch.isEngaged).toBe(true);
    expect(await engaging).toEqual({
      engaged: true,
      heldBy: ["admin"],
      reason: "odd",
      decidedAt: "1970-01-01T00:00:01Z",
      audited: true,
      kept: true,
    });
    expect(await auditActions()).toEqual(["kill-switch.engage"]);
  });

  test.each(["fails", "hangs"] as const)("works with a store that %s", async (how) => {
    const { killSwitch } = await openSwitch();
    down = how;
    const startedAt = performance.now();
    expect(await killSwitch.engage("odd", actor)).toMatchObject({ engaged: true, audited: false, kept: true });
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(await auditActions()).toEqual([]);
  });

  test("with store and disk gone says that it would not survive, and holds", async () => {
    mkdirSync(join(dir, "gone"));
    const { killSwitch } = await openSwitch({ path: join(dir, "gone", "kill-switch") });
    rmSync(join(dir, "gone"), { recursive: true });
    down = "fails";
    expect(await killSwitch.engage(null, actor)).toMatchObject({ engaged: true, audited: false, kept: false });
    await Bun.sleep(100);
    expect(killSwitch.isEngaged).toBe(true);
    down = "no";
    await until(() => killSwitch.report().audited);
    expect(killSwitch.report()).toMatchObject({ engaged: true, kept: true });
  });

  test("is audited once when the store is back, also by the process that comes after", async () => {
    const first = await openSwitch();
    down = "fails";
    await first.killSwitch.engage("odd", actor);
    first.killSwitch.stop();
    const { killSwitch } = await openSwitch();
    expect([killSwitch.isEngaged, killSwitch.report().audited]).toEqual([true, false]);
    down = "no";
    await until(() => killSwitch.report().audited);
    await Bun.sleep(100);
    expect(await store.readAudit(null, 10)).toMatchObject([
      { action: "kill-switch.engage", reason: "odd", ip: "10.0.0.1", at: 1_000, object: "optimizer" },
    ]);
    expect(await lookAtFile(join(dir, "kill-switch"))).toMatchObject({ kept: { audited: true } });
  }, 10_000);
});

describe("releasing", () => {
  test("is refused while it cannot be audited, and changes nothing", async () => {
    const { killSwitch } = await openSwitch();
    await killSwitch.engage("odd", actor);
    down = "fails";
    expect(killSwitch.release(null, actor)).rejects.toMatchObject({ code: "store_unavailable" });
    await Bun.sleep(60);
    expect([killSwitch.isEngaged, existsSync(join(dir, "kill-switch"))]).toEqual([true, true]);
    down = "no";
    expect(await killSwitch.release("well again", actor)).toMatchObject({ engaged: false, reason: "well again" });
    await until(() => !existsSync(join(dir, "kill-switch")));
    expect(await auditActions()).toEqual(["kill-switch.engage", "kill-switch.release"]);
  });

  test("does not lose what was engaged while the store was away", async () => {
    const { killSwitch } = await openSwitch();
    down = "fails";
    await killSwitch.engage("odd", actor);
    down = "no";
    expect(await killSwitch.release(null, actor)).toMatchObject({ engaged: false, audited: true });
    await Bun.sleep(100);
    expect(await auditActions()).toEqual(["kill-switch.engage", "kill-switch.release"]);
    expect([killSwitch.isEngaged, existsSync(join(dir, "kill-switch"))]).toEqual([false, false]);
  });

  test("ends neither the file's way nor the variable's", async () => {
    writeFileSync(join(dir, "kill-switch"), "by hand");
    const { killSwitch } = await openSwitch({ isVariableSet: true });
    expect(killSwitch.report().heldBy).toEqual(["file", "variable"]);
    await killSwitch.engage(null, actor);
    expect(await killSwitch.release(null, actor)).toMatchObject({ engaged: true, heldBy: ["file", "variable"] });
    rmSync(join(dir, "kill-switch"));
    await until(() => killSwitch.report().heldBy.join() === "variable");
    expect(killSwitch.isEngaged).toBe(true);
  });
});

describe("two gateways with data directories of their own", () => {
  const openTwo = async () => {
    for (const name of ["a", "b"]) mkdirSync(join(dir, name));
    const [a, b] = [
      await openSwitch({ path: join(dir, "a", "kill-switch") }),
      await openSwitch({ path: join(dir, "b", "kill-switch") }),
    ];
    for (const { policy } of [a, b]) policy.follow();
    const stop = () => {
      for (const { policy } of [a, b]) policy.stop();
    };
    return { a: a.killSwitch, b: b.killSwitch, stop };
  };

  test("follow each other, and the one's file does not outlive the other's release", async () => {
    const { a, b, stop } = await openTwo();
    await a.engage(null, actor);
    await until(() => b.isEngaged);
    // A clock that is behind does not make a later decision an earlier one.
    await b.release(null, { ...actor, at: 5 });
    await until(() => !a.isEngaged && readdirSync(join(dir, "a")).length === 0);
    stop();
  });

  test("and what one could not tell the other in time holds where it was done, and is told", async () => {
    const { a, b, stop } = await openTwo();
    down = "fails";
    await a.engage("odd", { ...actor, at: 2_000 });
    expect(b.isEngaged).toBe(false);
    down = "no";
    await until(() => b.isEngaged);
    expect(await auditActions()).toEqual(["kill-switch.engage"]);
    stop();
  });
});

describe("the file", () => {
  test("that cannot be read is there, and so is a directory of its name", async () => {
    const path = join(dir, "kill-switch");
    mkdirSync(path);
    const { killSwitch } = await openSwitch();
    expect(killSwitch.report().heldBy).toEqual(["file"]);
    rmSync(path, { recursive: true });
    await until(() => !killSwitch.isEngaged);
    // Root may read everything.
    if (process.getuid?.() === 0) return;
    writeFileSync(path, "");
    chmodSync(path, 0);
    await until(() => killSwitch.isEngaged);
  });

  test("made by hand is never overwritten, and half a decision is made by hand", async () => {
    const path = join(dir, "kill-switch");
    const kept = { decision: { id: "i", engaged: true, reason: null, at: 1 }, actor: "admin", ip: null, audited: true };
    await keepInFile(path, kept);
    expect(await lookAtFile(path)).toEqual({ isThere: true, kept });
    for (const text of [
      "x",
      '{"decision":{"id":"i","engaged":true,"at":1},"actor":"admin"}',
      JSON.stringify({ ...kept, decision: null }),
    ]) {
      writeFileSync(path, text);
      await keepInFile(path, kept);
      expect([await lookAtFile(path), await Bun.file(path).text()]).toEqual([{ isThere: true, kept: null }, text]);
    }
    expect(readdirSync(dir).filter((name) => name.startsWith("kill-switch"))).toEqual(["kill-switch"]);
  });
});

test("a change is one line in the log, and content of a file is none", async () => {
  const { killSwitch } = await openSwitch();
  writeFileSync(join(dir, "kill-switch"), "secret-of-the-file");
  await until(() => killSwitch.isEngaged);
  await Bun.sleep(100);
  rmSync(join(dir, "kill-switch"));
  await until(() => !killSwitch.isEngaged);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: "warn", msg: "the kill switch is engaged: the optimizer is not asked", heldBy: "file" },
    { level: "info", msg: "the kill switch is released" },
  ]);
  expect(lines.join()).not.toContain("secret-of-the-file");
});
