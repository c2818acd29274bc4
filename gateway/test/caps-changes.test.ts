// Promise: what an admin decides about a cap holds from the very next call, whoever wrote it down; and nobody but the
// capped user notices.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CapsReport } from "@anyray/shared/admin/caps";
import { openStore } from "@anyray/shared/store/open";
import type { Store } from "@anyray/shared/store/store";
import { spendRow } from "@anyray/shared/testing/spend-row";
import { type CapsWorld, expectRefusal, monthBegunAt, openCapsWorld, shapes } from "./caps-world";
import { until } from "./harness";

// A start alone takes seconds on a busy machine.
setDefaultTimeout(20_000);

const [chat, chatStream] = shapes;
const timeZone = "UTC";

let world: CapsWorld;
beforeAll(async () => {
  world = await openCapsWorld();
});
afterAll(() => world.stop());

test("raising, lowering and removing a cap, and a cap of 0, hold for the very next call", async () => {
  const user = "changing";
  const next = async (limit: number | null) => {
    await world.setCap(user, limit);
    return await Promise.all(shapes.map((shape) => world.send(user, shape, { bound: 10, fake: "tokens=60:40" })));
  };
  const isServed = async (limit: number | null) =>
    expect((await next(limit)).map(({ status }) => status)).toEqual(shapes.map(() => 200));
  const isRefused = async (limit: number) => {
    for (const each of await next(limit)) expectRefusal(each, { user, limit, timeZone });
  };
  await isRefused(0);
  await isServed(100_000);
  await isRefused(600);
  await isServed(601 + 6 * 200);
  await isServed(null);
  // Used without a cap counts all the same once there is one again.
  await isRefused(1_800);
  const { usedTokens, requests } = await world.agreed(user, 3 * shapes.length);
  expect([usedTokens, requests]).toEqual([1_800, 18]);
});

test("a call that waits at the edge is let in when the cap is raised, and refused when the wait is over", async () => {
  const user = "waiting";
  await world.setCap(user, 1_000);
  const running = world.send(user, chat, { bound: 900, fake: "delay=2600 tokens=50:20" });
  await until(async () => ((await world.capOf(user))?.reservedTokens ?? 0) >= 900);
  const second = world.send(user, chat, { bound: 900, fake: "tokens=50:20" });
  const third = world.send(user, chatStream, { bound: 90_000, fake: "tokens=50:20" });
  await Bun.sleep(100);
  expect(world.served(user)).toHaveLength(0);
  await world.setCap(user, 3_000);
  expect((await second).status).toBe(200);
  expect(world.served(user)).toHaveLength(1);
  expectRefusal(await third, { user, limit: 3_000, timeZone });
  expect((await third).text).toContain("set aside for calls still running");
  expect((await running).status).toBe(200);
  expect((await world.agreed(user, 1)).usedTokens).toBe(140);
});

test("a caller who gives up waiting is not counted, and keeps nobody behind it waiting", async () => {
  const user = "impatient";
  await world.setCap(user, 1_000);
  const running = world.send(user, chat, { bound: 900, fake: "delay=600 tokens=50:20" });
  await until(async () => ((await world.capOf(user))?.reservedTokens ?? 0) >= 900);
  const leaving = fetch(world.gateway().url + chat.path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-anyray-metadata": JSON.stringify({ user }) },
    body: JSON.stringify({ ...chat.body, max_completion_tokens: 90_000 }),
    signal: AbortSignal.timeout(100),
  });
  expect(leaving).rejects.toThrow();
  const behind = await world.send(user, chat, { bound: 10, fake: "tokens=50:20" });
  expect([behind.status, (await running).status]).toEqual([200, 200]);
  expect((await world.agreed(user, 0)).requests).toBe(2);
});

test("routes that bill nothing are open to a user who is over, others that can bill are not", async () => {
  const user = "over";
  await world.setCap(user, 0);
  const ask = async (method: string, path: string, body?: object) => {
    const answer = await fetch(world.gateway().url + path, {
      method,
      headers: {
        "content-type": "application/json",
        "x-anyray-metadata": JSON.stringify({ user }),
        ...(path.startsWith("/v1/messages") ? { "anthropic-version": "2023-06-01" } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    await answer.bytes();
    return answer.status;
  };
  const message = { model: "claude-haiku-4-5", messages: [{ role: "user", content: "Hello" }] };
  expect(await ask("POST", "/v1/messages/count_tokens", message)).toBe(200);
  expect(await ask("GET", "/v1/models")).toBe(200);
  expect(await ask("GET", "/v1/models/gpt-4o")).toBe(200);
  for (const path of ["/v1/images/generations", "/v1/audio/speech", "/v1/moderations", "/v1/embeddings"]) {
    expect([path, await ask("POST", path, { model: "gpt-4o", input: "x", prompt: "x" })]).toEqual([path, 429]);
  }
  expect(await ask("POST", "/v1/completions", { model: "gpt-3.5-turbo-instruct", prompt: "x" })).toBe(429);
});

/** Changes caps in the store itself, as another gateway on the same store does. */
function changeElsewhere(store: Store, user: string, monthlyTokens: number | null): Promise<unknown> {
  const audit = { actor: "elsewhere", ip: null, action: "caps.set", object: user, after: null, reason: null };
  const change = { kind: "caps", caps: [{ user, monthlyTokens }] } as const;
  return store.changePolicy(
    { kind: change.kind, caps: [...change.caps] },
    { ...audit, id: Bun.randomUUIDv7(), at: Date.now() },
  );
}

test("a cap changed by another process holds within a second", async () => {
  const user = "far";
  const store = await openStore({ dataDir: world.gateway().dataDir, timezone: timeZone });
  const takesEffectMs = async (monthlyTokens: number | null, status: number) => {
    await changeElsewhere(store, user, monthlyTokens);
    const startedAt = performance.now();
    await until(async () => (await world.send(user, chat, { fake: "tokens=10:10" })).status === status);
    return performance.now() - startedAt;
  };
  for (const [monthlyTokens, status] of [
    [0, 429],
    [1_000_000, 200],
    [10, 429],
    [null, 200],
  ] as const) {
    expect([monthlyTokens, (await takesEffectMs(monthlyTokens, status)) < 1_000]).toEqual([monthlyTokens, true]);
  }
  await store.close();
  const { caps } = await world.gateway().admin<CapsReport>("GET", "/admin/user-caps");
  expect(caps.filter((cap) => cap.user === user)).toEqual([]);
});

test("a month is the reporting zone's: only its rows count, and it ends at midnight there", async () => {
  const zone = "Pacific/Kiritimati";
  const dataDir = mkdtempSync(join(tmpdir(), "anyray-test-"));
  const month = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, year: "numeric", month: "2-digit" }).format();
  const [year = 0, number = 0] = month.split("-").map(Number);
  const before = new Date(Date.UTC(year, number - 2, 15)).toISOString().slice(0, 7);
  const store = await openStore({ dataDir, timezone: zone });
  await store.recordSpend([
    spendRow({ id: 1, user: "old", month: before, ts: Date.now() - 40 * 86_400_000, inputTokens: 5_000 }),
    spendRow({ id: 2, user: "old", month, ts: Date.now(), inputTokens: 90, outputTokens: 10 }),
  ]);
  await store.close();

  const zoned = await openCapsWorld({ ANYRAY_REPORT_TZ: zone }, dataDir);
  const report = await zoned.setCap("old", 300);
  expect([report.month, report.timezone, report.caps[0]?.usedTokens]).toEqual([month, zone, 100]);
  expect(monthBegunAt(report.resetsAt, zone)).toBe(new Date(Date.UTC(year, number, 15)).toISOString().slice(0, 7));
  expect((await zoned.send("old", chat, { fake: "tokens=150:50" })).status).toBe(200);
  const refused = await zoned.send("old", chat);
  expectRefusal(refused, { user: "old", limit: 300, timeZone: zone });
  expect(refused.headers.get("x-anyray-cap-resets-at")).toBe(report.resetsAt);
  await zoned.stop();
});
