// Asked twice, answered once: through a whole gateway, an answer that may serve again reaches the optimizer's cache byte
// for byte, and the second caller gets it from there without a provider, a bill or a token off its cap.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type FakeProvider, startFakeProvider } from "@anyray/shared/testing/fake-provider";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { Server } from "bun";
import OpenAI from "openai";
import { startGateway, type TestGateway, until } from "./harness";

let fake: FakeProvider;
let gateway: TestGateway;
let optimizer: Server<undefined>;
/** Question → answer, as JSON text. */
const cache = new Map<string, string>();
const asked: { path: string; json: Record<string, unknown> }[] = [];

/** An optimizer that is all cache: the question's text is its key. */
async function serveCache(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname;
  if (path === "/v1/eligibility") {
    const bodyBytesMin = { "/v1/chat/completions": 0, "/v1/responses": 0, "/v1/messages": 0 };
    return Response.json({ revision: "1", bodyBytesMin });
  }
  if (request.method === "GET") return Response.json({ ready: true });
  const text = await request.text();
  const json = JSON.parse(text) as Record<string, unknown>;
  asked.push({ path, json });
  if (path === "/v1/cache") {
    cache.set(String(json["cacheKey"]), text.slice(text.indexOf('"response":') + 11, -1));
    return Response.json({ stored: true });
  }
  if (path === "/v1/retrieve") return Response.json({ handle: json["handle"], content: "the original" });
  if (path !== "/v1/optimize") return Response.json({});
  const body = json["request"] as { messages: unknown };
  const cacheKey = new Bun.CryptoHasher("sha256").update(JSON.stringify(body.messages)).digest("hex");
  const hit = cache.get(cacheKey);
  const sent = text.slice(text.indexOf('"request":') + 10, -1);
  const facts = { protocolVersion: 1, optimizationId: "o1", decisions: [], estimatedTokensSaved: 0 };
  const rest = JSON.stringify({ ...facts, cacheHit: hit !== undefined, cacheEligible: true, cacheKey });
  const cached = hit === undefined ? "" : `,"cachedResponse":${hit}`;
  const answer = `${rest.slice(0, -1)}${cached},"request":${sent}}`;
  return new Response(answer, { headers: { "content-type": "application/json" } });
}

beforeAll(async () => {
  fake = startFakeProvider();
  optimizer = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: serveCache });
  gateway = await startGateway({
    env: {
      ANYRAY_PROVIDER_URL_OPENAI: fake.url,
      ANYRAY_PROVIDER_URL_ANTHROPIC: fake.url,
      ANYRAY_OPTIMIZER_URL: optimizer.url.origin,
    },
  });
});
afterAll(async () => {
  fake.stop();
  await optimizer.stop(true);
});

let calls = 0;
async function call(path: string, body: object, headers: Record<string, string> = {}) {
  const session = `c${++calls}`;
  const response = await fetch(gateway.url + path, {
    method: "POST",
    headers: {
      ...{ "content-type": "application/json", authorization: "Bearer sk", "anthropic-version": "2023-06-01" },
      "x-anyray-metadata": JSON.stringify({ session, user: "ada" }),
      ...headers,
    },
    body: JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, text: await response.text(), session };
}

async function rowOf(session: string) {
  const rows = await until(async () => {
    const found = await gateway.rows(`session=${session}`);
    return found.length > 0 ? found : null;
  });
  expect(rows).toHaveLength(1);
  return rows[0]!;
}

const question = (content: string) => [{ role: "user" as const, content }];
const requests = {
  "/v1/chat/completions": { model: "gpt-4o-mini", messages: question("Chat: how many rivers?") },
  "/v1/messages": { model: "claude-sonnet-4-6", max_tokens: 999, messages: question("Messages: how many rivers?") },
};

for (const [path, body] of Object.entries(requests)) {
  describe(path, () => {
    test("the second caller gets the first one's bytes, and the provider is not asked", async () => {
      const first = await call(path, body);
      expect(first.headers.get("x-anyray-cache")).toBeNull();
      await until(() => [...cache.values()].includes(first.text));
      const before = fake.received.length;
      const second = await call(path, body, { "x-anyray-test": "1" });
      expect(second.text).toBe(first.text);
      expect(second.headers.get("x-anyray-cache")).toBe("hit");
      expect(second.headers.get("x-anyray-cost-usd")).toBe("0");
      expect(JSON.parse(second.headers.get("x-anyray-optimization")!)).toMatchObject({ outcome: "cache_hit" });
      expect(fake.received.length).toBe(before);

      const [billed, free] = [await rowOf(first.session), await rowOf(second.session)];
      const tokens = billed.inputTokens + billed.outputTokens;
      expect(tokens).toBeGreaterThan(0);
      expect(free).toMatchObject({
        ...{ outcome: "cache_hit", status: 200, endReason: "completed", estimated: false },
        ...{ inputTokens: 0, outputTokens: 0, costUsd: 0, responseModel: billed.responseModel },
        ...{ tokensSaved: tokens, baselineCostUsd: billed.costUsd, savingsUsd: billed.costUsd },
        decisions: { semantic_cache: tokens },
      });
    });

    test("a caller that streams gets it streamed; a streamed answer is kept for both", async () => {
      const streamed = await call(path, { ...body, stream: true });
      expect(streamed.headers.get("content-type")).toStartWith("text/event-stream");
      expect(streamed.headers.get("x-anyray-cache")).toBe("hit");
      const fresh = { ...body, messages: question(`Streamed first, ${path}?`), stream: true };
      const size = cache.size;
      const first = await call(path, fresh);
      await until(() => cache.size > size);
      const again = await call(path, { ...fresh, stream: false });
      expect([first.headers.get("x-anyray-cache"), again.headers.get("x-anyray-cache")]).toEqual([null, "hit"]);
      const row = await rowOf(first.session);
      expect((await rowOf(again.session)).tokensSaved).toBe(row.inputTokens + row.outputTokens);
    });
  });
}

describe("the journey around it", () => {
  test("a hit takes nothing off a cap, and is no sign of what calls use", async () => {
    await gateway.admin("PUT", "/admin/user-caps", { user: "ada", monthlyTokens: 1_000_000 });
    const usedBy = async () => (await gateway.admin<{ usedTokens: number }>("GET", "/admin/usage/ada")).usedTokens;
    const before = await usedBy();
    const path = "/v1/chat/completions";
    for (let at = 0; at < 3; at++) {
      expect((await call(path, requests[path])).headers.get("x-anyray-cache")).toBe("hit");
    }
    expect(await usedBy()).toBe(before);
    const caps = await gateway.admin<{ caps: { reservedTokens: number }[] }>("GET", "/admin/user-caps");
    expect(caps.caps[0]?.reservedTokens).toBe(0);
    expect(
      asked.filter((one) => one.path === "/v1/feedback" && JSON.stringify(one.json).includes('"inputTokens":0')),
    ).toEqual([]);
  });

  test("what is no answer in the cache is passed over; tool calls, cut answers and errors never get there", async () => {
    const path = "/v1/chat/completions";
    const odd = { ...requests[path], messages: question("Odd?") };
    const key = new Bun.CryptoHasher("sha256").update(JSON.stringify(odd.messages)).digest("hex");
    cache.set(key, '["no answer"]');
    const passed = await call(path, odd);
    expect([passed.status, passed.headers.get("x-anyray-cache")]).toEqual([200, null]);
    expect((await rowOf(passed.session)).outcome).toBe("unchanged");
    await until(() => cache.get(key) === passed.text);

    const stored = asked.filter((one) => one.path === "/v1/cache").length;
    const tool = { type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } };
    const endOf = async (body: object, headers: Record<string, string> = {}) => {
      const { status, text } = await call(path, { ...requests[path], ...body }, headers);
      const { choices } = JSON.parse(text) as { choices?: { finish_reason: string }[] };
      return choices?.map((choice) => choice.finish_reason) ?? status;
    };
    expect(await endOf({ messages: question("Tool?"), tools: [tool] })).toEqual(["tool_calls"]);
    expect(await endOf({ messages: question("Cut?"), max_completion_tokens: 2 })).toEqual(["length"]);
    expect(await endOf({ messages: question("Choices?"), n: 2 })).toEqual(["stop", "stop"]);
    expect(await endOf({ messages: question("Error?") }, { "x-fake": "status=500" })).toBe(500);
    await Bun.sleep(100);
    expect(asked.filter((one) => one.path === "/v1/cache").length).toBe(stored);
  });

  test("a caller that switches the optimizer off is answered by the provider", async () => {
    const path = "/v1/chat/completions";
    const bypassed = await call(path, requests[path], { "x-anyray-optimize": "off" });
    expect(bypassed.headers.get("x-anyray-cache")).toBeNull();
    expect((await rowOf(bypassed.session)).outcome).toBe("bypassed");
  });

  test("the official client streams a hit to the same answer", async () => {
    const path = "/v1/chat/completions";
    const known = JSON.parse((await call(path, requests[path])).text) as object;
    const client = new OpenAI({ apiKey: "sk", baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    const stream_options = { include_usage: true };
    const whole = await client.chat.completions.stream({ ...requests[path], stream_options }).finalChatCompletion();
    expect(whole).toMatchObject(known);
  });

  test("the optimizer is told whether the model can retrieve, and /mcp is where it does", async () => {
    const parameters = { type: "object", properties: { handle: { type: "string" } } };
    const tool = { type: "function", function: { name: "mcp__anyray__retrieve", parameters } };
    const path = "/v1/chat/completions";
    await call(path, { ...requests[path], messages: question("Retrieve?"), tools: [tool] });
    const told = asked.findLast((one) => one.path === "/v1/optimize");
    expect(told?.json["capabilities"]).toEqual({ canShortCircuit: true, canRetrieve: true });
    await call(path, requests[path]);
    const without = asked.findLast((one) => one.path === "/v1/optimize");
    expect(without?.json["capabilities"]).toEqual({ canShortCircuit: true, canRetrieve: false });

    const client = new Client({ name: "an-agent", version: "1" });
    const headers = { "x-anyray-metadata": JSON.stringify({ user: "ada" }) };
    await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", gateway.url), { requestInit: { headers } }));
    const handle = "ctx_ab22cd34ef56gh77";
    const found = await client.callTool({ name: "retrieve", arguments: { handle } });
    expect(found.content).toEqual([{ type: "text", text: "the original" }]);
    expect(asked.at(-1)?.json).toEqual({ handle, metadata: { user: "ada", team: null } });
    await client.close();
  });
});
