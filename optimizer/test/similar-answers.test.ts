// Answers to similar questions, through the whole optimizer: learnt from what the model answers, served within the
// bound, to the one who asked alone, and never told to anybody what was compared.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { privacyOf } from "@anyray/shared/admin/privacy";
import { createKeyring } from "@anyray/shared/crypto";
import { createLog } from "@anyray/shared/log";
import { Metrics } from "@anyray/shared/metrics";
import { createPriceBook } from "@anyray/shared/pricing";
import type { Optimizer } from "../src/deps";
import { openOptimizer } from "../src/optimizer";
import { semanticCache } from "../src/strategies/semantic_cache";
import { paramsOf } from "./run-stand";

const ended: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of ended.toReversed()) await end();
});

async function openWorld(params: object, settings: Record<string, unknown> = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), "anyray-similar-"));
  ended.push(() => rmSync(dataDir, { recursive: true, force: true }));
  const strategies = [{ strategy: semanticCache, params: paramsOf(semanticCache, { ...params }) }];
  const optimizer: Optimizer = await openOptimizer({
    dataDir,
    keyring: createKeyring(Buffer.alloc(32, 9).toString("base64")),
    log: createLog({ level: "error", service: "optimizer", write: () => {} }),
    metrics: new Metrics(),
    priceBook: createPriceBook({ overrides: [], now: Date.now }),
    version: "0.0.0",
    resolve: () => ({ revision: "1", strategies }),
    contentMode: () => privacyOf(settings).contentMode,
  } as Parameters<typeof openOptimizer>[0]);
  ended.push(() => optimizer.close());
  const ask = (content: string, user = "ada", model = "gpt-5") => {
    const request = { model, temperature: 0, messages: [{ role: "user", content }] };
    return optimizer.optimize(JSON.stringify(request), {
      endpoint: "/v1/chat/completions",
      request,
      asker: { user, team: "t", sessionId: null, labels: new Map() },
      capabilities: { canShortCircuit: true, canRetrieve: false },
      enabledKinds: null,
    });
  };
  return { optimizer, dataDir, ask };
}

const answerOf = (content: string) =>
  JSON.stringify({ model: "gpt-5", choices: [{ finish_reason: "stop", message: { role: "assistant", content } }] });

/** As the gateway does: what is no hit is asked of the model, and its answer stored. */
async function call(world: Awaited<ReturnType<typeof openWorld>>, text: string, model: (text: string) => string) {
  const { facts, cachedResponseText } = await world.ask(text);
  if (cachedResponseText !== null) return { isHit: true, text: cachedResponseText };
  const responseText = answerOf(model(text));
  const asker = { user: "ada", team: "t", sessionId: null, labels: new Map() };
  await world.optimizer.cacheStore({
    cacheKey: facts.cacheKey ?? "",
    request: null,
    responseText,
    ttlSeconds: null,
    asker,
  });
  return { isHit: false, text: responseText };
}

/** Different questions by their key, the same by their words. */
const wording = (at: number) => `How do I sort a list${" ?".repeat(at + 1)}`;

test("a question in other words gets the answer, once that answer was right often enough", async () => {
  const world = await openWorld({ similarity: true, maxErrorRate: 0.5 });
  let hits = 0;
  for (let at = 0; at < 200 && hits === 0; at += 1) {
    const { isHit, text } = await call(world, wording(at), () => "CANARY: use sort().");
    if (isHit) hits += 1;
    if (at < 6) expect(isHit).toBe(false);
    expect(text).toBe(answerOf("CANARY: use sort()."));
  }
  expect(hits).toBe(1);
  const { facts, cachedResponseText } = await world.ask(wording(500));
  expect(facts).toMatchObject({ cacheHit: true, cacheEligible: true, sidecar: { cacheMatch: "similar" } });
  expect(cachedResponseText).toBe(answerOf("CANARY: use sort()."));
  for (const [text, user, model] of [
    [wording(500), "bob", "gpt-5"],
    [wording(500), "ada", "gpt-5-mini"],
    ["How do I not sort a list?", "ada", "gpt-5"],
  ] as const) {
    const other = await world.ask(text, user, model);
    expect(other.facts.cacheHit).toBe(false);
    // What was compared stays here.
    expect(JSON.stringify(other)).not.toContain('"cacheSimilar"');
  }
  expect((await world.ask(wording(0))).facts).toMatchObject({ cacheHit: true });
  expect((await world.ask(wording(0))).facts.sidecar).toBeUndefined();
  const bytes = readdirSync(world.dataDir).map((name) => readFileSync(join(world.dataDir, name), "latin1"));
  expect(bytes.join("")).not.toContain("CANARY");
  expect(bytes.join("")).not.toContain("sort a list");
}, 60_000);

test("answers that vary are never served for others, and without the switch nothing is", async () => {
  const varied = await openWorld({ similarity: true, maxErrorRate: 0.5 });
  const plain = await openWorld({});
  for (let at = 0; at < 60; at += 1) {
    expect((await call(varied, wording(at), () => `answer ${at}`)).isHit).toBe(false);
    expect((await call(plain, wording(at), () => "the same")).isHit).toBe(false);
  }
  expect((await call(plain, wording(3), () => "x")).isHit).toBe(true);
}, 60_000);

test("an answer lives as long as the settings say where its sender says nothing", async () => {
  const world = await openWorld({ ttlSeconds: 1 });
  expect((await call(world, "a", () => "b")).isHit).toBe(false);
  expect((await call(world, "a", () => "b")).isHit).toBe(true);
  await Bun.sleep(1_100);
  expect((await call(world, "a", () => "b")).isHit).toBe(false);
});

test("where no content may be kept, nothing is learnt or served", async () => {
  const settings = { privacy: { contentMode: "off" } };
  const world = await openWorld({ similarity: true, maxErrorRate: 0.5 }, settings);
  for (let at = 0; at < 20; at += 1) expect((await call(world, wording(at), () => "same")).isHit).toBe(false);
});
