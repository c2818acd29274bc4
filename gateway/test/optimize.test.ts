// With an optimizer that works: what it answers is what the provider gets, the row says what was saved, and whatever
// it is not asked for goes on as it came.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { everywhere, trimmed } from "./fake-optimizer";
import { until } from "./harness";
import { fatChat, type OptimizerWorld, openOptimizerWorld, usageEvent } from "./optimizer-world";

let world: OptimizerWorld;
beforeAll(async () => {
  world = await openOptimizerWorld();
});
beforeEach(() => {
  world.optimizer.setManner("trim");
  world.optimizer.setFacts({});
});
afterAll(() => world.stop());

const asked = () => world.optimizer.asked;

describe("an optimized call", () => {
  test("the optimizer gets the caller's bytes, the provider the optimizer's", async () => {
    const body = `\r\n ${fatChat(',"n":1.0,"x":{"b":1,"a":2}')}\n`;
    const before = asked().length;
    const { status, forwarded, session } = await world.chat(body);
    expect([status, asked().length - before]).toEqual([200, 1]);
    expect(forwarded).toBe(trimmed(body.trim()).text);
    const { endpoint, requestText, metadata, capabilities, authorization } = asked().at(-1)!;
    expect(requestText).toBe(body.trim());
    expect([endpoint, authorization?.slice(0, 7), (authorization?.length ?? 0) > 30]).toEqual([
      "/v1/chat/completions",
      "Bearer ",
      true,
    ]);
    expect(metadata).toEqual({ user: "ada", team: null, sessionId: session });
    expect(capabilities).toEqual({ canShortCircuit: true, canRetrieve: false });
  });

  test("the row says what was saved, and what it would have cost", async () => {
    const body = fatChat();
    const { session } = await world.chat(body);
    const { tokensSaved } = trimmed(body);
    const row = await world.rowOf(session);
    expect(row).toMatchObject({
      outcome: "optimized",
      tokensSaved,
      decisions: { fat_trimming: tokensSaved },
      inputTokens: 1_000,
    });
    // gpt-4o-mini: 0.15 USD per million tokens of plain input.
    expect(row.savingsUsd).toBeCloseTo((tokensSaved * 0.15) / 1e6, 9);
    expect(row.baselineCostUsd).toBeCloseTo((row.costUsd ?? 0) + row.savingsUsd, 9);
    expect(row.optimizeMs).toBeGreaterThan(0);
    expect(row.overheadMs).toBeGreaterThanOrEqual(row.optimizeMs ?? 0);
  });

  test("saved tokens are priced as read from the cache where the provider read most from there", async () => {
    const body = `{"model":"claude-sonnet-4-5","max_tokens":10,"messages":[{"role":"user","content":"a<fat>${"x".repeat(4_000)}</fat>"}]}`;
    const { session, forwarded } = await world.chat(body, {}, "/v1/messages");
    expect(forwarded).toBe(trimmed(body).text);
    const { savingsUsd, tokensSaved, inputTokens, cachedInputTokens } = await world.rowOf(session);
    expect([inputTokens, cachedInputTokens]).toEqual([1_000, 600]);
    // 0.30 USD per million.
    expect(savingsUsd).toBeCloseTo((tokensSaved * 0.3) / 1e6, 9);
  });

  test("streams as it was asked to, with the usage it has to state", async () => {
    const { text, forwarded, session } = await world.chat(fatChat(',"stream":true'));
    expect(JSON.parse(forwarded)).toMatchObject({ stream: true, stream_options: { include_usage: true } });
    expect(forwarded).not.toContain("fat");
    expect(text).not.toContain(usageEvent);
    expect(await world.rowOf(session)).toMatchObject({ outcome: "optimized", inputTokens: 1_000, estimated: false });
  });

  test("a provider's prefix is gone before the optimizer sees the model, and stays gone", async () => {
    const { forwarded, session } = await world.chat(fatChat().replace("gpt-4o-mini", "openai/gpt-4o-mini"));
    expect(JSON.parse(asked().at(-1)!.requestText).model).toBe("gpt-4o-mini");
    expect([JSON.parse(forwarded).model, forwarded.includes("fat")]).toEqual(["gpt-4o-mini", false]);
    expect(await world.rowOf(session)).toMatchObject({ model: "gpt-4o-mini", outcome: "optimized" });
  });

  test("a compressed request goes on without its compression, an unchanged one with it", async () => {
    const body = fatChat();
    const headers = { "content-encoding": "gzip" };
    const sent = await world.chat(Bun.gzipSync(body), headers);
    expect(sent.forwarded).toBe(trimmed(body).text);
    const encodings = () =>
      world.provider.received.at(-1)!.headers.filter(([name]) => name.toLowerCase() === "content-encoding");
    expect(encodings()).toEqual([]);
    const lean = Buffer.from(Bun.gzipSync('{"model":"gpt-4o-mini","messages":[]}'));
    await world.chat(lean, headers);
    expect(lean.equals(Buffer.from(world.provider.received.at(-1)!.body))).toBe(true);
    expect(encodings()).toHaveLength(1);
    expect(asked().at(-1)!.requestText).toBe('{"model":"gpt-4o-mini","messages":[]}');
  });

  test("its true usage is told to the optimizer afterwards", async () => {
    const { session } = await world.chat(fatChat());
    const told = await until(() => world.optimizer.feedback.find(({ sessionId }) => sessionId === session));
    const usage = { inputTokens: 1_000, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 10 };
    expect(told).toEqual({
      sessionId: session,
      metadata: { user: "ada", team: null, sessionId: session },
      optimizationId: "opt_1",
      endpoint: "/v1/chat/completions",
      model: "gpt-4o-mini",
      usage,
    });
  });

  test("x-anyray-test shows what was done, and nobody else sees it", async () => {
    const summary = 'é😀"\\ \u2028'.repeat(20);
    const decisions = Array.from({ length: 200 }, (_, at) => ({
      kind: `k${at}`,
      summary,
      tokensBefore: 2,
      tokensAfter: 1,
      ms: 0,
    }));
    const short = await world.chat(fatChat(), { "x-anyray-test": "1" });
    const shown = JSON.parse(short.headers.get("x-anyray-optimization") ?? "");
    expect(shown).toMatchObject({
      outcome: "optimized",
      optimizationId: "opt_1",
      cacheHit: false,
      suppressedKinds: [],
    });
    expect(shown.decisions).toMatchObject([{ kind: "fat_trimming", summary: "fat taken out" }]);
    expect(shown.estimatedTokensSaved).toBeGreaterThan(900);
    world.optimizer.setFacts({ decisions });
    const long = (await world.chat(fatChat(), { "x-anyray-test": "1" })).headers.get("x-anyray-optimization") ?? "";
    expect(long).toMatch(/^[\x20-\x7e]+$/);
    expect([long.length <= 8_192, JSON.parse(long).isCut]).toEqual([true, true]);
    expect((await world.chat(fatChat())).headers.has("x-anyray-optimization")).toBe(false);
    const other = await world.chat('{"model":"m","input":"x"}', { "x-anyray-test": "1" }, "/v1/embeddings");
    expect(JSON.parse(other.headers.get("x-anyray-optimization") ?? "")).toMatchObject({
      outcome: "off",
      decisions: [],
    });
  });
});

describe("as it came, byte for byte:", () => {
  const odd = `\ufeff \r\n{ "messages" :[ {"role":"user","content":"\\u0041 <fat>😀\u2028</fat>"}],"model":"gpt-4o-mini" , "n":1.0,"n":1e0}\n`;
  const expectSame = async (
    outcome: string,
    given: { headers?: Record<string, string>; path?: string; body?: string; isAsked?: boolean },
  ) => {
    const { headers = {}, path = "/v1/chat/completions", body = odd, isAsked = false } = given;
    const before = asked().length;
    const { forwarded, session, status } = await world.chat(body, headers, path);
    expect([status, forwarded === body, asked().length - before]).toEqual([200, true, isAsked ? 1 : 0]);
    const row = await world.rowOf(session);
    expect(row).toMatchObject({ outcome, decisions: null, tokensSaved: 0, savingsUsd: 0 });
    expect([row.optimizeMs !== null, row.baselineCostUsd]).toEqual([isAsked, row.costUsd]);
  };

  test("what the caller keeps from the optimizer", async () => {
    for (const off of ["off", " OFF "]) await expectSame("bypassed", { headers: { "x-anyray-optimize": off } });
  });

  test("what the protocol does not know", async () => {
    for (const path of ["/v1/completions", "/v1/embeddings"]) await expectSame("off", { path });
    const before = asked().length;
    await world.chat('{"model":"m"}', {}, "/v1/moderations");
    expect(asked().length).toBe(before);
  });

  test("what the optimizer leaves as it is, whatever it says of it", async () => {
    world.optimizer.setManner("echo");
    await expectSame("unchanged", { isAsked: true });
    const [read] = [{ kind: "content_census", summary: "", tokensBefore: 5, tokensAfter: 5, ms: 0 }];
    world.optimizer.setManner("trim");
    world.optimizer.setFacts({ decisions: [read] });
    await expectSame("unchanged", { body: odd.replace(/<.?fat>/g, ""), isAsked: true });
    world.optimizer.setFacts({ decisions: [] });
    await expectSame("unchanged", { isAsked: true });
  });

  test("what cannot be worth asking for, as the optimizer publishes it", async () => {
    const { optimizer } = world;
    const publish = async (bodyBytesMin: unknown) => {
      optimizer.setEligibility({ revision: "r2", bodyBytesMin });
      const looks = optimizer.looks();
      await world.chat(fatChat());
      await until(() => optimizer.looks() > looks + 1);
    };
    await publish({ "/v1/chat/completions": 2_000, "/v1/messages": null });
    await expectSame("unchanged", {});
    const small = asked().length;
    await world.chat(fatChat());
    expect(asked().length - small).toBe(1);
    for (const path of ["/v1/messages", "/v1/responses"]) {
      const before = asked().length;
      const { forwarded } = await world.chat(fatChat(), {}, path);
      expect([asked().length - before, forwarded]).toEqual([0, fatChat()]);
    }
    // One that publishes nothing, or nonsense, is asked: what is not known is not guessed.
    for (const nonsense of [null, { revision: 1 }, { revision: "r", bodyBytesMin: { "/v1/chat/completions": "x" } }]) {
      optimizer.setEligibility(nonsense);
      const looks = optimizer.looks();
      await until(async () => {
        await Bun.sleep(50);
        return optimizer.looks() > looks + 1;
      });
      await expectSame("unchanged", { body: odd.replace(/<.?fat>/g, ""), isAsked: true });
    }
    optimizer.setEligibility(everywhere);
  });
});

test("a caller that hangs up while the optimizer is asked ends the call: nothing is sent, nothing stays set aside", async () => {
  const { gateway, optimizer, provider } = world;
  await gateway.admin("PUT", "/admin/user-caps", { user: "leaver", monthlyTokens: 1_000_000 });
  optimizer.setManner("silent");
  const [received, before] = [provider.received.length, asked().length];
  const control = new AbortController();
  const call = fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-anyray-metadata": '{"user":"leaver"}' },
    body: fatChat(),
    signal: control.signal,
  }).catch((error: Error) => error.name);
  await until(() => asked().length > before);
  type Caps = { caps: { user: string; reservedTokens: number }[] };
  const reserved = async () =>
    (await gateway.admin<Caps>("GET", "/admin/user-caps")).caps.find(({ user }) => user === "leaver")?.reservedTokens;
  expect(await reserved()).toBeGreaterThan(0);
  control.abort();
  expect(await call).toBe("AbortError");
  await until(async () => (await reserved()) === 0);
  const health = await gateway.admin<{ calls: { active: number }; optimizer: { breaker: string } }>(
    "GET",
    "/admin/health",
  );
  expect([health.calls.active, health.optimizer.breaker]).toEqual([0, "closed"]);
  expect([provider.received.length, (await gateway.rows("user=leaver")).length]).toEqual([received, 0]);
});

test("metrics and health tell how the optimizer does", async () => {
  const text = await (await fetch(`${world.gateway.url}/metrics`)).text();
  expect(text).toMatch(/anyray_optimizer_outcomes_total\{outcome="optimized"\} \d+/);
  expect(text).toContain("\nanyray_optimizer_breaker_open 0\n");
  expect(text).toMatch(/anyray_optimize_seconds_count [1-9]/);
  const { optimizer } = await world.gateway.admin<{ optimizer: unknown }>("GET", "/admin/health");
  expect(optimizer).toMatchObject({ url: world.optimizer.url, breaker: "closed", openedBy: null });
  expect(world.gateway.output()).not.toMatch(/"level":"(warn|error)"/);
});
