import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { type Cassette, cassettes, splits } from "@anyray/shared/testing/cassettes";
import type { Endpoint } from "../endpoints/endpoint";
import { endpoints } from "../endpoints/registry";
import { collectedBytesMax, createAnswerCollector } from "./collect";
import { answerShapeOf, answerShapes } from "./registry";
import { canonical } from "./testing/answers";

const endpointAt = (path: string) => endpoints.find((endpoint) => endpoint.path === path)!;
const chat = endpointAt("/v1/chat/completions");
const encoder = new TextEncoder();

async function collect(endpoint: Endpoint, pieces: Iterable<Uint8Array>, isEvents: boolean, encoding = "identity") {
  const collector = createAnswerCollector({ endpoint }, { isEvents, encoding })!;
  for (const piece of pieces) collector.push(piece);
  return await collector.finish();
}

const collectable = cassettes.filter(
  ({ request, response }) => response.status === 200 && answerShapeOf(endpointAt(request.path)) !== null,
);
const collectCassette = ({ request, response, stream }: Cassette) =>
  collect(endpointAt(request.path), [response.body], stream);

/** What no answer can be made of, though its provider said it with 200. */
const broken = ["chat-stream-cut", "chat-stream-error", "messages-stream-error"];

describe("recorded answers", () => {
  test("whole ones are collected, broken ones are not", async () => {
    expect(collectable.length).toBeGreaterThan(20);
    for (const cassette of collectable) {
      const found = await collectCassette(cassette);
      expect([cassette.name, found !== null]).toEqual([cassette.name, !broken.includes(cassette.name)]);
    }
  });

  test("one that was not streamed keeps its bytes", async () => {
    const plain = collectable.filter(({ stream }) => !stream);
    expect(plain.length).toBeGreaterThan(3);
    for (const cassette of plain) {
      const text = new TextDecoder().decode(cassette.response.body);
      expect(await collectCassette(cassette)).toEqual({ text, json: JSON.parse(text) });
    }
  });

  test("replayed and collected again they are the same, usage included", async () => {
    for (const cassette of collectable) {
      const first = await collectCassette(cassette);
      if (!first) continue;
      const endpoint = endpointAt(cassette.request.path);
      const events = [...answerShapeOf(endpoint)!.replay(first.json, { includesUsage: true })].join("");
      const second = await collect(endpoint, [encoder.encode(events)], true);
      expect([cassette.name, canonical(second?.json)]).toEqual([cassette.name, canonical(first.json)]);
      const { usage } = endpoint.readAnswer(first.json, null);
      expect([cassette.name, usage]).toEqual([cassette.name, cassette.usage]);
    }
  });

  test("it does not matter where the bytes are split, or how they are compressed", async () => {
    for (const name of ["chat-stream-crlf", "messages-stream-thinking-tools", "responses-stream-tools"]) {
      const cassette = collectable.find((one) => one.name === name)!;
      const endpoint = endpointAt(cassette.request.path);
      const whole = (await collectCassette(cassette))!;
      let seen = 0;
      for (const pieces of splits(cassette.response.body, 9)) {
        if (seen++ % 37 !== 0) continue;
        expect(await collect(endpoint, pieces, true)).toEqual(whole);
      }
      expect(await collect(endpoint, [gzipSync(cassette.response.body)], true, "gzip")).toEqual(whole);
    }
  });

  test("thinking, tool calls and their inputs are put together as they were meant", async () => {
    const thinking = await collectCassette(collectable.find(({ name }) => name === "messages-stream-thinking-tools")!);
    expect(thinking?.json).toMatchObject({
      stop_reason: "tool_use",
      content: [
        { type: "thinking", thinking: "The user wants the latest figure, so I should search 検索 first." },
        { type: "text", text: "I'll look that up." },
        { type: "tool_use", id: "toolu_01Cass02", name: "search", input: { query: 'usage": { 2026 ü' } },
      ],
      usage: { input_tokens: 41, output_tokens: 187, output_tokens_details: { thinking_tokens: 96 } },
    });
    const tools = await collectCassette(collectable.find(({ name }) => name === "chat-stream-tools")!);
    expect(tools?.json).toMatchObject({
      object: "chat.completion",
      choices: [
        {
          message: {
            tool_calls: [
              { id: "call_A1b2C3", function: { arguments: '{"city":"Zürich","usage": {"prompt_tokens": 5}}' } },
              { id: "call_D4e5F6", function: { arguments: '{"city":"Oslo"}' } },
            ],
          },
          finish_reason: "tool_calls",
        },
      ],
    });
    for (const answer of [thinking, tools]) {
      expect(answerShapes.map((shape) => shape.isCacheable(answer!.json))).toEqual([false, false, false]);
    }
  });
});

describe("what is no answer", () => {
  test("every beginning of a stream but those that lack only its last words gives nothing", async () => {
    for (const name of ["chat-stream-usage", "messages-stream-text", "responses-stream-completed"]) {
      const { request, response } = collectable.find((one) => one.name === name)!;
      const endpoint = endpointAt(request.path);
      const { body } = response;
      const lastWord = { "chat-stream-usage": '"finish_reason":"stop"', "messages-stream-text": "message_stop" }[name];
      const end = Buffer.from(body).lastIndexOf(lastWord ?? "event: response.completed");
      for (let length = 1; length < end; length += 53) {
        expect([name, length, await collect(endpoint, [body.subarray(0, length)], true)]).toEqual([name, length, null]);
      }
    }
  });

  test("no bytes, no JSON, no UTF-8, no known compression, JSON of another kind or nested without end", async () => {
    const deep = `{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
    for (const text of ["", " ", "{", "[]", "null", '"x"', deep]) {
      expect([text.slice(0, 9), await collect(chat, [encoder.encode(text)], false)]).toEqual([text.slice(0, 9), null]);
    }
    expect(await collect(chat, [encoder.encode(`data: ${deep}\n\n`)], true)).toBeNull();
    const bytes = encoder.encode('{"id":"é"}');
    expect(await collect(chat, [bytes], false)).not.toBeNull();
    expect(await collect(chat, [bytes.filter((byte) => byte !== 0xa9)], false)).toBeNull();
    expect(await collect(chat, [bytes], false, "gzip")).toBeNull();
    expect(await collect(chat, [bytes], false, "lzma")).toBeNull();
  });

  test("more than the bound, at once or in pieces, compressed or not", async () => {
    const fits = encoder.encode(JSON.stringify({ a: "x".repeat(collectedBytesMax - 8) }));
    expect(fits.length).toBe(collectedBytesMax);
    expect(await collect(chat, [fits], false)).not.toBeNull();
    const over = encoder.encode(JSON.stringify({ a: "x".repeat(collectedBytesMax) }));
    expect(await collect(chat, [over], false)).toBeNull();
    expect(await collect(chat, [over.subarray(0, 99), over.subarray(99)], false)).toBeNull();
    expect(await collect(chat, [gzipSync(fits)], false, "gzip")).not.toBeNull();
    expect(await collect(chat, [gzipSync(over)], false, "gzip")).toBeNull();
  });

  test("too many at once: what is held together is bounded, and given back by every way out", async () => {
    const held = { bytes: 0, bytesMax: 100 };
    const open = () => createAnswerCollector({ endpoint: chat }, { isEvents: false, encoding: "identity" }, 99, held)!;
    const bytes = encoder.encode(JSON.stringify({ a: "x".repeat(32) }));
    const [first, second, third] = [open(), open(), open()];
    for (const collector of [first, second, third]) collector.push(bytes);
    expect([bytes.length, held.bytes]).toEqual([40, 80]);
    expect(await third.finish()).toBeNull();
    expect(await first.finish()).not.toBeNull();
    expect(held.bytes).toBe(40);
    second.push(bytes);
    second.push(bytes);
    expect(held.bytes).toBe(0);
    const left = open();
    left.push(bytes);
    left.drop();
    left.drop();
    expect([held.bytes, await left.finish()]).toEqual([0, null]);
    const broken = open();
    broken.push(encoder.encode("{"));
    expect([await broken.finish(), held.bytes]).toEqual([null, 0]);
  });

  test("endpoints without a shape have no collector", () => {
    const form = { isEvents: false, encoding: "identity" };
    for (const path of ["/v1/embeddings", "/v1/completions", "/v1/messages/count_tokens"])
      expect(createAnswerCollector({ endpoint: endpointAt(path) }, form)).toBeNull();
  });

  test("a long stream is read in slices: other work runs in between", async () => {
    const chunk = (content: string, finish_reason: string | null) =>
      `data: ${JSON.stringify({ id: "x", choices: [{ index: 0, delta: { content }, finish_reason }] })}\n\n`;
    const body = encoder.encode(`${chunk("word ", null).repeat(15_000)}${chunk("", "stop")}`);
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const found = await collect(chat, [body], true);
    isOver = true;
    expect(found?.text.length).toBeGreaterThan(75_000);
    expect(turns).toBeGreaterThan(body.length / 65_536 / 2);
  });
});
