// Each directive that decides what is answered and stated, over a real socket, its ledger entry included.

import { afterAll, expect, test } from "bun:test";
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from "node:zlib";
import type { Directives } from "./fake-directives";
import { startFakeProvider } from "./fake-provider";
import type { LedgerEntry } from "./ledger";
import type { Loose } from "./raw-client";

const fake = startFakeProvider();
afterAll(() => fake.stop());

const messages = [{ role: "user", content: "How are you?" }];
const chat: Loose = { model: "gpt-4o", messages };
const chatStream: Loose = { ...chat, stream: true, stream_options: { include_usage: true } };
const anthropic: Loose = { model: "claude-haiku-4-5", max_tokens: 500, messages };
const responses: Loose = { model: "gpt-4o", input: "How are you?" };

const pathOf = (body: Loose) =>
  "input" in body ? "/v1/responses" : "max_tokens" in body ? "/v1/messages" : "/v1/chat/completions";

async function ask(directives: string, body: Loose, init: RequestInit = {}) {
  const response = await fetch(fake.url + pathOf(body), {
    method: "POST",
    headers: { "x-fake": directives, "x-call-id": crypto.randomUUID(), "anthropic-version": "2023-06-01" },
    body: JSON.stringify(body),
    ...init,
  });
  const text = await response.text();
  return { response, text, entry: fake.ledger.entries.at(-1) as LedgerEntry };
}

const eventsOf = (text: string): Loose[] =>
  [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, data]) => JSON.parse(data as string));

const none = { input: 0, cached: 0, cacheWrite: 0, cacheWriteLong: 0, output: 0, reasoning: 0 };

const allTokens = "tokens=1000:90 cached=300 cache-write=200 cache-write-1h=50 reasoning=40";
const billed = { input: 1_000, cached: 300, cacheWrite: 250, cacheWriteLong: 50, output: 90, reasoning: 40 };

/** The usage that the three protocols state for `allTokens`. */
const statedBy = {
  chat: {
    prompt_tokens: 1_000,
    completion_tokens: 90,
    total_tokens: 1_090,
    prompt_tokens_details: { cached_tokens: 300, cache_write_tokens: 250 },
    completion_tokens_details: { reasoning_tokens: 40 },
  },
  anthropic: {
    input_tokens: 450,
    cache_read_input_tokens: 300,
    cache_creation_input_tokens: 250,
    cache_creation: { ephemeral_5m_input_tokens: 200, ephemeral_1h_input_tokens: 50 },
    output_tokens: 90,
    output_tokens_details: { thinking_tokens: 40 },
  },
  responses: {
    input_tokens: 1_000,
    input_tokens_details: {
      cached_tokens: 300,
      cache_write_tokens: 250,
      cache_write_tokens_details: { ttl_12h_tokens: 50, ttl_30m_tokens: 200 },
    },
    output_tokens: 90,
    output_tokens_details: { reasoning_tokens: 40 },
    total_tokens: 1_090,
  },
};

async function expectAllTokens() {
  for (const [body, stated] of [
    [chat, statedBy.chat],
    [anthropic, statedBy.anthropic],
    [responses, statedBy.responses],
  ] as const) {
    const plain = await ask(allTokens, body);
    expect(JSON.parse(plain.text).usage).toMatchObject(stated);
    expect(plain.entry).toMatchObject({ tokens: billed, usageFinal: true, end: "complete", stream: false });
    expect(plain.entry.usageStated).toEqual(JSON.parse(plain.text).usage);
    const streamed = await ask(allTokens, { ...body, stream: true, ...(body === chat ? chatStream : {}) });
    expect(streamed.entry).toMatchObject({ tokens: billed, usageFinal: true, end: "complete", stream: true });
    expect(streamed.entry.usageStated).toMatchObject(stated);
  }
}

const inflaters = { gzip: gunzipSync, br: brotliDecompressSync, deflate: inflateSync, zstd: zstdDecompressSync };

const cases = {
  async status() {
    for (const [body, status, error] of [
      [chat, 429, { error: { type: "requests", code: "rate_limit_exceeded", param: null } }],
      [chat, 500, { error: { type: "server_error" } }],
      [anthropic, 429, { type: "error", error: { type: "rate_limit_error" } }],
      [anthropic, 529, { type: "error", error: { type: "overloaded_error", message: "Overloaded" } }],
      [anthropic, 401, { type: "error", error: { type: "authentication_error" } }],
    ] as const) {
      const { response, text, entry } = await ask(`status=${status}`, body);
      expect(response.status).toBe(status);
      expect(JSON.parse(text)).toMatchObject(error);
      expect(entry).toMatchObject({ status, end: "error", tokens: none, usageStated: null });
    }
    const { response, entry } = await ask("status=201", chat);
    expect(response.status).toBe(201);
    expect(entry.end).toBe("complete");
  },
  async "retry-after"() {
    expect((await ask("status=429", chat)).response.headers.get("retry-after")).toBe("1");
    expect((await ask("status=429 retry-after=86400", anthropic)).response.headers.get("retry-after")).toBe("86400");
  },
  async html() {
    const { response, text, entry } = await ask("html", chat);
    expect([response.status, response.headers.get("content-type")]).toEqual([502, "text/html; charset=UTF-8"]);
    expect(text).toStartWith("<!DOCTYPE html>");
    expect(entry).toMatchObject({ status: 502, end: "error", tokens: none });
    expect((await ask("html status=200", chat)).response.status).toBe(200);
  },
  async empty() {
    const { response, text, entry } = await ask("empty", chat);
    expect([response.status, text]).toEqual([204, ""]);
    expect(entry).toMatchObject({ status: 204, end: "complete", tokens: none });
  },
  async redirect() {
    const { response, entry } = await ask("redirect=http://127.0.0.1:1/x", chat, { redirect: "manual" });
    expect([response.status, response.headers.get("location")]).toEqual([307, "http://127.0.0.1:1/x"]);
    expect(entry).toMatchObject({ status: 307, tokens: none });
  },
  async header() {
    const { response } = await ask("header=x-anyray-cost-usd:0.5", chat);
    expect(response.headers.get("x-anyray-cost-usd")).toBe("0.5");
  },
  async "hop-headers"() {
    const { response } = await ask("hop-headers", chat);
    expect(response.headers.get("connection")).toBe("keep-alive, x-fake-hop");
    expect([response.headers.get("x-fake-hop"), response.headers.get("keep-alive")]).toEqual(["1", "timeout=75"]);
  },
  async "body-bytes"() {
    for (const body of [chat, anthropic, responses]) {
      const { text, entry } = await ask("body-bytes=300000", body);
      expect(Buffer.byteLength(text)).toBe(300_000);
      expect(JSON.parse(text).usage).toEqual(entry.usageStated);
    }
  },
  async "giant-event"() {
    for (const body of [chatStream, { ...anthropic, stream: true }, { ...responses, stream: true }]) {
      const { text, entry } = await ask("giant-event=200000 tokens=5:6", body);
      const longest = Math.max(...text.split("\n\n").map((event) => event.length));
      expect(longest).toBeGreaterThan(200_000);
      expect(entry).toMatchObject({ end: "complete", usageFinal: true, tokens: { ...none, input: 5, output: 6 } });
    }
  },
  async chunks() {
    const { text } = await ask("chunks=37", chatStream);
    expect(eventsOf(text).filter((event) => event.choices[0]?.delta.content)).toHaveLength(37);
    const streamed = await ask("chunks=37", { ...anthropic, stream: true });
    expect(eventsOf(streamed.text).filter((event) => event.delta?.type === "text_delta")).toHaveLength(37);
  },
  async encoding() {
    for (const [name, inflate] of Object.entries(inflaters)) {
      for (const body of [chat, chatStream, { ...anthropic, stream: true }]) {
        const plain = await ask("", body);
        const response = await fetch(fake.url + pathOf(body), {
          method: "POST",
          headers: { "x-fake": `encoding=${name}`, "anthropic-version": "1" },
          body: JSON.stringify(body),
          decompress: false,
        });
        expect(response.headers.get("content-encoding")).toBe(name);
        const bytes = await response.bytes();
        expect(inflate(bytes).toString()).toBe(plain.text);
        const { tokens, usageStated, end } = plain.entry;
        expect(fake.ledger.entries.at(-1)).toMatchObject({ tokens, usageStated, end });
      }
    }
  },
  tokens: expectAllTokens,
  cached: expectAllTokens,
  "cache-write": expectAllTokens,
  "cache-write-1h": expectAllTokens,
  async reasoning() {
    const { entry } = await ask("reasoning=70", chat);
    const without = await ask("", chat);
    expect(entry.tokens).toEqual({ ...without.entry.tokens, reasoning: 70, output: without.entry.tokens.output + 70 });
  },
  async "no-usage"() {
    for (const body of [
      chat,
      chatStream,
      anthropic,
      responses,
      { ...anthropic, stream: true },
      { ...responses, stream: true },
    ]) {
      const { text, entry } = await ask("no-usage", body);
      expect(text).not.toMatch(/"(prompt|completion|input|output|total)_tokens":/);
      expect(entry).toMatchObject({ usageStated: null, usageFinal: false, end: "complete" });
      expect(entry.tokens.output).toBeGreaterThan(0);
    }
  },
  async "usage-twice"() {
    const { text, entry } = await ask("usage-twice tokens=10:80", chatStream);
    const usages = eventsOf(text).flatMap((event) => event.usage ?? []);
    expect(usages.map((usage) => usage.completion_tokens)).toEqual([40, 80]);
    expect(entry).toMatchObject({ usageStated: { completion_tokens: 80 }, tokens: { output: 80 } });
    const messageDeltas = eventsOf((await ask("usage-twice tokens=10:80", { ...anthropic, stream: true })).text);
    expect(messageDeltas.flatMap((event) => event.usage?.output_tokens ?? [])).toEqual([40, 80]);
    const plain = await ask("usage-twice tokens=10:80", chat);
    expect(plain.text.match(/"usage":/g)).toHaveLength(2);
    expect(JSON.parse(plain.text).usage.completion_tokens).toBe(80);
  },
  async "no-done"() {
    const streamed = await ask("no-done", chatStream);
    expect(streamed.text).not.toContain("[DONE]");
    expect(streamed.entry.usageFinal).toBe(true);
    expect((await ask("no-done", { ...anthropic, stream: true })).text).not.toContain("message_stop");
    const last = await ask("no-done", { ...responses, stream: true });
    expect(last.text).not.toContain("response.completed");
    expect(last.entry).toMatchObject({ usageStated: null, usageFinal: false });
  },
  async "error-event"() {
    const openai = await ask("error-event=3", chatStream);
    expect(eventsOf(openai.text)).toHaveLength(4);
    expect(eventsOf(openai.text).at(-1)).toMatchObject({ error: { type: "server_error" } });
    expect(openai.entry).toMatchObject({ end: "error", usageStated: null, status: 200 });
    expect(openai.entry.tokens.output).toBeGreaterThan(0);
    const messagesStream = await ask("error-event", { ...anthropic, stream: true });
    expect(messagesStream.text).toEndWith('"error":{"type":"overloaded_error","message":"Overloaded"}}\n\n');
    expect(messagesStream.text).toContain("event: error\n");
    expect(messagesStream.entry).toMatchObject({ end: "error", usageFinal: false });
    expect(messagesStream.entry.usageStated).toHaveProperty("input_tokens");
  },
  async failed() {
    const streamed = await ask("failed", { ...responses, stream: true });
    expect(eventsOf(streamed.text).at(-1)).toMatchObject({
      type: "response.failed",
      response: { status: "failed", usage: null, error: { code: "server_error" } },
    });
    expect(streamed.entry).toMatchObject({ end: "error", usageStated: null });
    const plain = await ask("failed", responses);
    expect(JSON.parse(plain.text)).toMatchObject({ status: "failed", error: { code: "server_error" } });
    expect(plain.entry).toMatchObject({ end: "error", tokens: none });
  },
  async times() {
    const once = { headers: { "x-fake": "status=500 times=2", "x-call-id": "retried" } };
    const statuses = [];
    for (let attempt = 0; attempt < 4; attempt++) statuses.push((await ask("", chat, once)).response.status);
    expect(statuses).toEqual([500, 500, 200, 200]);
  },
} satisfies Partial<Record<keyof Directives, () => Promise<void>>>;

for (const [name, run] of Object.entries(cases)) test(`x-fake: ${name}`, run);

test("a directive that does not exist is refused by name, and so is a value out of range", async () => {
  for (const wrong of ["stauts=429", "status=abc", "chunks", "encoding=lzw", "crlf=1"]) {
    const { response, text } = await ask(wrong, chat);
    expect(response.status).toBe(400);
    expect(JSON.parse(text).error.message).toContain(`"${wrong}"`);
  }
});

test("directives for every request hold until replaced, and a request's own go over them", async () => {
  const other = startFakeProvider({ fake: "status=503 retry-after=7" });
  const call = async (headers: Record<string, string> = {}) => {
    const response = await fetch(`${other.url}/v1/models`, { headers });
    return [response.status, response.headers.get("retry-after")];
  };
  expect(await call()).toEqual([503, "7"]);
  expect(await call({ "x-fake": "status=429" })).toEqual([429, "7"]);
  other.setFake("");
  expect(await call()).toEqual([200, null]);
  other.stop();
});
