// Promise: what is carried in an envelope comes back byte for byte or changed whole, whatever happens behind the seam.

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Json, optimizerToken, startOptimizer, type TestOptimizer } from "./harness";

setDefaultTimeout(30_000);

let optimizer: TestOptimizer;
beforeAll(async () => {
  optimizer = await startOptimizer({ env: { ANYRAY_MAX_BODY_BYTES: String(40 * 1_048_576) } });
});

const chat = "/v1/chat/completions";
const envelope = (request: string, more = "") => `{"endpoint":"${chat}","request":${request}${more}}`;

/** The text of a member of an answer, as it stands there. */
function memberText(answer: string, name: string, nextName: string): string {
  const start = answer.indexOf(`"${name}":`) + name.length + 3;
  return answer.slice(start, answer.indexOf(`,"${nextName}":`, start));
}

async function lastAsked(): Promise<Json> {
  const { json } = await optimizer.ask("/v1/retrieve", { handle: "ctx_asked" });
  return JSON.parse(json.content);
}

describe("the request", () => {
  const odd = [
    '{"model":"m","n":1.0,"e":1E+2,"big":12345678901234567890}',
    '{ "b" : [ ] ,\n\t"a":{"x" : null}}',
    '{"s":"\\ud800 \\u0041 \\/ \\"","t":"ü 😀 \u2028"}',
    '{"__proto__":{"a":1},"constructor":1,"":0}',
    '{"a":1,"a":2}',
    "{}",
  ];
  test.each(odd)("%s reaches the optimizer and comes back byte for byte", async (request) => {
    const { status, text, json } = await optimizer.ask("/v1/optimize", envelope(request));
    expect([status, memberText(text, "request", "decisions")]).toEqual([200, request]);
    expect(json.protocolVersion).toBe(1);
    expect((await lastAsked()).requestText).toBe(request);
  });

  test("may stand anywhere in the envelope, among names nobody knows, behind a byte order mark", async () => {
    const body = `\ufeff \n{"request" : {"a": "}\\"]"} , "future":[{}],"endpoint":"${chat}" } \n`;
    const { status, text } = await optimizer.ask("/v1/optimize", body);
    expect([status, memberText(text, "request", "decisions")]).toEqual([200, '{"a": "}\\"]"}']);
  });

  test("comes back changed, with the decisions and the figures that go with it", async () => {
    const { json, text } = await optimizer.ask("/v1/optimize", envelope('{"do":"shrink", "x": 1.0}'));
    expect(memberText(text, "request", "decisions")).toBe('{"do":"s", "x": 1.0}');
    expect(Object.keys(json).slice(0, 4)).toEqual(["protocolVersion", "optimizationId", "request", "decisions"]);
    expect(json.decisions).toEqual([
      { kind: "context_dedupe", summary: "1 copy", tokensBefore: 100, tokensAfter: 40, ms: 1 },
    ]);
    expect(json.suppressedKinds).toEqual([{ kind: "context_compression", reason: "no_retrieve" }]);
    expect(json).toMatchObject({ optimizationId: "an-optimization", estimatedTokensSaved: 60, cacheHit: false });
  });

  test("with a stored answer brings that along byte for byte", async () => {
    const { json, text } = await optimizer.ask("/v1/optimize", envelope('{"do":"hit"}'));
    expect(json.cacheHit).toBe(true);
    expect(text).toEndWith(',"cachedResponse":{"n": 1.0}}');
  });

  test("of an endpoint that is not optimized comes back without a question to the optimizer", async () => {
    const before = await lastAsked();
    const request = '{"input":"x" , "n":1.0}';
    const { status, text, json } = await optimizer.ask(
      "/v1/optimize",
      `{"endpoint":"/v1/embeddings","request":${request}}`,
    );
    expect([status, memberText(text, "request", "decisions"), json.decisions]).toEqual([200, request, []]);
    expect(await lastAsked()).toEqual(before);
  });

  test("of 32 MB comes back whole", async () => {
    const request = `{"model":"m","text":"${"ü\\n a".repeat(5_600_000)}"}`;
    expect(Buffer.byteLength(request)).toBeGreaterThan(32 * 1_048_576);
    const { status, text } = await optimizer.ask("/v1/optimize", envelope(request, ',"metadata":{}'));
    expect(status).toBe(200);
    expect(memberText(text, "request", "decisions") === request).toBe(true);
  });
});

describe("a fault behind the seam", () => {
  test.each(["throw", "reject", "half", "break", "bigint"])("(%s) leaves the request as it came", async (wish) => {
    const request = `{ "do" : "${wish}", "text": "canary-of-the-caller" , "n":1.0}`;
    const { status, json, text } = await optimizer.ask("/v1/optimize", envelope(request));
    expect([status, memberText(text, "request", "decisions")]).toEqual([200, request]);
    expect(json.decisions).toEqual([]);
    expect(json.estimatedTokensSaved).toBe(0);
    expect(json.optimizationId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("leaves an answer as it came", async () => {
    const { status, text } = await optimizer.ask(
      "/v1/optimize-response",
      `{"endpoint":"${chat}","response":{ "a":"throw" }}`,
    );
    expect([status, text]).toEqual([200, '{"protocolVersion":1,"response":{ "a":"throw" },"decisions":[]}']);
  });

  test("of another route is a hidden 500", async () => {
    for (const [path, body] of [
      ["/v1/cache", { cacheKey: "k", response: { a: "throw" } }],
      ["/v1/retrieve", { handle: "ctx_throw" }],
    ] as const) {
      const { status, json, text } = await optimizer.ask(path, body);
      expect([path, status, json.error.code]).toEqual([path, 500, "internal"]);
      expect(text).not.toContain("canary");
    }
  });

  test("is counted and logged without a word of what was inside", async () => {
    const { text } = await optimizer.ask("/metrics");
    const failed = /anyray_optimizer_requests_total\{route="optimize",outcome="failed"\} (\d+)/.exec(text)?.[1];
    expect(Number(failed)).toBe(5);
    expect(optimizer.output()).toContain('"fault":"TypeError"');
    expect(optimizer.output()).toMatch(/"at":"stand-in\.ts:\d+:\d+"/);
    expect(optimizer.output()).not.toContain("canary");
  });
});

describe("what is said of a request", () => {
  test("reaches the optimizer as it is meant", async () => {
    const metadata = { userId: " Ada ", teamId: 42, sessionId: "s-1", tool: "x", deep: { a: 1 }, ok: true, user: null };
    const more = {
      metadata,
      capabilities: { canShortCircuit: true },
      enabledKinds: ["cache_optimizer", "context_compression", "param_tuning"],
    };
    const body = envelope('{"model":"m"}', `,${JSON.stringify(more).slice(1, -1)}`);
    expect((await optimizer.ask("/v1/optimize", body)).status).toBe(200);
    expect(await lastAsked()).toEqual({
      endpoint: chat,
      request: { model: "m" },
      requestText: '{"model":"m"}',
      asker: { user: "Ada", team: "42", sessionId: "s-1", labels: { tool: "x", ok: true } },
      capabilities: { canShortCircuit: true, canRetrieve: false },
      enabledKinds: more.enabledKinds,
      // param_tuning is off: to name it does not enable it.
      strategies: [
        { kind: "context_compression", params: { minChars: 2_000, encoding: "auto", roles: ["tool"], words: [] } },
        { kind: "cache_optimizer", params: {} },
      ],
    });
  });

  test("may be missing or null altogether", async () => {
    const more = ',"metadata":null,"capabilities":null,"enabledKinds":null';
    expect((await optimizer.ask("/v1/optimize", envelope("{}", more))).status).toBe(200);
    const { asker, capabilities, enabledKinds } = await lastAsked();
    expect(asker).toEqual({ user: null, team: null, sessionId: null, labels: {} });
    expect([capabilities, enabledKinds]).toEqual([{ canShortCircuit: false, canRetrieve: false }, null]);
  });
});

describe("the other routes", () => {
  test("optimize-response gives the answer back, changed or byte for byte", async () => {
    const same = await optimizer.ask("/v1/optimize-response", `{"endpoint":"${chat}","response":{"n" : 1.0}}`);
    expect(same.text).toBe('{"protocolVersion":1,"response":{"n" : 1.0},"decisions":[]}');
    const body = `{"endpoint":"${chat}","request":{},"response":{"a":"long","n":1.0},"metadata":{"user":"ada"}}`;
    const changed = await optimizer.ask("/v1/optimize-response", body);
    expect(changed.text).toStartWith('{"protocolVersion":1,"response":{"a":"short","n":1.0},"decisions":[{');
  });

  test("cache keeps an answer's text under a key or a question", async () => {
    const byKey = `{"cacheKey":"k1","response":{"n" : 1.0},"ttlSeconds":60,"metadata":{"user":"ada"}}`;
    expect((await optimizer.ask("/v1/cache", byKey)).json).toEqual({ stored: true });
    const known = { cacheKey: "k1", request: null, responseText: '{"n" : 1.0}', ttlSeconds: 60, asker: "ada" };
    expect(await lastAsked()).toEqual(known);
    const byRequest = `{"endpoint":"${chat}","request":{ "q":1 },"response":{"a":"unwanted"}}`;
    expect((await optimizer.ask("/v1/cache", byRequest)).json).toEqual({ stored: false });
    expect((await lastAsked()).request).toEqual({ endpoint: chat, text: '{ "q":1 }' });
  });

  test("retrieve answers what is kept; unknown and forbidden are the same 404", async () => {
    const body = { handle: "ctx_known", lines: [1, 2], maxChars: 10, metadata: { user: "ada" } };
    const { status, json } = await optimizer.ask("/v1/retrieve", body);
    expect([status, json.content]).toEqual([200, "\ud800 kept"]);
    expect(json.part).toMatchObject({ lines: [1, 2], maxChars: 10 });
    expect(json.asker).toMatchObject({ user: "ada", team: null });
    const trusted = await optimizer.ask("/v1/retrieve", { handle: "ctx_known" });
    expect(trusted.json.asker).toBe(null);
    const unknown = await optimizer.ask("/v1/retrieve", { handle: "ctx_aaaaaaaaaaaaaaaa" });
    expect([unknown.status, unknown.json.error.code]).toEqual([404, "not_found"]);
  });

  test("feedback is taken at once, and a fault over it is nobody's", async () => {
    const usage = { inputTokens: 10, cachedInputTokens: 4, cacheWriteTokens: 0, outputTokens: 3 };
    const said = { optimizationId: "o", sessionId: "s", model: "m", usage };
    const { status, json } = await optimizer.ask("/v1/feedback", said);
    expect([status, json]).toEqual([202, { accepted: true }]);
    expect(await lastAsked()).toMatchObject({ ...said, endpoint: null, asker: { user: null, sessionId: "s" } });
    expect((await optimizer.ask("/v1/feedback", { ...said, model: "throw" })).status).toBe(202);
    expect((await optimizer.ask("/v1/feedback", { ...said, sessionId: null, model: null })).status).toBe(202);
  });

  test("record is not there unless it is asked for", async () => {
    expect((await optimizer.ask("/v1/record", {})).status).toBe(404);
  });

  test("eligibility, health, readiness and figures say what they must", async () => {
    const { json: eligibility } = await optimizer.ask("/v1/eligibility");
    expect(eligibility.revision).toMatch(/^[0-9a-f]{16}$/);
    expect(eligibility.bodyBytesMin).toEqual({ [chat]: 1_500, "/v1/responses": 1_500, "/v1/messages": 1_500 });
    const health = await (await fetch(`${optimizer.url}/health`)).json();
    const version = expect.stringMatching(/^\d+\.\d+\.\d+$/);
    expect(health).toEqual({
      status: "ok",
      ready: true,
      embedder: "disabled",
      optimizerVersion: version,
      defaultsRevision: 7,
      privacy: { effectiveMode: "encrypted", seenRevision: expect.any(Number) },
    });
    expect(await (await fetch(`${optimizer.url}/ready`)).json()).toEqual({ ready: true, reasons: [] });
    const text = await (await fetch(`${optimizer.url}/metrics`)).text();
    for (const line of [
      'anyray_optimizer_requests_total{route="optimize",outcome="changed"} 1',
      'anyray_optimizer_requests_total{route="optimize",outcome="cache_hit"} 1',
      'anyray_optimizer_tokens_saved_total{kind="context_dedupe"} 120',
      'anyray_optimizer_suppressed_total{kind="context_compression",reason="no_retrieve"} 1',
      'anyray_optimizer_duration_seconds_bucket{route="optimize",le="+Inf"}',
      "anyray_optimizer_stash_bytes 12345",
      "anyray_optimizer_active_requests 0",
    ]) {
      expect(text).toContain(line);
    }
  });
});

test("a caller that leaves costs nothing but its own answer", async () => {
  const leave = new AbortController();
  const asking = fetch(`${optimizer.url}/v1/optimize`, {
    method: "POST",
    headers: { authorization: `Bearer ${optimizerToken}` },
    body: envelope('{"do":"slow"}'),
    signal: leave.signal,
  });
  setTimeout(() => leave.abort(), 50);
  await expect(asking).rejects.toThrow();
  expect((await optimizer.ask("/v1/optimize", envelope("{}"))).status).toBe(200);
});

test("a signal lets running requests end, refuses new ones, and ends in order", async () => {
  const slow = optimizer.ask("/v1/optimize", envelope('{"do":"slow","n":1.0}'));
  await Bun.sleep(100);
  optimizer.process.kill("SIGTERM");
  await Bun.sleep(100);
  const refused = await optimizer.ask("/v1/optimize", envelope("{}"));
  expect([refused.status, refused.json.error.code]).toEqual([503, "draining"]);
  expect(refused.headers.get("connection")).toBe("close");
  expect((await fetch(`${optimizer.url}/ready`)).status).toBe(503);
  expect(memberText((await slow).text, "request", "decisions")).toBe('{"do":"slow","n":1.0}');
  expect(await optimizer.process.exited).toBe(0);
  expect(optimizer.output()).toContain("the stand-in is closed");
});
