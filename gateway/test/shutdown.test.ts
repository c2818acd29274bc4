// Promise: a stop loses no row and cuts no stream that ends in time.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { type FakeProvider, startFakeProvider } from "@anyray/shared/testing/fake-provider";
import { startGateway, type TestGateway, until } from "./harness";

let provider: FakeProvider;

beforeAll(() => {
  provider = startFakeProvider();
});
afterAll(() => provider.stop());

function start(env: Record<string, string> = {}, dataDir?: string): Promise<TestGateway> {
  return startGateway({ env: { ANYRAY_PROVIDER_URL_OPENAI: provider.url, ...env }, ...(dataDir ? { dataDir } : {}) });
}

function stream(gateway: TestGateway, fake: string): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-fake": fake, "x-anyray-metadata": '{"user":"u"}' },
    body: JSON.stringify({ model: "gpt-4o", stream: true, messages: [{ role: "user", content: "Hello" }] }),
  });
}

test("SIGTERM: running streams end whole, new calls get 503, readiness goes, every row is kept", async () => {
  const gateway = await start();
  const running = await stream(gateway, "chunks=20 gap=50");
  gateway.process.kill("SIGTERM");
  await until(async () => (await fetch(`${gateway.url}/ready`)).status === 503);
  expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
  const late = await stream(gateway, "");
  expect(late.status).toBe(503);
  expect(late.headers.get("x-anyray-error")).toBe("draining");
  expect(await running.text()).toEndWith("data: [DONE]\n\n");
  expect(await gateway.process.exited).toBe(0);

  const again = await start({}, gateway.dataDir);
  const rows = await again.rows();
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({ status: 200, endReason: "completed", estimated: false, user: "u" });
  await again.stop();
});

test("streams that outlast the drain are cut, and each leaves its row", async () => {
  const gateway = await start({ ANYRAY_SHUTDOWN_DRAIN_MS: "300" });
  const running = await Promise.all(Array.from({ length: 5 }, () => stream(gateway, "silent-after=3")));
  const startedAt = performance.now();
  gateway.process.kill("SIGTERM");
  expect(await gateway.process.exited).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  await Promise.allSettled(running.map((response) => response.text()));

  const again = await start({}, gateway.dataDir);
  const rows = await again.rows();
  expect(rows).toHaveLength(5);
  for (const row of rows) expect(row).toMatchObject({ status: 200, estimated: true });
  await again.stop();
});

test("kill -9 in the middle of streams: after the next start each has a row, marked interrupted", async () => {
  const gateway = await start();
  const whole = await stream(gateway, "");
  await whole.text();
  const running = await Promise.all(Array.from({ length: 5 }, () => stream(gateway, "silent-after=3")));
  gateway.process.kill("SIGKILL");
  await gateway.process.exited;
  await Promise.allSettled(running.map((response) => response.text()));

  const again = await start({}, gateway.dataDir);
  const rows = await again.rows();
  const ends = rows.map((row): string => row.endReason).sort();
  expect(ends).toEqual(["completed", ...Array.from({ length: 5 }, () => "interrupted")]);
  for (const row of rows.filter((each) => each.endReason === "interrupted")) expect(row.estimated).toBe(true);
  await again.stop();
});
