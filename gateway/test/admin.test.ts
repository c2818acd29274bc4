import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spendRow } from "@anyray/shared/testing/spend-row";
import { type AdminWorld, type Json, now, openAdminWorld, refusal } from "./admin-world";

let world: AdminWorld;
beforeEach(async () => {
  world = await openAdminWorld();
});
afterEach(() => world.close());

const actionsOf = async () => (await world.store.readAudit(null, 1000)).map(({ action, object }) => [action, object]);

test("every answer is private, typed and carries a request id", async () => {
  for (const path of [
    "/admin/health",
    "/admin/spend",
    "/admin/spend?x",
    "/admin/nope",
    "/admin/docs",
    "/admin/docs/json",
  ]) {
    const { headers } = await world.call(path);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("x-anyray-request-id")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/);
    expect(headers.get("content-type")).toMatch(/^(application\/json|text\/html)/);
    expect(headers.get("set-cookie")).toBeNull();
    expect(headers.get("access-control-allow-origin")).toBeNull();
  }
});

test("what does not exist is a 404 that says so", async () => {
  for (const [method, path] of [
    ["GET", "/admin"],
    ["GET", "/admin/nope"],
    ["POST", "/admin/spend"],
    ["PATCH", "/admin/user-caps"],
    ["OPTIONS", "/admin/spend"],
    ["GET", "/admin/usage/"],
    ["GET", "/admin/providers/__proto__"],
    ["DELETE", "/admin/providers/%zz"],
    ["DELETE", "/admin/providers/nobody"],
  ]) {
    const response = await world.call(path!, { method: method! });
    expect([method, path, response.status]).toEqual([method, path, 404]);
    expect(await response.json()).toEqual(refusal("not_found"));
  }
  expect(await actionsOf()).toEqual([]);
});

test("caps: set, merged, removed; in force and audited before the answer", async () => {
  const one = await world.ask("/admin/user-caps", { user: "ada", monthlyTokens: 1000 });
  expect(one.json).toEqual({
    month: "2026-11",
    timezone: "UTC",
    resetsAt: "2026-12-01T00:00:00Z",
    caps: [
      {
        user: "ada",
        monthlyTokens: 1000,
        usedTokens: 0,
        reservedTokens: 0,
        remainingTokens: 1000,
        state: "ok",
        rejectedRequests: 0,
      },
    ],
  });
  expect(world.policy().caps).toEqual([{ user: "ada", monthlyTokens: 1000 }]);
  world.live.users.set("ada", { usedTokens: 850, reservedTokens: 100, rejectedRequests: 0 });
  const caps = [
    { user: "bob", monthlyTokens: 0 },
    { user: "ada", monthlyTokens: 900 },
  ];
  await world.ask("/admin/user-caps", { caps });
  const { json } = await world.ask("/admin/user-caps");
  expect(json.caps.map((cap: Json) => [cap.user, cap.state, cap.remainingTokens])).toEqual([
    ["ada", "near", 0],
    ["bob", "over", 0],
  ]);
  expect((await world.ask("/admin/user-caps", { user: "bob", monthlyTokens: null })).json.caps).toHaveLength(1);
  expect(await actionsOf()).toEqual([
    ["caps.set", "bob"],
    ["caps.set", "2 users"],
    ["caps.set", "ada"],
  ]);
  const [last] = await world.store.readAudit(null, 1);
  expect(last).toMatchObject({ actor: "admin", ip: "127.0.0.1", at: now });
});

test("caps: a bad body changes nothing and is not audited", async () => {
  const bodies = [
    "",
    "{",
    "null",
    "[]",
    '"x"',
    "{}",
    '{"user":"a"}',
    '{"user":"a","monthlyTokens":1,"x":2}',
    '{"caps":{}}',
  ];
  bodies.push('{"user":"a","monthlyTokens":1e16}', '{"user":"a","monthlyTokens":NaN}', '{"__proto__":{"user":"a"}}');
  bodies.push('{"caps":[{"user":"a","monthlyTokens":1},{"user":"a","monthlyTokens":2}]}', "\ufeff{}", "\0");
  for (const body of bodies) {
    const response = await world.call("/admin/user-caps", { method: "PUT", body });
    expect([body, response.status]).toEqual([body, 400]);
    expect(await response.json()).toMatchObject({ error: { code: expect.stringMatching(/^invalid_(json|request)$/) } });
  }
  const latin = await world.call("/admin/user-caps", { method: "PUT", body: new Uint8Array([0x22, 0xe9, 0x22]) });
  expect(latin.status).toBe(400);
  expect(await world.store.readPolicy()).toMatchObject({ revision: 0, caps: [] });
  expect(await actionsOf()).toEqual([]);
});

test("bodies over 1 MiB and encoded ones are refused, whatever is said of their length", async () => {
  const large = `{"user":"${"a".repeat(1_048_576)}","monthlyTokens":1}`;
  const chunked = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(large));
      controller.close();
    },
  });
  for (const body of [large, chunked]) {
    const response = await world.call("/admin/user-caps", { method: "PUT", body });
    expect([response.status, await response.json()]).toEqual([413, refusal("body_too_large")]);
  }
  const zipped = Bun.gzipSync(Buffer.from('{"user":"a","monthlyTokens":1}'));
  const headers = { "content-encoding": "gzip" };
  expect((await world.call("/admin/user-caps", { method: "PUT", body: zipped, headers })).status).toBe(415);
  expect(world.policy().revision).toBe(0);
});

test("hostile names are users like any other, or refused; none breaks an answer", async () => {
  const accepted = [
    "__proto__",
    "constructor",
    "toString",
    "🦊",
    "Zo\u00eb",
    "a/b",
    "..a",
    "a%2fb",
    "<b>",
    "' OR 1=1 --",
  ];
  for (const user of accepted) {
    expect((await world.ask("/admin/user-caps", { user, monthlyTokens: 5 })).status).toBe(200);
    const { status, json } = await world.ask(`/admin/usage/${encodeURIComponent(user)}`);
    expect([status, json.user, json.monthlyTokens]).toEqual([200, user, 5]);
    expect((await world.ask(`/admin/spend?user=${encodeURIComponent(user)}`)).json.totals.requests).toBe(0);
  }
  const { json } = await world.ask("/admin/user-caps");
  expect(json.caps.map((cap: Json) => cap.user).sort()).toEqual([...accepted].sort());
  const long = "x".repeat(900_000);
  for (const user of ["", " ", "a\0", "a\nb", "\u202eada", "\u2066", "a\u200bb", "\ud800", long, 7, null, ["a"], {}]) {
    const { status, json } = await world.ask("/admin/user-caps", { user, monthlyTokens: 5 });
    expect([status, json.error.code]).toEqual([400, "invalid_request"]);
    expect(json.error.message.length).toBeLessThan(400);
  }
  for (const user of ["%00", "%zz", "%E2%80%AEada", "%ff", "x".repeat(200)]) {
    expect((await world.ask(`/admin/usage/${user}`)).status).toBe(400);
  }
  const composed = await world.ask(`/admin/usage/${encodeURIComponent("Zoe\u0308")}`);
  expect(composed.json).toMatchObject({ user: "Zo\u00eb", monthlyTokens: 5 });
});

test("usage: one user's month, capped or not", async () => {
  await world.store.recordSpend([
    spendRow({ id: 1, ts: now, user: "ada", inputTokens: 7, outputTokens: 3, costNanoUsd: 2 }),
  ]);
  const usage = await world.ask("/admin/usage/ada");
  expect(usage.json).toEqual({
    user: "ada",
    month: "2026-11",
    timezone: "UTC",
    resetsAt: "2026-12-01T00:00:00Z",
    usedTokens: 10,
    reservedTokens: 0,
    requests: 1,
    costUsd: 2e-9,
    rejectedRequests: 0,
    monthlyTokens: null,
    remainingTokens: null,
    state: null,
  });
});

test("concurrent writes all count, each audited once, and the last policy is in force", async () => {
  const writes = Array.from({ length: 40 }, (_, at) =>
    at % 2
      ? world.ask("/admin/user-caps", { user: `u${at}`, monthlyTokens: at })
      : world.ask("/admin/providers/vllm", { baseUrl: `https://h.test/${at}`, ...(at === 0 && { key: "sk-first" }) }),
  );
  for (const { status } of await Promise.all(writes)) expect(status).toBe(200);
  const stored = await world.store.readPolicy();
  expect(stored.revision).toBe(40);
  expect(world.policy()).toEqual(stored);
  expect(stored.caps).toHaveLength(20);
  expect((await world.ask("/admin/providers/vllm")).json.key.set).toBe(true);
  const audit = await world.store.readAudit(null, 1000);
  expect(audit.map(({ seq }) => seq)).toEqual(Array.from({ length: 40 }, (_, at) => 40 - at));
});

test("audit: every write, page by page, with who, what, before and after", async () => {
  await world.ask("/admin/user-caps", { user: "ada", monthlyTokens: 1 });
  await world.ask("/admin/user-caps", { user: "ada", monthlyTokens: 2 });
  await world.ask("/admin/providers/vllm", { baseUrl: "https://x.test" });
  const first = await world.ask("/admin/audit?limit=2");
  expect(first.json.entries.map(({ seq, action }: Json) => [seq, action])).toEqual([
    [3, "provider.set"],
    [2, "caps.set"],
  ]);
  const rest = await world.ask(`/admin/audit?limit=2&before=${first.json.nextBefore}`);
  expect(rest.json).toMatchObject({
    entries: [{ seq: 1, at: "2026-11-15T12:00:00Z", object: "ada" }],
    nextBefore: null,
  });
  expect(JSON.stringify(first.json.entries[1].before)).toContain("1");
  expect(first.json.entries[1].after).toEqual([{ user: "ada", monthlyTokens: 2 }]);
});

test("health answers as the process reports, and a fault of ours shows nothing of itself", async () => {
  expect((await world.ask("/admin/health")).json).toMatchObject({ status: "ok", store: { ok: true } });
  world.deps.health = () => Promise.reject(new Error("secret-of-the-house"));
  const broken = await world.ask("/admin/health");
  expect([broken.status, broken.json]).toEqual([500, refusal("internal")]);
  const id = broken.headers.get("x-anyray-request-id") ?? "none";
  expect(broken.json.error.message).toContain(id);
  expect(JSON.stringify(broken.json)).not.toContain("secret-of-the-house");
  expect(world.lines.some((line) => line.includes(id) && line.includes("secret-of-the-house"))).toBe(true);
});

test("with the store away, reads and writes are 503 and nothing was half-written", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "anyray-admin-"));
  const down = await openAdminWorld({ dataDir });
  await down.ask("/admin/user-caps", { user: "ada", monthlyTokens: 1 });
  const before = down.policy();
  await down.store.close();
  const tried = [
    down.ask("/admin/user-caps", { user: "ada", monthlyTokens: 2 }),
    down.ask("/admin/providers/vllm", { baseUrl: "https://x.test", key: "sk-1" }),
    down.ask("/admin/pricing", {
      prices: [{ provider: "a", model: "b", inputUsdPerMillion: 1, outputUsdPerMillion: 1 }],
    }),
    down.ask("/admin/spend"),
    down.ask("/admin/spend/rows"),
    down.ask("/admin/spend/rows?format=csv"),
    down.ask("/admin/user-caps"),
    down.ask("/admin/usage/ada"),
    down.ask("/admin/audit"),
  ];
  for (const { status, json, headers } of await Promise.all(tried)) {
    expect([status, json]).toEqual([503, refusal("store_unavailable")]);
    expect(headers.get("x-should-retry")).toBe("true");
  }
  const deleted = await down.call("/admin/providers/vllm", { method: "DELETE" });
  expect(deleted.status).toBe(503);
  expect(down.policy()).toEqual(before);
  expect(down.lines.filter((line) => line.includes("admin request failed"))).toHaveLength(10);
  await down.server.stop(true);
  const again = await openAdminWorld({ dataDir });
  expect(await again.store.readPolicy()).toEqual(before);
  expect(await again.store.readAudit(null, 10)).toHaveLength(1);
  await again.close();
});
