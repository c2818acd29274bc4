// The optimizer behind the service, with everything it keeps: what happens when originals cannot be kept, when content
// may not be, when a large request takes too long, and what the bill teaches.

import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { privacyOf } from "@anyray/shared/admin/privacy";
import { createKeyring } from "@anyray/shared/crypto";
import { createLog } from "@anyray/shared/log";
import { Metrics } from "@anyray/shared/metrics";
import { createPriceBook } from "@anyray/shared/pricing";
import type { EnvelopeFacts, Optimizer } from "../src/deps";
import { handlesIn } from "../src/markers";
import { openOptimizer } from "../src/optimizer";
import { registry } from "../src/registry";
import { paramsOf } from "./run-stand";
import { type Conversation, requestOf } from "./talks";

const directories: string[] = [];
const opened: Optimizer[] = [];
afterAll(async () => {
  for (const optimizer of opened) await optimizer.close();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

const rows = (count: number) =>
  JSON.stringify(
    Array.from({ length: count }, (_, id) => ({ id, state: id === 77 ? "lost" : "held", region: `r${id % 3}` })),
    null,
    2,
  );
const talkOf = (output: string): Conversation => ({
  system: "You are on call.",
  tools: [{ name: "run", description: "Runs a command.", schema: { type: "object" } }],
  turns: [
    { is: "user", text: "Which lease was lost?" },
    { is: "call", tool: "run", args: { cmd: "leases" }, output, isError: false, thinking: null },
    { is: "answer", text: "Number 77." },
    { is: "user", text: "And its region?" },
  ],
});

interface World {
  optimizer: Optimizer;
  dataDir: string;
  settings: Record<string, unknown>;
  ask(output: string, more?: Partial<EnvelopeFacts>): Promise<Awaited<ReturnType<Optimizer["optimize"]>>>;
}

async function openWorld(
  kinds: readonly string[],
  dataDir = mkdtempSync(join(tmpdir(), "anyray-opt-")),
): Promise<World> {
  directories.push(dataDir);
  const settings: Record<string, unknown> = {};
  const strategies = registry.strategies
    .filter(({ kind }) => kinds.includes(kind))
    .map((strategy) => ({ strategy, params: paramsOf(strategy) }));
  const optimizer = await openOptimizer({
    dataDir,
    keyring: createKeyring(Buffer.alloc(32, 9).toString("base64")),
    log: createLog({ level: "error", service: "optimizer", write: () => {} }),
    metrics: new Metrics(),
    priceBook: createPriceBook({ overrides: [], now: Date.now }),
    version: "0.0.0",
    resolve: () => ({ revision: "1", strategies }),
    contentMode: () => privacyOf(settings).contentMode,
  } as Parameters<typeof openOptimizer>[0]);
  opened.push(optimizer);
  return {
    optimizer,
    dataDir,
    settings,
    ask(output, more = {}) {
      const endpoint = "/v1/chat/completions";
      const text = requestOf(talkOf(output), endpoint);
      return optimizer.optimize(text, {
        endpoint,
        request: JSON.parse(text),
        asker: { user: "u", team: "t", sessionId: "s", labels: new Map() },
        capabilities: { canShortCircuit: false, canRetrieve: false },
        enabledKinds: null,
        ...more,
      });
    },
  };
}

const owner = { user: "u", team: "t", labels: new Map() };
const asker = { ...owner, sessionId: null };
const query = (handle: string) => ({ handle, offset: 0, maxChars: 200_000 });

test("what is elided can be retrieved whole, by its owner, after a restart too", async () => {
  const world = await openWorld(["context_compression"]);
  const { requestText, facts } = await world.ask(rows(300));
  const [handle] = handlesIn(requestText);
  expect(facts.estimatedTokensSaved).toBeGreaterThan(1_000);
  expect((await world.optimizer.retrieve(query(handle ?? ""), asker))?.content).toBe(rows(300));
  for (const other of [
    { ...asker, user: "v" },
    { ...asker, team: "x" },
    { ...asker, user: null },
  ]) {
    expect(await world.optimizer.retrieve(query(handle ?? ""), other)).toBeNull();
  }
  await world.optimizer.close();
  opened.splice(opened.indexOf(world.optimizer), 1);
  const again = await openWorld(["context_compression"], world.dataDir);
  expect((await again.optimizer.retrieve(query(handle ?? ""), asker))?.content).toBe(rows(300));
  expect((await again.ask(rows(300))).requestText).toBe(requestText);
});

test("when originals cannot be kept the request keeps them itself", async () => {
  const world = await openWorld(["context_compression"]);
  const lock = new Database(join(world.dataDir, "optimizer.db"));
  lock.run("BEGIN IMMEDIATE");
  const { requestText, facts } = await world.ask(rows(300));
  lock.run("ROLLBACK");
  lock.close();
  expect(handlesIn(requestText)).toEqual([]);
  expect(requestText).not.toContain("elided");
  expect(facts.suppressedKinds).toContainEqual({ kind: "context_compression", reason: "stash_unavailable" });
  // With the disk back the next conversation is cut; in this one the provider has the whole text cached by now.
  const next = { asker: { user: "u", team: "t", sessionId: "next", labels: new Map() } };
  expect(handlesIn((await world.ask(rows(300), next)).requestText)).toHaveLength(1);
});

test("while content may not be kept nothing is elided, and nothing kept is given back", async () => {
  const world = await openWorld(["context_compression"]);
  const [handle] = handlesIn((await world.ask(rows(300))).requestText);
  world.settings["privacy"] = { contentMode: "off" };
  expect(handlesIn((await world.ask(rows(300))).requestText)).toEqual([]);
  expect(await world.optimizer.retrieve(query(handle ?? ""), asker)).toBeNull();
});

test("a large request goes through the worker with the same result", async () => {
  const world = await openWorld(["context_compression"]);
  let at = 0;
  const ask = () => world.ask(rows(9_000), { asker: { ...owner, sessionId: `large ${at++}` } });
  let { requestText, facts } = await ask();
  // A worker that has just started takes longer than a caller can wait: nothing is changed until it is warm.
  while (facts.estimatedTokensSaved === 0 && at < 200) {
    expect(facts.suppressedKinds).toEqual([{ kind: "*", reason: "budget" }]);
    await Bun.sleep(100);
    ({ requestText, facts } = await ask());
  }
  expect(facts.estimatedTokensSaved).toBeGreaterThan(100_000);
  const [handle] = handlesIn(requestText);
  const retrieved = await world.optimizer.retrieve(query(handle ?? ""), asker);
  expect(retrieved?.["totalChars"]).toBe(rows(9_000).length);
  expect(rows(9_000).startsWith(retrieved?.content ?? "-")).toBe(true);
});

test("an answer that was kept is found by who asked the same, and by nobody else", async () => {
  const world = await openWorld(["semantic_cache"]);
  const endpoint = "/v1/chat/completions";
  const ask = (user: string, content: string) => {
    const request = { model: "gpt-5", temperature: 0, messages: [{ role: "user", content }] };
    return world.optimizer.optimize(JSON.stringify(request), {
      endpoint,
      request,
      asker: { user, team: null, sessionId: null, labels: new Map() },
      capabilities: { canShortCircuit: true, canRetrieve: false },
      enabledKinds: null,
    });
  };
  const { facts } = await ask("u", "What is 2 + 2?");
  expect(facts).toMatchObject({ cacheHit: false, cacheEligible: true });
  const responseText = '{"id":"x", "model":"gpt-5","choices":[{"message":{"content":"4"}}]}';
  const entry = { cacheKey: facts.cacheKey ?? "", request: null, responseText, ttlSeconds: null, asker };
  expect(await world.optimizer.cacheStore(entry)).toBe(true);
  const hit = await ask("u", " What is  2 + 2? ");
  expect([hit.facts.cacheHit, hit.cachedResponseText]).toEqual([true, responseText]);
  expect((await ask("v", "What is 2 + 2?")).facts.cacheHit).toBe(false);
  expect((await ask("u", "What is 2 + 3?")).facts.cacheHit).toBe(false);
  world.settings["privacy"] = { contentMode: "off" };
  expect((await ask("u", "What is 2 + 2?")).facts.cacheHit).toBe(false);
});

test("the bill teaches the estimate, and unknown bills nothing", async () => {
  const world = await openWorld(["context_compression"]);
  const usage = { inputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 1 };
  const bill = { sessionId: "s", model: "gpt-5", endpoint: null, asker };
  const before = (await world.ask(rows(300))).facts.estimatedTokensSaved;
  for (let at = 0; at < 80; at += 1) {
    const { facts } = await world.ask(rows(300));
    const inputTokens = 100_000;
    await world.optimizer.feedback({ ...bill, optimizationId: facts.optimizationId, usage: { ...usage, inputTokens } });
  }
  const after = (await world.ask(rows(300))).facts.estimatedTokensSaved;
  expect(after).toBeGreaterThan(before * 1.2);
  await world.optimizer.feedback({ ...bill, optimizationId: "unknown", usage: { ...usage, inputTokens: 1e9 } });
  expect((await world.ask(rows(300))).facts.estimatedTokensSaved).toBe(after);
});
