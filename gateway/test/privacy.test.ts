// Whether and how content is kept: at runtime, audited, never looser than asked for, and the same for the optimizer, with
// real processes on one data directory.

import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createKeyring } from "@anyray/shared/crypto";
import { makeKey } from "@anyray/shared/secrets";
import type { Subprocess } from "bun";
import { adminToken, startGateway, type TestGateway, until } from "./harness";

const keys = [makeKey(), makeKey()] as const;
const [first, second] = keys.map((key) => createKeyring(key).keyId);
const path = "/admin/settings/privacy";

interface Privacy {
  contentMode: string;
  effectiveMode: string;
  reasons: string[];
  isPlaintextAllowed: boolean;
  keyId: string;
  isKeyValid: boolean;
  optimizer: { effectiveMode: string; seenRevision: number } | null;
}
interface Audit {
  entries: { action: string; actor: string; before: unknown; after: unknown; result: string }[];
  chain: { state: string; rows: number; head: { seq: number }; kind?: string; firstBadSeq?: number };
}

const read = (gateway: TestGateway) => gateway.admin<Privacy>("GET", path);
const set = (gateway: TestGateway, contentMode: string) => gateway.admin<Privacy>("PUT", path, { contentMode });
const audit = (gateway: TestGateway) => gateway.admin<Audit>("GET", "/admin/audit");
const metric = async (gateway: TestGateway, name: string) =>
  new RegExp(`^${name} (\\S+)$`, "m").exec(await (await fetch(`${gateway.url}/metrics`)).text())?.[1];

const children = new Set<Subprocess>();
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

/** Resolves with its address. */
async function startOptimizer(dataDir: string, env: Record<string, string>): Promise<string> {
  const entry = join(import.meta.dir, "..", "..", "optimizer", "src", "main.ts");
  const child = Bun.spawn([process.execPath, "--no-env-file", entry], {
    env: {
      ...{ PATH: process.env["PATH"] ?? "", ANYRAY_DATA_DIR: dataDir, ANYRAY_ADMIN_TOKEN: adminToken },
      ...{ ANYRAY_OPTIMIZER_PORT: "0", ...env },
    },
    stdout: "pipe",
    stderr: "inherit",
  });
  children.add(child);
  let output = "";
  for await (const chunk of child.stdout as unknown as AsyncIterable<Uint8Array>) {
    output += new TextDecoder().decode(chunk);
    const url = /"msg":"optimizer is ready","url":"([^"]+)"/.exec(output)?.[1];
    if (url) return url;
  }
  throw new Error(`the optimizer did not start:\n${output}`);
}

describe("a gateway of its own", () => {
  test("begins as the variable says, follows the admin from then on, over restarts too, and audits every change", async () => {
    const env = { ANYRAY_CONTENT_MODE: "off", ANYRAY_CONTENT_KEY: keys[0] };
    const gateway = await startGateway({ env });
    const off = {
      contentMode: "off",
      effectiveMode: "off",
      reasons: [],
      isKeyValid: true,
      keyId: first!,
      optimizer: null,
    };
    expect(await read(gateway)).toEqual({ ...off, isPlaintextAllowed: false });
    expect(await set(gateway, "encrypted")).toMatchObject({ contentMode: "encrypted", effectiveMode: "encrypted" });
    expect(await set(gateway, "plaintext")).toMatchObject({
      ...{ contentMode: "plaintext", effectiveMode: "encrypted" },
      reasons: [expect.stringContaining("ANYRAY_ALLOW_PLAINTEXT")],
    });
    expect(await metric(gateway, "anyray_content_mode")).toBe("1");
    for (const body of [{ contentMode: "none" }, {}, { contentMode: "off", force: true }, "off"]) {
      await expect(gateway.admin("PUT", path, body)).rejects.toThrow("400");
    }
    const { entries } = await audit(gateway);
    expect(entries.map(({ actor, before, after }) => [actor, before, after])).toEqual([
      ["admin", { contentMode: "encrypted" }, { contentMode: "plaintext" }],
      ["admin", { contentMode: "off" }, { contentMode: "encrypted" }],
      ["system", null, { contentMode: "off" }],
    ]);
    await gateway.stop();
    const allowed = { ...env, ANYRAY_ALLOW_PLAINTEXT: "true" };
    const again = await startGateway({ dataDir: gateway.dataDir, env: allowed });
    expect(await read(again)).toMatchObject({ contentMode: "plaintext", effectiveMode: "plaintext", reasons: [] });
    await again.stop();
  }, 30_000);

  test("with another key than the store's keeps nothing, and says so everywhere; with the former one beside it goes on", async () => {
    const gateway = await startGateway({ env: { ANYRAY_CONTENT_KEY: keys[0] } });
    await gateway.admin("PUT", "/admin/providers/vllm", { baseUrl: "http://v.test", key: "sk-vllm-secret" });
    await gateway.stop();
    const env = { ANYRAY_CONTENT_KEY: keys[1], ANYRAY_ALLOW_PLAINTEXT: "true", ANYRAY_CONTENT_MODE: "plaintext" };
    const wrong = await startGateway({ dataDir: gateway.dataDir, env });
    expect(await read(wrong)).toMatchObject({ contentMode: "encrypted", effectiveMode: "off", isKeyValid: false });
    expect(await set(wrong, "plaintext")).toMatchObject({ effectiveMode: "off" });
    expect(await wrong.admin("GET", "/admin/health")).toMatchObject({
      status: "degraded",
      privacy: { effectiveMode: "off", isKeyValid: false, reasons: [expect.stringContaining("does not open")] },
    });
    expect(await metric(wrong, "anyray_content_key_valid")).toBe("0");
    expect(wrong.output()).toContain("the content key does not open what the store holds");
    expect((await fetch(`${wrong.url}/ready`)).status).toBe(200);
    await wrong.stop();
    const rotated = { ANYRAY_CONTENT_KEY: keys[1], ANYRAY_CONTENT_KEYS_OLD: keys[0] };
    const right = await startGateway({ dataDir: gateway.dataDir, env: rotated });
    expect(await read(right)).toMatchObject({ isKeyValid: true, keyId: second!, effectiveMode: "encrypted" });
    await until(() => right.output().includes("the gateway needs no earlier one any more"));
    await right.stop();
    const alone = await startGateway({ dataDir: gateway.dataDir, env: { ANYRAY_CONTENT_KEY: keys[1] } });
    expect(await read(alone)).toMatchObject({ isKeyValid: true });
    expect(await alone.admin("GET", "/admin/providers/vllm")).toMatchObject({ key: { set: true }, notice: null });
    await alone.stop();
  }, 40_000);

  test("chains the audit log, tells its state, sees a row that was changed, and hand-made switches are in it", async () => {
    const gateway = await startGateway({});
    await set(gateway, "off");
    writeFileSync(join(gateway.dataDir, "kill-switch"), "by hand");
    await until(async () => (await audit(gateway)).entries.some(({ actor }) => actor === "file"));
    const { entries, chain } = await audit(gateway);
    expect(entries[0]).toMatchObject({
      action: "kill-switch.engage",
      actor: "file",
      after: { engaged: true, way: "file" },
    });
    expect(chain.state).toBe("ok");
    expect(await metric(gateway, "anyray_audit_chain_ok")).toBe("1");
    expect(gateway.output()).toMatch(/"msg":"audit anchor","anchor":"3:[0-9a-f]{64}"/);
    await gateway.stop();
    const db = new Database(join(gateway.dataDir, "anyray.db"));
    db.run("PRAGMA busy_timeout = 5000");
    db.run("DROP TRIGGER audit_is_not_updated");
    db.run("UPDATE audit SET actor = 'eve' WHERE seq = 2");
    db.close();
    const again = await startGateway({ dataDir: gateway.dataDir });
    await until(async () => (await audit(again)).chain.state === "broken");
    expect((await audit(again)).chain).toMatchObject({ kind: "edited", firstBadSeq: 2, rows: 1 });
    expect(await again.admin("GET", "/admin/health")).toMatchObject({ status: "degraded", audit: { state: "broken" } });
    expect(await metric(again, "anyray_audit_chain_ok")).toBe("0");
    await again.stop();
  }, 30_000);
});

test("the optimizer follows within a second, and one with a wrong key keeps nothing", async () => {
  const gateway = await startGateway({
    env: { ANYRAY_CONTENT_KEY: keys[0], ANYRAY_OPTIMIZER_URL: "http://127.0.0.1:1" },
  });
  const health = async (url: string) => ((await (await fetch(`${url}/health`)).json()) as { privacy: unknown }).privacy;
  const [right, wrong] = await Promise.all(
    keys.map((key) => startOptimizer(gateway.dataDir, { ANYRAY_CONTENT_KEY: key })),
  );
  expect(await health(right!)).toEqual({ effectiveMode: "encrypted", seenRevision: 1 });
  expect(await health(wrong!)).toMatchObject({ effectiveMode: "off" });
  for (const mode of ["off", "plaintext", "off", "encrypted"]) {
    await set(gateway, mode);
    const setAt = performance.now();
    const effective = mode === "plaintext" ? "encrypted" : mode;
    await until(async () => ((await health(right!)) as Privacy).effectiveMode === effective);
    expect(performance.now() - setAt).toBeLessThan(1_500);
    expect(await health(wrong!)).toMatchObject({ effectiveMode: "off" });
  }
  await gateway.stop();
  const asking = await startGateway({
    dataDir: gateway.dataDir,
    env: { ANYRAY_CONTENT_KEY: keys[0], ANYRAY_OPTIMIZER_URL: right! },
  });
  expect((await read(asking)).optimizer).toEqual({ effectiveMode: "encrypted", seenRevision: 5 });
  await asking.stop();
}, 60_000);
