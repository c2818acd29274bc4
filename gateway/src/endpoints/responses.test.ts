import { describe, expect, test } from "bun:test";
import { cassetteNamed } from "@anyray/shared/testing/cassettes";
import { noUsage } from "@anyray/shared/usage";
import { responses } from "./responses";

const { stream, readAnswer } = responses;

test("a request tells model, streaming and its bound", () => {
  expect(responses.readRequest({ model: "m", stream: true, max_output_tokens: 9, max_tokens: 5 })).toEqual({
    model: "m",
    isStream: true,
    maxOutputTokens: 9,
    mustAskForUsage: false,
  });
  expect(responses.readRequest({ model: "m", max_tokens: 5 }).maxOutputTokens).toBeNull();
});

describe("an answer", () => {
  test("states usage whole or inside its last event, cache writes of both lifetimes included", () => {
    const { response, usage } = cassetteNamed("responses-json");
    const json = JSON.parse(Buffer.from(response.body).toString());
    expect(readAnswer(json, null)).toEqual({ usage, model: json.model });
    expect(readAnswer({ type: "response.completed", response: json }, null)).toEqual({ usage, model: json.model });
    const cached = {
      input_tokens: 100,
      input_tokens_details: {
        cached_tokens: 40,
        cache_write_tokens: 30,
        cache_write_tokens_details: { ttl_12h_tokens: 10 },
      },
      output_tokens: 5,
    };
    expect(readAnswer({ usage: cached }, null).usage).toEqual({
      ...noUsage,
      inputTokens: 100,
      cachedInputTokens: 40,
      cacheWriteTokens: 30,
      cacheWriteLongTokens: 10,
      outputTokens: 5,
    });
  });

  test("without usable usage leaves what was known before", () => {
    const before = { ...noUsage, inputTokens: 4 };
    for (const usage of [
      undefined,
      null,
      "x",
      [],
      {},
      { input_tokens: -1 },
      { input_tokens: 1.5 },
      { prompt_tokens: 9 },
    ]) {
      expect(readAnswer({ response: { usage } }, before).usage).toBe(before);
    }
    // A tool's parameter may have the same name.
    expect(readAnswer({ tools: [{ parameters: { usage: { input_tokens: 1 } } }] }, null).usage).toBeNull();
  });
});

describe("a stream", () => {
  test("ends with any of its last events, told by their name or their type", () => {
    for (const name of ["completed", "incomplete", "cancelled"]) {
      for (const head of [
        `event: response.${name}\ndata: {}`,
        `event:response.${name}\r\n`,
        `data: {"type" : "response.${name}","x":1}`,
      ]) {
        expect([head, stream.isTerminal(head)]).toEqual([head, true]);
        expect(stream.isWhole(`data: {}\n\n${head}\n\n`)).toBe(true);
      }
    }
    for (const head of [
      "event: response.created\ndata: {}",
      'data: {"type":"response.output_text.delta","delta":"\\"type\\":\\"response.completed\\""}',
      'data: {"type":"response.output_text.delta","delta":"\u2028event: response.completed"}',
      "event: response.completedly",
    ]) {
      expect([head, stream.isTerminal(head)]).toEqual([head, false]);
    }
    expect(stream.isWhole("event: response.created\ndata: {}\n\n")).toBe(false);
  });

  test("fails with an error event, or with a last event that says so", () => {
    for (const head of ["event: response.failed\ndata: {}", 'data: {"type":"response.failed","response":{}}']) {
      expect([head, stream.isError(head), stream.isTerminal(head)]).toEqual([head, true, false]);
    }
    expect(stream.isError('event: error\ndata: {"type":"error"}')).toBe(true);
    expect(stream.isError('data: {"type": "error","code":"x"}')).toBe(true);
    expect(stream.isError('data: {"type":"response.created","response":{"error":null}}')).toBe(false);
    expect(stream.isError('data: {"delta":"\u2028event: error"}')).toBe(false);
  });

  test("states its usage at its end only", () => {
    expect(stream.opensUsage()).toBe(false);
  });

  test("says text in its deltas", () => {
    expect(stream.countText({ type: "response.output_text.delta", delta: "12345678" })).toBe(2);
    expect(stream.countText({ type: "response.function_call_arguments.delta", delta: "1234" })).toBe(1);
    for (const odd of [
      { type: "response.output_text.done", text: "1234" },
      { delta: "1234" },
      { type: 5, delta: "x" },
      {},
    ]) {
      expect(stream.countText(odd)).toBe(0);
    }
  });

  test("that breaks off is told in its own words, as one whole event", () => {
    const event = stream.errorEvent({ code: "c", message: "m", type: "t", requestId: "r" });
    expect(event).toMatch(/^event: error\ndata: \{.*\}\n\n$/);
    expect(JSON.parse(event.slice(event.indexOf("{")))).toEqual({
      type: "error",
      code: "c",
      message: "m",
      param: null,
      sequence_number: 0,
      error: { message: "m", type: "t", param: null, code: "c" },
    });
    expect(stream.isError(event)).toBe(true);
  });
});
