// Promise: the optimizer comes to life on nothing but an empty directory, beside a gateway that does the same at the same
// moment, and says clearly what keeps it from it.

import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freshDir, spawnOptimizer, startOptimizer } from "./harness";

setDefaultTimeout(60_000);

const main = "src/main.ts";
const generated = { ANYRAY_ADMIN_TOKEN: undefined, ANYRAY_OPTIMIZER_TOKEN: undefined };

const secretOf = (dataDir: string, name: string) => readFileSync(join(dataDir, name), "utf8").trim();

async function startBadly(env: Record<string, string>, dataDir = freshDir()) {
  const child = spawnOptimizer({ dataDir, entry: main, env });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, stdout, stderr };
}

test("everything is made on an empty directory, kept, and is the same at the next start", async () => {
  const dataDir = join(freshDir(), "not", "there", "yet");
  const first = await startOptimizer({ dataDir, entry: main, env: generated });
  const optimizerToken = secretOf(dataDir, "optimizer-token");
  const adminToken = secretOf(dataDir, "admin-token");
  expect(optimizerToken).not.toBe(adminToken);
  const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
  const asked = { endpoint: "/v1/messages", request: { model: "m", messages: [] } };
  const answer = await first.ask("/v1/optimize", asked, as(optimizerToken));
  expect([answer.status, answer.json.request, answer.json.protocolVersion]).toEqual([200, asked.request, 1]);
  const settings = await first.ask("/admin/optimizer/settings", undefined, as(adminToken));
  expect([settings.status, settings.json.faults]).toEqual([200, []]);
  expect(await (await fetch(`${first.url}/health`)).json()).toMatchObject({ ready: true, embedder: "disabled" });
  for (const name of readdirSync(dataDir)) {
    expect([name, (statSync(join(dataDir, name)).mode & 0o077).toString(8)]).toEqual([name, "0"]);
  }
  // The gateway shows the admin token, once.
  expect(first.output()).not.toContain(adminToken);
  expect(first.output()).not.toContain(optimizerToken);
  expect(await first.stop()).toBe(0);
  const second = await startOptimizer({ dataDir, entry: main, env: generated });
  expect((await second.ask("/v1/eligibility", undefined, as(optimizerToken))).status).toBe(200);
  expect((await second.ask("/admin/optimizer/settings", undefined, as(adminToken))).json).toEqual(settings.json);
  expect(await second.stop("SIGINT")).toBe(0);
});

test("processes that start at the same moment share one set of secrets, and the gateway reaches the settings", async () => {
  const dataDir = freshDir();
  const starting = Array.from({ length: 3 }, () => startOptimizer({ dataDir, entry: main, env: generated }));
  const gatewayMain = join("..", "gateway", "src", "main.ts");
  const first = await starting[0]!;
  const gateway = spawnOptimizer({
    dataDir,
    entry: gatewayMain,
    env: {
      ...generated,
      ANYRAY_OPTIMIZER_URL: first.url,
      ANYRAY_GATEWAY_HOST: "127.0.0.1",
      ANYRAY_GATEWAY_PORT: "0",
    },
  });
  const authorization = `Bearer ${secretOf(dataDir, "admin-token")}`;
  for (const optimizer of await Promise.all(starting)) {
    const { status } = await optimizer.ask("/admin/optimizer/settings", undefined, { headers: { authorization } });
    expect(status).toBe(200);
    const token = `Bearer ${secretOf(dataDir, "optimizer-token")}`;
    expect((await optimizer.ask("/v1/eligibility", undefined, { headers: { authorization: token } })).status).toBe(200);
  }
  let output = "";
  for await (const chunk of gateway.stdout as unknown as AsyncIterable<Uint8Array>) {
    output += new TextDecoder().decode(chunk);
    if (/gateway is ready","url":"[^"]+"/.test(output)) break;
  }
  const url = /gateway is ready","url":"([^"]+)"/.exec(output)?.[1];
  const path = "/admin/optimizer/settings";
  const read = await fetch(url + path, { headers: { authorization } });
  const settings = (await read.json()) as { config: object };
  const written = await fetch(url + path, {
    method: "PUT",
    headers: { authorization },
    body: JSON.stringify(settings),
  });
  expect([read.status, written.status, await written.json()]).toEqual([200, 200, settings]);
  const audit = await fetch(`${url}/admin/audit`, { headers: { authorization } });
  expect(await audit.json()).toMatchObject({
    entries: [
      { actor: "admin", ip: "127.0.0.1", action: "optimizer.set", after: settings.config },
      { actor: "system", action: "privacy.set" },
    ],
  });
});

test("bad variables: exit code 78, and one message that names each of them", async () => {
  const { code, stdout, stderr } = await startBadly({
    ANYRAY_OPTIMIZER_PORT: "many",
    ANYRAY_ATTACH: "yes",
    ANYRAY_OPTIMIZER_TOKEN: "canary with spaces",
  });
  expect([code, stdout]).toEqual([78, ""]);
  expect(stderr).toContain('ANYRAY_OPTIMIZER_PORT="many": accepted is a whole number from 0 to 65535');
  expect(stderr).toContain('ANYRAY_ATTACH="yes": accepted is `true`, `false`');
  expect(stderr).toContain("ANYRAY_OPTIMIZER_TOKEN=(hidden)");
  expect(stderr).not.toContain("canary");
  const elsewhere = await startBadly({ ANYRAY_SPEND_DB_URL: "postgres://db.test/x" });
  expect([elsewhere.code, elsewhere.stderr]).toEqual([78, expect.stringContaining("ANYRAY_SPEND_DB_URL")]);
});

test("a port that is taken, and a store that is none, end the start with a line that says so", async () => {
  const taken = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  const port = String(taken.port);
  const busy = await startBadly({ ANYRAY_OPTIMIZER_PORT: port });
  expect(busy.code).toBe(1);
  expect(busy.stdout).toContain(`cannot listen on 127.0.0.1:${port}`);
  await taken.stop(true);
  const dataDir = freshDir();
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(join(dataDir, "anyray.db"), "no database, but a long enough text to look like one ".repeat(50));
  const broken = await startBadly({}, dataDir);
  expect(broken.code).toBe(1);
  expect(broken.stdout).toContain('"msg":"the optimizer cannot start"');
  expect(readFileSync(join(dataDir, "anyray.db"), "utf8")).toStartWith("no database");
});
