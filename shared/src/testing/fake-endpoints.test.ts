// The shapes of the providers' endpoints, as their published formats have them.

import { afterAll, expect, test } from "bun:test";
import { startFakeProvider } from "./fake-provider";
import type { Loose } from "./raw-client";

const fake = startFakeProvider();
afterAll(() => fake.stop());

async function call(path: string, body?: Loose, headers: Record<string, string> = {}) {
  const response = await fetch(fake.url + path, {
    headers,
    ...(body ? { method: "POST", body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  const json = /json/.test(response.headers.get("content-type") ?? "") ? (JSON.parse(text) as Loose) : {};
  return { status: response.status, headers: response.headers, text, json, tokens: fake.ledger.entries.at(-1)!.tokens };
}

const version = { "anthropic-version": "2023-06-01" };
const user = [{ role: "user", content: "Weather in Oslo?" }];

interface Event {
  name: string | undefined;
  data: Loose;
}

function eventsOf(text: string): Event[] {
  const events = text.split("\n\n").filter((event) => event !== "" && event !== "data: [DONE]");
  return events.map((event) => ({
    name: /^event: (.*)$/m.exec(event)?.[1],
    data: JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? "null"),
  }));
}

const parameters = { type: "object", properties: { city: { type: "string" }, days: { type: "integer" } } };

test("chat: usage is streamed only on request, in an extra chunk with every other chunk saying null", async () => {
  const unasked = await call("/v1/chat/completions", { model: "gpt-4o", messages: user, stream: true });
  expect(unasked.text).not.toContain('"usage"');
  expect(unasked.text).toEndWith("data: [DONE]\n\n");
  expect(fake.ledger.entries.at(-1)).toMatchObject({ usageStated: null, end: "complete" });
  const options = { stream: true, stream_options: { include_usage: true } };
  const events = eventsOf((await call("/v1/chat/completions", { model: "gpt-4o", messages: user, ...options })).text);
  const last = events.pop()!.data;
  expect(last.choices).toEqual([]);
  expect(last.usage).toEqual(fake.ledger.entries.at(-1)!.usageStated);
  expect(events.every(({ data }) => data.usage === null && data.choices.length === 1)).toBe(true);
  expect(events[0]!.data.choices[0].delta).toEqual({ role: "assistant", content: "", refusal: null });
  expect(events.at(-1)!.data.choices[0]).toMatchObject({ delta: {}, finish_reason: "stop" });
});

test("chat: a limit on output is kept and told", async () => {
  for (const limit of [{ max_tokens: 4 }, { max_completion_tokens: 4 }]) {
    const { json } = await call("/v1/chat/completions", { model: "gpt-4o", messages: user, ...limit });
    expect(json.choices[0].finish_reason).toBe("length");
    expect(json.usage.completion_tokens).toBeLessThanOrEqual(4);
  }
});

test("chat: tools are called with arguments that fit, in fragments, and not again after their result", async () => {
  const tools = [{ type: "function", function: { name: "weather", parameters } }];
  const asked = { model: "gpt-4o", messages: user, tools };
  const { json } = await call("/v1/chat/completions", asked);
  const [toolCall] = json.choices[0].message.tool_calls;
  expect(json.choices[0]).toMatchObject({ finish_reason: "tool_calls", message: { content: null } });
  expect(JSON.parse(toolCall.function.arguments)).toEqual({ city: expect.any(String), days: expect.any(Number) });
  const events = eventsOf((await call("/v1/chat/completions", { ...asked, stream: true })).text);
  const deltas = events.flatMap(({ data }) => data.choices[0].delta.tool_calls ?? []);
  expect(deltas[0]).toMatchObject({
    index: 0,
    id: toolCall.id,
    type: "function",
    function: { name: "weather", arguments: "" },
  });
  expect(deltas.length).toBeGreaterThan(3);
  expect(deltas.map((delta) => delta.function.arguments).join("")).toBe(toolCall.function.arguments);
  const result = [...user, json.choices[0].message, { role: "tool", tool_call_id: toolCall.id, content: "9 °C" }];
  const answered = await call("/v1/chat/completions", { ...asked, messages: result });
  expect(answered.json.choices[0].finish_reason).toBe("stop");
});

test("chat: images, several choices, a demanded format", async () => {
  const content = [
    { type: "text", text: "What is it?" },
    { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
  ];
  const image = await call("/v1/chat/completions", { model: "gpt-4o", messages: [{ role: "user", content }], n: 3 });
  expect(image.json.choices.map((choice: Loose) => choice.index)).toEqual([0, 1, 2]);
  expect(new Set(image.json.choices.map((choice: Loose) => choice.message.content)).size).toBe(3);
  expect(image.tokens.input).toBeGreaterThan(85);
  const response_format = { type: "json_schema", json_schema: { name: "w", schema: parameters } };
  const { json } = await call("/v1/chat/completions", { model: "gpt-4o", messages: user, response_format });
  expect(JSON.parse(json.choices[0].message.content)).toHaveProperty("city");
});

test("chat: the conversation before the last turn is read from the cache, from 1024 tokens on", async () => {
  const long = { role: "user", content: "word ".repeat(2_000) };
  const first = await call("/v1/chat/completions", { model: "gpt-4o", messages: [long] });
  expect(first.tokens.cached).toBe(0);
  const messages = [long, { role: "assistant", content: "Yes." }, { role: "user", content: "Go on." }];
  const second = await call("/v1/chat/completions", { model: "gpt-4o", messages });
  expect(second.tokens.cached).toBe(2_432);
  expect(second.json.usage.prompt_tokens_details.cached_tokens).toBe(2_432);
});

test("completions, plain and streamed", async () => {
  const asked = { model: "gpt-3.5-turbo-instruct", prompt: "Once", max_tokens: 30 };
  const { json } = await call("/v1/completions", asked);
  expect(json).toMatchObject({ object: "text_completion", choices: [{ index: 0, finish_reason: "length" }] });
  const options = { stream: true, stream_options: { include_usage: true } };
  const events = eventsOf((await call("/v1/completions", { ...asked, ...options })).text);
  expect(events.map(({ data }) => data.choices[0]?.text ?? "").join("")).toBe(json.choices[0].text);
  expect(events.at(-1)!.data).toMatchObject({ choices: [], usage: json.usage });
});

test("embeddings: numbers and base64 hold the same unit vectors", async () => {
  const asked = { model: "text-embedding-3-small", input: ["one", "two"], dimensions: 8 };
  const numbers = await call("/v1/embeddings", asked);
  const base64 = await call("/v1/embeddings", { ...asked, encoding_format: "base64" });
  for (const at of [0, 1]) {
    const vector: number[] = numbers.json.data[at].embedding;
    const bytes = Buffer.from(base64.json.data[at].embedding, "base64");
    expect(Array.from({ length: 8 }, (_, index) => bytes.readFloatLE(index * 4))).toEqual(vector);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
  }
  expect(numbers.json.usage).toEqual({ prompt_tokens: 2, total_tokens: 2 });
  expect(numbers.tokens).toMatchObject({ input: 2, output: 0 });
});

test("responses: the whole series of events, numbered, and the answer can be read again unbilled", async () => {
  const { text } = await call("/v1/responses", { model: "gpt-5", input: "Hello", stream: true });
  const events = eventsOf(text);
  expect(events.every(({ name, data }, index) => name === data.type && data.sequence_number === index)).toBe(true);
  const kinds = events.map(({ name }) => name).filter((name, index, all) => name !== all[index - 1]);
  expect(kinds).toEqual([
    ...["response.created", "response.in_progress", "response.output_item.added", "response.output_item.done"],
    ...["response.output_item.added", "response.content_part.added", "response.output_text.delta"],
    ...["response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"],
  ]);
  const { response } = events.at(-1)!.data;
  expect(response.usage.output_tokens_details.reasoning_tokens).toBeGreaterThan(0);
  expect(events[0]!.data.response.usage).toBeNull();
  const again = await call(`/v1/responses/${response.id}`);
  expect(again.json.usage).toEqual(response.usage);
  expect(again.tokens.output).toBe(0);
  expect((await call("/v1/responses/resp_unknown")).status).toBe(404);
});

test("responses: incomplete at the limit, tool calls in fragments, store: false", async () => {
  const limited = { model: "gpt-4o", input: "Hello", max_output_tokens: 3 };
  const events = eventsOf((await call("/v1/responses", { ...limited, stream: true })).text);
  expect(events.at(-1)!.data).toMatchObject({
    type: "response.incomplete",
    response: { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } },
  });
  const tools = [{ type: "function", name: "weather", parameters }];
  const { json } = await call("/v1/responses", { model: "gpt-4o", input: "Weather?", tools, store: false });
  expect(json.output[0]).toMatchObject({ type: "function_call", name: "weather", status: "completed" });
  expect((await call(`/v1/responses/${json.id}`)).status).toBe(404);
});

test("messages: every event with its name, input at the start, cumulative figures at the end", async () => {
  const tools = [{ name: "weather", input_schema: parameters }];
  const thinking = { type: "enabled", budget_tokens: 1_024 };
  const asked = { model: "claude-haiku-4-5", max_tokens: 2_000, messages: user, tools, thinking, stream: true };
  const { text } = await call("/v1/messages", asked, version);
  const events = eventsOf(text);
  expect(events.every(({ name, data }) => name === data.type)).toBe(true);
  expect(events[0]!.data.message).toMatchObject({ content: [], stop_reason: null, usage: { output_tokens: 1 } });
  expect(events.some(({ name }) => name === "ping")).toBe(true);
  const blocks = events.flatMap(({ data }) => data.content_block?.type ?? []);
  expect(blocks).toEqual(["thinking", "tool_use"]);
  const deltas = events.flatMap(({ data }) => (data.type === "content_block_delta" ? [data.delta] : []));
  expect(deltas.filter((delta) => delta.type === "signature_delta")).toHaveLength(1);
  const input = deltas.map((delta) => delta.partial_json ?? "").join("");
  expect(JSON.parse(input)).toHaveProperty("city");
  const [closing, stop] = events.slice(-2);
  expect(closing!.data).toMatchObject({ type: "message_delta", delta: { stop_reason: "tool_use" } });
  expect(closing!.data.usage.output_tokens_details.thinking_tokens).toBeGreaterThan(0);
  expect(stop!.data).toEqual({ type: "message_stop" });
});

test("messages: breakpoints write the cache, and the next turn reads it", async () => {
  const block = (text: string, ttl?: string) => ({
    type: "text",
    text,
    cache_control: { type: "ephemeral", ...(ttl ? { ttl } : {}) },
  });
  const system = [block("rule ".repeat(1_000), "1h")];
  const first = [{ role: "user", content: [block("Begin.")] }];
  const base = { model: "claude-haiku-4-5", max_tokens: 100, system };
  const wrote = await call("/v1/messages", { ...base, messages: first }, version);
  expect(wrote.json.usage).toMatchObject({
    cache_read_input_tokens: 0,
    cache_creation: { ephemeral_1h_input_tokens: 1_250, ephemeral_5m_input_tokens: 5 },
  });
  const next = [...first, { role: "assistant", content: "Done." }, { role: "user", content: [block("Go on.")] }];
  const { tokens } = await call("/v1/messages", { ...base, messages: next }, version);
  expect(tokens).toMatchObject({ cached: 1_255, cacheWriteLong: 0 });
  expect(tokens.cacheWrite).toBeGreaterThan(0);
  expect(tokens.input).toBe(tokens.cached + tokens.cacheWrite);
});

test("messages: refusals in Anthropic's shape, counting costs nothing", async () => {
  const asked = { model: "claude-haiku-4-5", messages: user };
  const missing = await call("/v1/messages", asked, version);
  expect([missing.status, missing.json]).toEqual([
    400,
    {
      type: "error",
      error: { type: "invalid_request_error", message: "max_tokens: Field required" },
      request_id: missing.headers.get("request-id"),
    },
  ]);
  expect((await call("/v1/messages", { ...asked, max_tokens: 9 })).json.error.message).toContain("anthropic-version");
  const counted = await call("/v1/messages/count_tokens", asked, version);
  expect(counted.json).toEqual({ input_tokens: 7 });
  expect(counted.tokens).toMatchObject({ input: 0, output: 0 });
});

test("models in both shapes", async () => {
  const openai = await call("/v1/models");
  expect(openai.json.data[0]).toEqual({
    id: expect.any(String),
    object: "model",
    created: expect.any(Number),
    owned_by: "system",
  });
  expect((await call("/v1/models/gpt-4o")).json).toMatchObject({ id: "gpt-4o", object: "model" });
  expect((await call("/v1/models/gpt-nine")).status).toBe(404);
  const anthropic = await call("/v1/models?limit=2", undefined, version);
  expect(anthropic.json).toMatchObject({ has_more: true, first_id: anthropic.json.data[0].id });
  expect(anthropic.json.data).toHaveLength(2);
  expect(anthropic.json.data[0]).toMatchObject({ type: "model", display_name: expect.any(String) });
});

test("images, speech, moderation and transcription", async () => {
  const image = await call("/v1/images/generations", { model: "gpt-image-1", prompt: "A tree", n: 2 });
  expect(image.json.data).toHaveLength(2);
  expect(image.tokens).toMatchObject({ input: 2, output: 2_112 });
  const moderation = await call("/v1/moderations", { input: ["a", "b"] });
  expect(moderation.json.results).toHaveLength(2);
  const speech = await call("/v1/audio/speech", { model: "tts-1", input: "Hello there", voice: "alloy" });
  expect([speech.headers.get("content-type"), speech.headers.get("content-length")]).toEqual(["audio/mpeg", "192"]);
  const form = new FormData();
  form.set("model", "gpt-4o-transcribe");
  form.set("file", new File([new Uint8Array(40_000)], "speech.wav"));
  const response = await fetch(`${fake.url}/v1/audio/transcriptions`, { method: "POST", body: form });
  const transcription = (await response.json()) as Loose;
  expect(transcription.usage).toMatchObject({ type: "tokens", input_tokens: 30 });
  expect(fake.ledger.entries.at(-1)).toMatchObject({
    model: "gpt-4o-transcribe",
    usageStated: transcription.usage,
    tokens: { input: 30 },
  });
});

test("Azure's paths, unknown paths, unknown models, no JSON", async () => {
  const azure = await call("/openai/v1/chat/completions", { model: "gpt-4o", messages: user }, { "api-key": "k" });
  expect(azure.json.object).toBe("chat.completion");
  expect(fake.ledger.entries.at(-1)!.path).toBe("/openai/v1/chat/completions");
  expect((await call("/v1/nothing")).json.error.message).toContain("Unknown request URL: GET /v1/nothing");
  const unknown = await call("/v1/chat/completions", { model: "no-such-model", messages: user });
  expect([unknown.status, unknown.json.error.code]).toEqual([404, "model_not_found"]);
  const broken = await fetch(`${fake.url}/v1/chat/completions`, { method: "POST", body: "{" });
  expect(broken.status).toBe(400);
});
