import { afterEach, beforeEach, expect, test } from "bun:test";
import { type AdminWorld, type Json, openAdminWorld } from "./admin-world";

let world: AdminWorld;
beforeEach(async () => {
  world = await openAdminWorld();
});
afterEach(() => world.close());

const actionsOf = async () => (await world.store.readAudit(null, 1000)).map(({ action, object }) => [action, object]);

test("providers: a key goes in and never comes out", async () => {
  const put = await world.ask("/admin/providers/vllm", {
    baseUrl: "https://one.test/v1",
    key: "sk-canary-1",
    onAbort: "drain",
  });
  expect(put.json).toEqual({
    slug: "vllm",
    kind: "openai-compatible",
    baseUrl: "https://one.test/v1",
    key: { set: true, source: "store", fingerprint: expect.stringMatching(/^[0-9a-f]{8}$/) },
    onAbort: "drain",
    source: "store",
    notice: null,
  });
  const kept = await world.ask("/admin/providers/vllm", { baseUrl: "https://one.test/v2" });
  expect(kept.json).toMatchObject({ baseUrl: "https://one.test/v2", key: put.json.key, onAbort: "cancel" });
  const seen = [put, kept, await world.ask("/admin/providers"), await world.ask("/admin/audit")];
  seen.push(await world.ask("/admin/providers/vllm", { baseUrl: "x", key: "sk-canary-2 " }));
  expect(seen.at(-1)?.status).toBe(400);
  const removed = await world.ask("/admin/providers/vllm", { baseUrl: "https://two.test", key: null });
  expect(removed.json.key).toEqual({ set: false, source: "none", fingerprint: null });
  const everything = JSON.stringify([seen.map(({ json }) => json), world.lines, await world.store.readPolicy()]);
  expect(everything).not.toContain("canary");
  const gone = await world.call("/admin/providers/vllm", { method: "DELETE" });
  expect(await gone.json()).toEqual({ deleted: "vllm", provider: null });
  expect((await world.ask("/admin/providers/vllm")).status).toBe(404);
  expect((await actionsOf()).map(([action]) => action)).toEqual(["provider.delete", ...Array(3).fill("provider.set")]);
});

test("providers: a variable wins over what is stored, and the answer says so", async () => {
  world.variables.set("openai", { url: "https://from-env.test", key: "sk-env-canary" });
  const put = await world.ask("/admin/providers/openai", { baseUrl: "https://stored.test", key: "sk-stored" });
  expect(put.json).toMatchObject({
    baseUrl: "https://from-env.test",
    source: "env",
    key: { set: true, source: "env" },
  });
  expect(put.json.notice).toContain("ANYRAY_PROVIDER_URL_OPENAI and ANYRAY_PROVIDER_KEY_OPENAI");
  const removed = await world.call("/admin/providers/openai", { method: "DELETE" });
  expect(await removed.json()).toMatchObject({ provider: { source: "env", notice: null } });
  const again = await world.call("/admin/providers/openai", { method: "DELETE" });
  expect(again.status).toBe(400);
  expect(((await again.json()) as Json).error.message).toContain("ANYRAY_PROVIDER_URL_OPENAI");
  world.variables.delete("openai");
  const builtIn = await world.call("/admin/providers/openai", { method: "DELETE" });
  expect(((await builtIn.json()) as Json).error.message).toContain("built in");
  expect(JSON.stringify([world.lines, put.json])).not.toContain("canary");
});

test("providers: hostile slugs are refused with every other fault of the request", async () => {
  for (const slug of ["__proto__", "A", "a_b", "-", "a--b", "%F0%9F%A6%8A", "a%2Fb", "%00", "x".repeat(65), "%zz"]) {
    const { status, json } = await world.ask(`/admin/providers/${slug}`, { baseUrl: "ftp://x", nope: 1 });
    expect([slug, status]).toEqual([slug, 400]);
    expect(json.error.message).toStartWith("3 faults: slug ");
  }
  expect((await world.ask("/admin/providers/constructor", { baseUrl: "https://c.test" })).status).toBe(200);
  expect(await actionsOf()).toEqual([["provider.set", "constructor"]]);
});

test("prices: overrides in, in force and audited; the catalogue can be narrowed", async () => {
  const price = { provider: "openai", model: "my-model", inputUsdPerMillion: 1, outputUsdPerMillion: 2 };
  const put = await world.ask("/admin/pricing", { prices: [price] });
  expect(put.json.overrides).toEqual([price]);
  expect(world.policy().prices).toHaveLength(1);
  const narrowed = await world.ask("/admin/pricing?provider=openai&model=gpt-4o");
  expect(narrowed.json.catalogue.length).toBeGreaterThan(0);
  expect(narrowed.json.catalogue.every((row: Json) => row.model.includes("gpt-4o"))).toBe(true);
  expect(
    (await world.ask("/admin/pricing", { prices: [{ provider: "openai", model: "my-model", delete: true }] })).json
      .overrides,
  ).toEqual([]);
  expect(await actionsOf()).toEqual(Array(2).fill(["prices.set", "openai/my-model"]));
  for (const body of [
    {},
    { prices: [] },
    { prices: [{ ...price, x: 1 }] },
    { prices: [{ ...price, inputUsdPerMillion: -1 }] },
    [],
  ]) {
    expect((await world.ask("/admin/pricing", body)).status).toBe(400);
  }
  expect((await world.ask("/admin/pricing?nope=1")).status).toBe(400);
  expect(await actionsOf()).toHaveLength(2);
});
