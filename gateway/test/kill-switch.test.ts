// Three ways to switch the optimizer off, each on its own, each within 2 s, with the store locked and the optimizer
// hung, and over restarts. What was switched off is not asked, not even whether it is well.

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { KillSwitchReport } from "@anyray/shared/admin/kill-switch";
import { adminToken, startGateway, type TestGateway, until } from "./harness";
import { fatChat, type OptimizerWorld, openOptimizerWorld } from "./optimizer-world";

let world: OptimizerWorld;
beforeAll(async () => {
  world = await openOptimizerWorld();
});
afterAll(() => world.stop());

const off: KillSwitchReport = { engaged: false, heldBy: [], reason: null, decidedAt: null, audited: true, kept: true };
const fileOf = (gateway: TestGateway) => join(gateway.dataDir, "kill-switch");
const post = (gateway: TestGateway, body: unknown) =>
  gateway.admin<KillSwitchReport>("POST", "/admin/kill-switch", body);
const get = (gateway: TestGateway) => gateway.admin<KillSwitchReport>("GET", "/admin/kill-switch");
const refusedPost = async (gateway: TestGateway, body: string) => {
  const response = await fetch(`${gateway.url}/admin/kill-switch`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
    body,
  });
  const json = (await response.json()) as { error: { code: string; message: string } };
  return { status: response.status, code: json.error.code, message: json.error.message };
};
const auditOf = async (gateway: TestGateway) =>
  (
    await gateway.admin<{ entries: { action: string; reason: string | null; ip: string | null }[] }>(
      "GET",
      "/admin/audit",
    )
  ).entries;

/** One call: its outcome, and whether anything at all reached the optimizer for it. */
async function outcome(): Promise<string> {
  const asked = world.optimizer.asked.length;
  const { status, forwarded, session } = await world.chat(fatChat());
  const row = await world.rowOf(session);
  const isAsked = world.optimizer.asked.length > asked;
  // The switch may be found engaged while a question is out: what came of it does not count then.
  const wasOut = row.outcome === "off" && row.optimizeMs !== null;
  expect([status, forwarded === fatChat(), isAsked]).toEqual([
    200,
    row.outcome !== "optimized",
    row.outcome === "optimized" || wasOut,
  ]);
  return row.outcome;
}

async function expectWithin2s(check: () => Promise<boolean>): Promise<void> {
  await until(check, 2_000);
}

test("the admin's: from the next request on, told and audited, and released the same way", async () => {
  const { gateway, optimizer } = world;
  expect(await get(gateway)).toEqual(off);
  expect(await outcome()).toBe("optimized");

  const engaged = await post(gateway, { engaged: true, reason: "answers look odd" });
  expect(engaged).toMatchObject({
    engaged: true,
    heldBy: ["admin"],
    reason: "answers look odd",
    audited: true,
    kept: true,
  });
  expect(await outcome()).toBe("off");
  const { killSwitch } = await gateway.admin<{ killSwitch: KillSwitchReport }>("GET", "/admin/health");
  expect(killSwitch).toEqual(engaged);
  expect(await (await fetch(`${gateway.url}/metrics`)).text()).toContain("\nanyray_kill_switch_engaged 1\n");
  // What was on its way when it was engaged has arrived by now; nothing follows.
  await Bun.sleep(200);
  const looks = optimizer.looks();
  await Bun.sleep(1_200);
  expect([await outcome(), optimizer.looks()]).toEqual(["off", looks]);

  expect(await post(gateway, { engaged: false, reason: null })).toMatchObject({
    engaged: false,
    heldBy: [],
    audited: true,
  });
  expect(await outcome()).toBe("optimized");
  await until(() => !existsSync(fileOf(gateway)));
  expect(await auditOf(gateway)).toMatchObject([
    { action: "kill-switch.release", object: "optimizer", reason: null, ip: "127.0.0.1" },
    { action: "kill-switch.engage", object: "optimizer", reason: "answers look odd", ip: "127.0.0.1" },
    { action: "privacy.set", actor: "system" },
  ]);
});

test("the file's: as soon as it is there, whatever is in it; only its removal ends it", async () => {
  const { gateway } = world;
  for (const content of ["", "incident 12\n", "{", "x".repeat(100_000), '{"decision":{"engaged":false}}']) {
    writeFileSync(fileOf(gateway), content);
    await expectWithin2s(async () => (await outcome()) === "off");
    expect(await get(gateway)).toMatchObject({ engaged: true, heldBy: ["file"] });
    // The admin's own way is another: it neither ends this one nor overwrites it.
    expect(await post(gateway, { engaged: true })).toMatchObject({ heldBy: ["admin", "file"] });
    expect(await Bun.file(fileOf(gateway)).text()).toBe(content);
    expect(await post(gateway, { engaged: false })).toMatchObject({ engaged: true, heldBy: ["file"] });
    expect(await outcome()).toBe("off");
    rmSync(fileOf(gateway));
    await expectWithin2s(async () => (await outcome()) === "optimized");
  }
}, 30_000);

test("the variable's, and what the admin did, outlive a restart", async () => {
  const { gateway, provider, optimizer } = world;
  await post(gateway, { engaged: true, reason: "over night" });
  const env = { ANYRAY_PROVIDER_URL_OPENAI: provider.url, ANYRAY_OPTIMIZER_URL: optimizer.url };
  await gateway.stop("SIGKILL");
  const again = await startGateway({ env, dataDir: gateway.dataDir });
  world.gateway = again;
  expect(await get(again)).toMatchObject({ engaged: true, heldBy: ["admin"], reason: "over night", audited: true });
  expect(await outcome()).toBe("off");
  await again.stop();

  const held = await startGateway({ env: { ...env, ANYRAY_KILL_SWITCH: "true" }, dataDir: gateway.dataDir });
  world.gateway = held;
  expect(await get(held)).toMatchObject({ heldBy: ["admin", "variable"] });
  expect(await post(held, { engaged: false })).toMatchObject({ engaged: true, heldBy: ["variable"] });
  expect(await outcome()).toBe("off");
  await held.stop();

  const free = await startGateway({ env, dataDir: gateway.dataDir });
  world.gateway = free;
  expect(await get(free)).toMatchObject({ engaged: false, heldBy: [] });
  expect(await outcome()).toBe("optimized");
});

test("another gateway on the same store follows within 2 s", async () => {
  const { gateway, provider, optimizer } = world;
  const env = { ANYRAY_PROVIDER_URL_OPENAI: provider.url, ANYRAY_OPTIMIZER_URL: optimizer.url };
  const second = await startGateway({ env, dataDir: gateway.dataDir });
  for (const [one, other] of [
    [gateway, second],
    [second, gateway],
  ] as const) {
    await post(one, { engaged: true, reason: "here" });
    await expectWithin2s(async () => (await get(other)).engaged);
    await post(other, { engaged: false });
    await expectWithin2s(async () => !(await get(one)).engaged);
  }
  await second.stop();
});

test("with the store locked and the optimizer hung it is engaged all the same, and audited when the store is back", async () => {
  const { gateway, optimizer } = world;
  const before = (await auditOf(gateway)).length;
  optimizer.setManner("silent");
  const database = new Database(join(gateway.dataDir, "anyray.db"));
  database.run("BEGIN IMMEDIATE");
  const startedAt = performance.now();
  const engaged = await post(gateway, { engaged: true, reason: "store is down" });
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  expect(engaged).toMatchObject({ engaged: true, heldBy: ["admin"], audited: false, kept: true });
  const asked = optimizer.asked.length;
  const { status, forwarded } = await world.chat(fatChat());
  expect([status, forwarded === fatChat(), optimizer.asked.length]).toEqual([200, true, asked]);

  // It survives the process, too, before the store ever heard of it.
  expect(await Bun.file(fileOf(gateway)).json()).toMatchObject({
    audited: false,
    decision: { reason: "store is down" },
  });
  database.run("ROLLBACK");
  database.close();
  await until(async () => (await get(gateway)).audited, 10_000);
  const entries = await auditOf(gateway);
  expect([entries.length - before, entries[0]]).toMatchObject([
    1,
    { action: "kill-switch.engage", reason: "store is down" },
  ]);
  optimizer.setManner("trim");
  await post(gateway, { engaged: false });
  expect(await outcome()).toBe("optimized");
}, 30_000);

test("releasing is refused while it cannot be audited", async () => {
  const { gateway } = world;
  await post(gateway, { engaged: true });
  const database = new Database(join(gateway.dataDir, "anyray.db"));
  database.run("BEGIN IMMEDIATE");
  const refused = await refusedPost(gateway, '{"engaged":false,"reason":"all well"}');
  expect([refused.status, refused.code]).toEqual([503, "store_unavailable"]);
  expect(await get(gateway)).toMatchObject({ engaged: true, heldBy: ["admin"] });
  database.run("ROLLBACK");
  database.close();
  expect(await post(gateway, { engaged: false })).toMatchObject({ engaged: false });
}, 30_000);

test("what cannot be meant is refused with every fault named", async () => {
  const { gateway } = world;
  for (const [body, ...words] of [
    ["{}", "engaged"],
    ['{"engaged":"true"}', "engaged"],
    ['{"engaged":true,"reason":5}', "reason"],
    [`{"engaged":1,"reason":"${"x".repeat(501)}","until":1}`, "engaged", "reason", "until"],
    ['{"engaged":true,"reason":"a\\u0000b"}', "reason"],
    ["[]", "engaged"],
  ] as const) {
    const { status, code, message } = await refusedPost(gateway, body);
    expect([body, status, code]).toEqual([body, 400, "invalid_request"]);
    for (const word of words) expect(message).toContain(word);
  }
  expect((await get(gateway)).engaged).toBe(false);
  const open = await fetch(`${gateway.url}/admin/kill-switch`, { method: "POST", body: '{"engaged":true}' });
  expect(open.status).toBe(401);
});
