// The official Anthropic SDK cannot tell the gateway from the provider: each answer through it equals the one got
// directly, and each row equals the provider's own ledger. Version 1 sends a bearer token, version 0 an API key.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic1 from "@anthropic-ai/sdk";
import Anthropic0 from "@anthropic-ai/sdk-0";
import { collect, openSdkWorld, type Route, type SdkWorld } from "./sdk-world";

type Client = Anthropic1;
const majors = {
  "1.12.0": { Anthropic: Anthropic1, credential: "authorization" },
  "0.137.0": { Anthropic: Anthropic0 as unknown as typeof Anthropic1, credential: "x-api-key" },
};

let world: SdkWorld;
beforeAll(async () => {
  world = await openSdkWorld();
});
afterAll(() => world.stop());

const model = "claude-haiku-4-5";
const ask = { model, max_tokens: 2_000, messages: [{ role: "user" as const, content: "How many rivers are there?" }] };
const tool = {
  name: "count_rivers",
  description: "Counts rivers.",
  input_schema: {
    type: "object" as const,
    properties: {
      place: { type: "string" },
      usage: { type: "object", properties: { output_tokens: { type: "integer" } } },
    },
    required: ["place", "usage"],
  },
};
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const long = "All rivers flow into the sea, and yet the sea is not full. ".repeat(120);

for (const [version, { Anthropic, credential }] of Object.entries(majors)) {
  describe(`@anthropic-ai/sdk ${version}`, () => {
    let calls = 0;
    const client = (route: Route): Client =>
      new Anthropic({
        apiKey: "sk-ant-caller",
        baseURL: route.baseUrl,
        defaultHeaders: route.headers,
        fetch: route.fetch,
        maxRetries: 0,
      });

    /** Asks both ways; the answers are equal, and the one through the gateway is given back. */
    async function same<T>(call: (client: Client) => Promise<T>, headers: Record<string, string> = {}): Promise<T> {
      const callId = `${version} ${++calls}`;
      const direct = await call(client(world.direct(callId, headers)));
      const through = await call(client(world.through(callId, headers)));
      expect(through).toEqual(direct);
      expect(JSON.stringify(through).length).toBeGreaterThan(10);
      return through;
    }

    const lastRow = () => world.rowOf(`${version} ${calls}`);

    test("messages: plain, with images, tools and thinking", async () => {
      expect((await same((ai) => ai.messages.create(ask))).stop_reason).toBe("end_turn");
      const source = { type: "base64" as const, media_type: "image/png" as const, data: pixel };
      const content = [
        { type: "image" as const, source },
        { type: "text" as const, text: "What is this?" },
      ];
      await same((ai) => ai.messages.create({ ...ask, messages: [{ role: "user", content }] }));
      const called = await same((ai) => ai.messages.create({ ...ask, tools: [tool] }));
      const use = called.content.find(({ type }) => type === "tool_use") as { id: string };
      const result = { type: "tool_result" as const, tool_use_id: use.id, content: "7" };
      const turn = [
        ...ask.messages,
        { role: "assistant" as const, content: called.content },
        { role: "user" as const, content: [result] },
      ];
      await same((ai) => ai.messages.create({ ...ask, tools: [tool], messages: turn }));
      const thinking = { type: "enabled" as const, budget_tokens: 1_024 };
      const thought = await same((ai) => ai.messages.create({ ...ask, thinking }));
      expect(thought.content[0]?.type).toBe("thinking");
      expect((await lastRow()).reasoningTokens).toBeGreaterThan(0);
    });

    test("messages streamed, raw and by the helper", async () => {
      const thinking = { type: "enabled" as const, budget_tokens: 1_024 };
      for (const request of [ask, { ...ask, tools: [tool] }, { ...ask, thinking }, { ...ask, max_tokens: 3 }]) {
        const events = await same(async (ai) => collect(await ai.messages.create({ ...request, stream: true })));
        expect([events[0]?.type, events.at(-1)?.type]).toEqual(["message_start", "message_stop"]);
        const message = await same((ai) => ai.messages.stream(request).finalMessage());
        expect(message.content.length).toBeGreaterThan(0);
      }
      expect(await same((ai) => ai.messages.stream(ask).finalText())).toBeString();
      for (const fake of ["crlf", "split=1", "split=7", "chunks=1", "usage-twice", "encoding=gzip"]) {
        await same(async (ai) => collect(await ai.messages.create({ ...ask, stream: true })), { "x-fake": fake });
      }
    });

    test("prompt caching of both lifetimes is answered and metered", async () => {
      const cached = (ttl: "5m" | "1h") => ({
        ...ask,
        system: [{ type: "text" as const, text: long, cache_control: { type: "ephemeral" as const, ttl } }],
      });
      for (const stream of [false, true]) {
        for (const ttl of ["5m", "1h"] as const) {
          const message = await same((ai) =>
            stream ? ai.messages.stream(cached(ttl)).finalMessage() : ai.messages.create(cached(ttl)),
          );
          const written = message.usage.cache_creation_input_tokens!;
          expect(written).toBeGreaterThan(1_024);
          const row = await lastRow();
          expect(row).toMatchObject({ cacheWriteTokens: written, cachedInputTokens: 0, stream, estimated: false });
          expect(row.inputTokens).toBe(written + message.usage.input_tokens);
          // Per million: 1 in, 1.25 or 2 for what is written, 5 out.
          const { input_tokens, output_tokens } = message.usage;
          const usd = input_tokens + written * (ttl === "1h" ? 2 : 1.25) + output_tokens * 5;
          expect(row.costUsd).toBeCloseTo(usd / 1e6, 9);
        }
      }
      await same((ai) => ai.messages.create(cached("5m")), {
        "x-fake": "tokens=5000:20 cached=3000 cache-write=700 cache-write-1h=300",
      });
      expect(await lastRow()).toMatchObject({ inputTokens: 5_000, cachedInputTokens: 3_000, cacheWriteTokens: 1_000 });
    });

    test("counting tokens, models, and the beta routes", async () => {
      expect((await same((ai) => ai.messages.countTokens(ask))).input_tokens).toBeGreaterThan(5);
      const models = await same(async (ai) => (await ai.models.list({ limit: 1_000 })).data);
      expect(models.map(({ type }) => type)).toContain("model");
      expect((await same((ai) => ai.models.retrieve("claude-haiku-4-5-20251001"))).type).toBe("model");
      await same((ai) => ai.beta.messages.create({ ...ask, betas: ["context-1m-2025-08-07"] }));
      const { query, headers } = world.fake.received.at(-1)!;
      expect(query).toBe(version.startsWith("0") ? "beta=true" : "");
      expect(headers.find(([name]) => name.toLowerCase() === "anthropic-beta")?.[1]).toContain("context-1m-2025-08-07");
      await same(async (ai) => collect(await ai.beta.messages.create({ ...ask, stream: true })));
      await same((ai) => ai.beta.messages.countTokens(ask));
    });

    test("its credential is accepted on every route and reaches the provider as one it takes", async () => {
      const routes = [
        (ai: Client) => ai.messages.create(ask),
        (ai: Client) => ai.messages.countTokens(ask),
        (ai: Client) => ai.models.list(),
        (ai: Client) => ai.beta.messages.create(ask),
        (ai: Client) => ai.post("/v1/chat/completions", { body: { ...ask, model: "gpt-4o" } }),
      ];
      for (const [index, route] of routes.entries()) {
        const callId = `${version} credential ${index}`;
        await route(client(world.direct(callId)));
        const sent = world.fake.received.at(-1)!.headers.map(([name]) => name.toLowerCase());
        expect([sent.includes("authorization"), sent.includes("x-api-key")]).toEqual([
          credential === "authorization",
          credential === "x-api-key",
        ]);
        await route(client(world.through(callId)));
        const { headers } = world.fake.received.at(-1)!;
        const credentials = headers.filter(([name]) => /^(authorization|x-api-key)$/i.test(name));
        const isOpenai = index === 4;
        expect(credentials.map(([name, value]) => [name.toLowerCase(), value])).toEqual([
          isOpenai ? ["authorization", "Bearer sk-ant-caller"] : ["x-api-key", "sk-ant-caller"],
        ]);
      }
    });
  });
}

test("every row equals the provider's ledger", () => world.expectExactBooks());
