// Promise: however many callers hold on or hang up, the next one is served.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { type FakeProvider, startFakeProvider } from "@anyray/shared/testing/fake-provider";
import { startGateway, type TestGateway, until } from "./harness";

let provider: FakeProvider;
let gateway: TestGateway;

beforeAll(async () => {
  provider = startFakeProvider();
  gateway = await startGateway({ env: { ANYRAY_PROVIDER_URL_OPENAI: provider.url } });
});
afterAll(async () => {
  await gateway.stop();
  provider.stop();
});

const json = { "content-type": "application/json" };
const chat = (fields: object = {}) =>
  JSON.stringify({ model: "gpt-4o", messages: [{ role: "user", content: "Hello" }], ...fields });

function call(fields: object, fake: string): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { ...json, "x-fake": fake },
    body: chat(fields),
  });
}

async function activeCalls(): Promise<number> {
  const health = await gateway.admin<{ calls: { active: number } }>("GET", "/admin/health");
  return health.calls.active;
}

/** Starts a crowd; resolves with the line it prints. */
async function sendCrowd(
  part: "hold" | "hang-up",
  count: number,
): Promise<{ line: string; leave(): Promise<unknown> }> {
  const crowd = Bun.spawn([process.execPath, join(import.meta.dir, "crowd.ts"), part, gateway.url, String(count)], {
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: "65535" },
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await crowd.stdout.getReader().read();
  return {
    line: new TextDecoder().decode(value).trim(),
    leave() {
      crowd.kill("SIGTERM");
      return crowd.exited;
    },
  };
}

test("2,000 open streams do not make a call beside them wait", async () => {
  const crowd = await sendCrowd("hold", 2_000);
  expect(crowd.line).toBe("2000 open");
  expect(await activeCalls()).toBe(2_000);
  const startedAt = performance.now();
  const beside = await call({}, "");
  expect(beside.status).toBe(200);
  await beside.json();
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toContain('anyray_optimizer_outcomes_total{outcome="unreachable"} 1\n');
  // Far below any queue's wait, far above what two busy cores need.
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  await crowd.leave();
  await until(async () => (await activeCalls()) === 0);
  await until(() => provider.inFlight() === 0);
});

test("6,000 callers who hang up before the first byte leave nothing behind", async () => {
  const before = (await gateway.rows()).length;
  const crowd = await sendCrowd("hang-up", 6_000);
  expect(crowd.line).toBe("6000 gone");
  await until(async () => (await activeCalls()) === 0, 10_000);
  await until(() => provider.inFlight() === 0, 10_000);
  const after = await call({}, "");
  expect(after.status).toBe(200);
  // A row for whoever was sent on to the provider, and it claims nothing.
  const rows = (await gateway.rows()).slice(1, -before || undefined);
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) {
    expect([row.endReason, row.status, row.inputTokens, row.outputTokens, row.estimated]).toEqual([
      "client_aborted",
      499,
      0,
      0,
      true,
    ]);
  }
}, 60_000);

test("calls over the limit of concurrency get a clear 503, and room again when others end", async () => {
  const small = await startGateway({
    env: { ANYRAY_PROVIDER_URL_OPENAI: provider.url, ANYRAY_MAX_CONCURRENCY: "3" },
  });
  const send = (fake: string, signal?: AbortSignal) =>
    fetch(`${small.url}/v1/chat/completions`, {
      method: "POST",
      headers: { ...json, "x-fake": fake },
      body: chat(),
      ...(signal ? { signal } : {}),
    });
  const control = new AbortController();
  const held = Array.from({ length: 3 }, () => send("hang", control.signal));
  await until(() => provider.inFlight() === 3);
  const refused = await send("");
  expect(refused.status).toBe(503);
  expect(refused.headers.get("x-anyray-error")).toBe("overloaded");
  expect(refused.headers.get("x-should-retry")).toBe("true");
  control.abort();
  await Promise.allSettled(held);
  await until(async () => (await send("")).status === 200);
  await small.stop();
});
