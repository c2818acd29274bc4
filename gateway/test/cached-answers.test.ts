// A client cannot tell a cached answer from a new one: what the official SDKs make of it, streamed or not, is the object
// that the provider's own answer gave.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic1 from "@anthropic-ai/sdk";
import Anthropic0 from "@anthropic-ai/sdk-0";
import { type FakeProvider, startFakeProvider } from "@anyray/shared/testing/fake-provider";
import type { Server } from "bun";
import OpenAI7 from "openai";
import OpenAI6 from "openai-6";
import { readCachedAnswer, replayAnswer } from "../src/answers/replay";
import { endpoints } from "../src/endpoints/registry";

let fake: FakeProvider;
let server: Server<undefined>;
/** What the next call gets, as the provider wrote it. */
let cached = "";

beforeAll(() => {
  fake = startFakeProvider();
  server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: serveCached });
});
afterAll(async () => {
  fake.stop();
  await server.stop(true);
});

/** The cache alone, without the journey around it. */
async function serveCached(request: Request): Promise<Response> {
  const endpoint = endpoints.find(({ path }) => path === new URL(request.url).pathname)!;
  const facts = endpoint.readRequest((await request.json()) as Record<string, unknown>);
  const identity = { user: null, team: null, session: null, tool: null, labels: null, isMetadataInvalid: false };
  const { protocol } = endpoint;
  const asked = { isStream: facts.isStream, isUsageInjected: facts.mustAskForUsage };
  return replayAnswer({ id: "an-id", endpoint, protocol, identity, ...asked }, readCachedAnswer(cached)!)!;
}

/** Sends straight to the provider and keeps what it answered. */
const keeping = async (...args: Parameters<typeof fetch>): Promise<Response> => {
  const response = await fetch(...args);
  cached = await response.text();
  return new Response(cached, response);
};

const prompt = [{ role: "user" as const, content: "How many rivers are there?" }];
const schema = { type: "object" as const, properties: { place: { type: "string" } }, required: ["place"] };
const tools = ["count_rivers", "count_lakes"].map((name) => ({
  type: "function" as const,
  function: { name, description: "Counts.", parameters: schema },
}));

/** Without what an SDK adds for its own use. */
const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>;

for (const [version, OpenAI] of Object.entries({ "7.57.0": OpenAI7, "6.49.0": OpenAI6 as unknown as typeof OpenAI7 })) {
  describe(`openai ${version}`, () => {
    const options = { apiKey: "sk", maxRetries: 0 };
    const provider = () => new OpenAI({ ...options, baseURL: `${fake.url}/v1`, fetch: keeping as typeof fetch });
    const cache = () => new OpenAI({ ...options, baseURL: `${server.url.origin}/v1` });

    const chats = {
      plain: { model: "gpt-4o-mini" },
      "several choices": { model: "gpt-4o-mini", n: 3 },
      "tool calls": { model: "gpt-4o-mini", tools },
      reasoning: { model: "o4-mini", reasoning_effort: "low" as const },
      cut: { model: "gpt-4o-mini", max_completion_tokens: 3 },
    };
    for (const [name, more] of Object.entries(chats)) {
      test(`chat: ${name}`, async () => {
        const request = { ...more, messages: prompt };
        const fresh = await provider().chat.completions.create(request);
        expect(await cache().chat.completions.create(request)).toEqual(fresh);
        const stream_options = { include_usage: true };
        const whole = await cache()
          .chat.completions.stream({ ...request, stream_options })
          .finalChatCompletion();
        expect(forgetParsed(plain(whole))).toEqual(plain(fresh));
        const silent = await cache().chat.completions.stream(request).finalChatCompletion();
        const { usage, ...rest } = plain(fresh);
        expect(usage).toMatchObject({ completion_tokens: fresh.usage!.completion_tokens });
        expect(forgetParsed(plain(silent))).toEqual(rest);
      });
    }

    const asked = {
      plain: { model: "gpt-5.5" },
      "tool calls": {
        model: "gpt-4o-mini",
        tools: tools.map(({ function: f }) => ({ ...f, type: "function", strict: false })),
      },
      cut: { model: "gpt-4o-mini", max_output_tokens: 16 },
    };
    for (const [name, more] of Object.entries(asked)) {
      test(`responses: ${name}`, async () => {
        const request = { ...more, input: prompt } as unknown as { model: string; input: string };
        const fresh = await provider().responses.create(request);
        expect(await cache().responses.create(request)).toEqual(fresh);
        const stream = cache().responses.stream(request);
        let streamed = "";
        stream.on("response.output_text.delta", ({ delta }) => {
          streamed += delta;
        });
        const whole = await stream.finalResponse();
        const { output_text, ...known } = plain(fresh);
        expect(streamed).toBe(String(output_text ?? ""));
        expect(plain(whole)).toMatchObject(known);
        const events = await Array.fromAsync(await cache().responses.create({ ...request, stream: true }));
        expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
        const last = plain(events.at(-1));
        expect(last["response"]).toEqual(JSON.parse(cached));
      });
    }
  });
}

const addedFields = new Set(["parsed", "parsed_arguments", "parsed_output"]);

/** The stream's own accumulator adds what it parsed of a text or an input. */
function forgetParsed(answer: Record<string, unknown>): Record<string, unknown> {
  const clean = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(clean);
    if (typeof value !== "object" || value === null) return value;
    const known = Object.entries(value).filter(([name]) => !addedFields.has(name));
    return Object.fromEntries(known.map(([name, inner]) => [name, clean(inner)]));
  };
  return clean(answer) as Record<string, unknown>;
}

for (const [version, Anthropic] of Object.entries({
  "1.12.0": Anthropic1,
  "0.137.0": Anthropic0 as unknown as typeof Anthropic1,
})) {
  describe(`@anthropic-ai/sdk ${version}`, () => {
    const options = { apiKey: "sk", maxRetries: 0 };
    const provider = () => new Anthropic({ ...options, baseURL: fake.url, fetch: keeping as typeof fetch });
    const cache = () => new Anthropic({ ...options, baseURL: server.url.origin });
    const thinking = { type: "enabled" as const, budget_tokens: 1_024 };
    const anthropicTools = tools.map(({ function: { name, parameters } }) => ({ name, input_schema: parameters }));
    const requests = {
      plain: {},
      thinking: { thinking },
      "tool calls": { tools: anthropicTools },
      "thinking and tool calls": { thinking, tools: anthropicTools },
      cut: { max_tokens: 3 },
    };
    for (const [name, more] of Object.entries(requests)) {
      test(`messages: ${name}`, async () => {
        const request = { model: "claude-sonnet-4-6", max_tokens: 4_096, messages: prompt, ...more };
        const fresh = await provider().messages.create(request);
        expect(await cache().messages.create(request)).toEqual(fresh);
        const stream = cache().messages.stream(request);
        let text = "";
        stream.on("text", (delta) => {
          text += delta;
        });
        const whole = await stream.finalMessage();
        expect(forgetParsed(plain(whole))).toEqual(plain(fresh));
        const said = fresh.content.map((block) => (block.type === "text" ? block.text : "")).join("");
        expect(text).toBe(said);
      });
    }
  });
}
