// Promise: a config is taken whole or not at all; what was taken holds for the next request, is audited, and is known to
// every other process soon after.

import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { openStore } from "@anyray/shared/store/open";
import { adminToken, type Json, optimizerToken, startOptimizer, type TestOptimizer } from "./harness";
import { registry } from "./stand-in";

setDefaultTimeout(30_000);

const path = "/admin/optimizer/settings";
const chat = "/v1/chat/completions";

const started: TestOptimizer[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop("SIGKILL");
});
async function start(options: Parameters<typeof startOptimizer>[0] = {}) {
  const optimizer = await startOptimizer(options);
  started.push(optimizer);
  return optimizer;
}

const entry = (kind: string, enabled = true, params: object = {}) => ({ kind, enabled, params });
const configOf = (strategies: object[], overrides: object = { byEndpoint: {}, rules: [] }) => ({
  defaultsRevision: 7,
  strategies,
  overrides,
});

/** Kinds that would run for a request. */
async function kindsFor(optimizer: TestOptimizer, facts: object, endpoint = chat): Promise<string[]> {
  const body = { endpoint, request: { model: "gpt-5" }, ...facts };
  expect((await optimizer.ask("/v1/optimize", body)).status).toBe(200);
  const { json } = await optimizer.ask("/v1/retrieve", { handle: "ctx_asked" });
  return JSON.parse(json.content).strategies.map(({ kind }: Json) => kind);
}

async function auditOf({ dataDir }: TestOptimizer) {
  const store = await openStore({ dataDir, timezone: "UTC" });
  const audit = await store.readAudit(null, 10);
  await store.close();
  return audit;
}

test("an installation that nobody configured runs the defaults, and says what there is to set", async () => {
  const optimizer = await start();
  const { status, json } = await optimizer.ask(path);
  expect(status).toBe(200);
  expect(json.config).toEqual(registry.defaultConfig);
  expect(json.optimizerVersion).toMatch(/^\d+\.\d+\.\d+$/);
  expect(json.faults).toEqual([]);
  expect(json.known.map(({ kind }: Json) => kind)).toEqual(registry.strategies.map(({ kind }) => kind));
  expect(json.known[1]).toEqual({
    kind: "context_dedupe",
    tier: "lossless",
    about: { does: "Is called context_dedupe.", risk: "None: it does nothing." },
    params: registry.strategies[1]!.params,
    bodyBytesMin: 4_000,
  });
  expect(await kindsFor(optimizer, {})).toEqual(["context_dedupe", "context_compression", "cache_optimizer"]);
});

test("a config holds for the next request, survives a restart, and is audited with what was before", async () => {
  const optimizer = await start();
  const before = (await optimizer.ask("/v1/eligibility")).json;
  const config = configOf([
    entry("param_tuning", true, { maxTokensCap: 100 }),
    entry("context_dedupe", false),
    entry("context_compression", true, { roles: ["user"], encoding: "json" }),
  ]);
  const { status, json } = await optimizer.ask(path, config);
  expect([status, json.config]).toEqual([200, config]);
  expect(await kindsFor(optimizer, {})).toEqual(["param_tuning", "context_compression"]);
  const { json: asked } = await optimizer.ask("/v1/retrieve", { handle: "ctx_asked" });
  expect(JSON.parse(asked.content).strategies[1].params).toEqual({
    minChars: 1_500,
    encoding: "json",
    roles: ["user"],
    words: [],
  });
  const after = (await optimizer.ask("/v1/eligibility")).json;
  expect(after.revision).not.toBe(before.revision);
  expect(after.revision).toBe(json.revision);
  expect(after.bodyBytesMin[chat]).toBe(500);
  const [audit] = await auditOf(optimizer);
  expect(audit).toMatchObject({ actor: "admin", ip: "127.0.0.1", action: "optimizer.set", object: "settings" });
  expect([audit?.before, audit?.after]).toEqual([null, config]);
  await optimizer.stop();
  const again = await start({ dataDir: optimizer.dataDir });
  expect((await again.ask(path)).json).toEqual(json);
});

test("what GET answers may be sent back as it is", async () => {
  const optimizer = await start();
  const { json } = await optimizer.ask(path);
  expect((await optimizer.ask(path, json)).json).toEqual(json);
  expect((await optimizer.ask(path, { config: json.config })).json.revision).toBe(json.revision);
});

test("another process follows within a second", async () => {
  const first = await start();
  const second = await start({ dataDir: first.dataDir });
  await first.ask(path, configOf([entry("code_graph")]));
  const deadline = performance.now() + 2_000;
  while ((await second.ask(path)).json.config.strategies[0]?.kind !== "code_graph") {
    expect(performance.now()).toBeLessThan(deadline);
    await Bun.sleep(25);
  }
  expect(await kindsFor(second, {})).toEqual(["code_graph"]);
});

test("endpoints change single strategies; the first rule that holds replaces them all", async () => {
  const optimizer = await start();
  const rule = (match: object, ...kinds: string[]) => ({ match, strategies: kinds.map((kind) => entry(kind)) });
  const config = configOf([entry("context_dedupe"), entry("window_budget", false), entry("cache_optimizer")], {
    byEndpoint: {
      "/v1/messages": [
        { kind: "context_dedupe", enabled: false },
        { kind: "window_budget", enabled: true },
        { kind: "context_compression", params: { minChars: 9 } },
      ],
    },
    rules: [
      rule({ user: "ada", metadata: { tier: "gold", n: 1, beta: true } }, "param_tuning"),
      rule({ user: "ada" }, "code_graph"),
      rule({ team: "ops", endpoint: chat }, "code_skeleton"),
      rule({ model: "claude-*" }, "context_compression"),
      rule({ user: "eve" }),
    ],
  });
  const put = await optimizer.ask(path, config);
  expect([put.status, put.json.error?.message]).toEqual([200, undefined]);
  expect(put.json.config).toEqual(config);
  const metadata = (value: object) => ({ metadata: value });
  expect(await kindsFor(optimizer, {})).toEqual(["context_dedupe", "cache_optimizer"]);
  expect(await kindsFor(optimizer, {}, "/v1/messages")).toEqual([
    "context_compression",
    "window_budget",
    "cache_optimizer",
  ]);
  expect(await kindsFor(optimizer, metadata({ user: "ada", tier: "gold", n: 1, beta: true }))).toEqual([
    "param_tuning",
  ]);
  expect(await kindsFor(optimizer, metadata({ user: "ada", tier: "gold", n: "1", beta: true }))).toEqual([
    "code_graph",
  ]);
  expect(await kindsFor(optimizer, metadata({ user: "ada" }), "/v1/messages")).toEqual(["code_graph"]);
  expect(await kindsFor(optimizer, metadata({ user: "bob", team: "ops" }))).toEqual(["code_skeleton"]);
  expect(await kindsFor(optimizer, metadata({ user: "bob", team: "ops" }), "/v1/responses")).toHaveLength(2);
  expect(await kindsFor(optimizer, metadata({ user: "eve" }))).toEqual([]);
  for (const [model, holds] of [
    ["claude-4", true],
    ["anthropic/Claude-4", true],
    ["my-claude-4", false],
    [7, false],
  ]) {
    const kinds = await kindsFor(optimizer, { request: { model } });
    expect([model, kinds.length === 1]).toEqual([model, holds]);
  }
});

test("what the gateway relays is audited under the admin's own address, what others claim is not", async () => {
  const optimizer = await start();
  const put = (headers: Record<string, string>) => optimizer.ask(path, configOf([]), { headers });
  const told = { "x-anyray-admin-ip": "203.0.113.7" };
  await put({ ...told, "x-anyray-optimizer-token": optimizerToken });
  await put({ ...told, "x-anyray-optimizer-token": adminToken });
  await put(told);
  await put({ "x-anyray-admin-ip": "no address", "x-anyray-optimizer-token": optimizerToken });
  expect((await auditOf(optimizer)).map(({ ip }) => ip)).toEqual([null, "127.0.0.1", "127.0.0.1", "203.0.113.7"]);
});

test("a change that cannot be stored and audited is refused, and nothing changes", async () => {
  const optimizer = await start();
  const before = (await optimizer.ask(path)).json;
  const { Database } = await import("bun:sqlite");
  const db = new Database(`${optimizer.dataDir}/anyray.db`);
  db.run("CREATE TRIGGER deny BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END");
  const { status, json } = await optimizer.ask(path, configOf([entry("code_graph")]));
  expect([status, json.error.code]).toEqual([503, "store_unavailable"]);
  expect((await optimizer.ask(path)).json).toEqual(before);
  db.run("DROP TRIGGER deny");
  db.close();
  expect((await optimizer.ask(path, configOf([entry("code_graph")]))).status).toBe(200);
});

test("a stored config that this version does not understand runs as far as it is sound, and says so", async () => {
  const optimizer = await start();
  await optimizer.stop();
  const store = await openStore({ dataDir: optimizer.dataDir, timezone: "UTC" });
  const value = configOf([entry("gone"), entry("code_graph"), entry("context_dedupe", true, { old: 1 })]);
  const audit = {
    id: Bun.randomUUIDv7(),
    at: 1,
    actor: "x",
    ip: null,
    action: "x",
    object: "x",
    after: 1,
    reason: null,
  };
  await store.changePolicy({ kind: "setting", key: "optimizer", value }, audit);
  await store.close();
  const again = await start({ dataDir: optimizer.dataDir });
  expect(await kindsFor(again, {})).toEqual(["code_graph"]);
  const { json } = await again.ask(path);
  expect(json.faults).toHaveLength(2);
  expect(json.faults[0]).toContain('strategies[0].kind="gone"');
  expect(again.output()).toContain('"msg":"the stored settings have faults');
});
