import { describe, expect, test } from "bun:test";
import { cassettes } from "@anyray/shared/testing/cassettes";
import { noUsage, type Usage } from "@anyray/shared/usage";
import { messages } from "./messages";

const { stream, readAnswer } = messages;

/** The usage after a series of events. */
function after(...usages: unknown[]): Usage | null {
  return usages.reduce<Usage | null>((before, usage) => readAnswer({ usage }, before).usage, null);
}

test("a request tells model, streaming and its bound", () => {
  expect(messages.readRequest({ model: "m", stream: true, max_tokens: 9, max_completion_tokens: 5 })).toEqual({
    model: "m",
    isStream: true,
    maxOutputTokens: 9,
    mustAskForUsage: false,
  });
});

describe("usage", () => {
  test("is that of recorded answers", () => {
    const recorded = cassettes.filter(({ request, stream: isStream }) => request.path === messages.path && !isStream);
    expect(recorded.length).toBeGreaterThan(2);
    for (const { response, usage } of recorded) {
      expect(readAnswer(JSON.parse(Buffer.from(response.body).toString()), null).usage).toEqual(usage);
    }
  });

  test("counts what was read from and written to the cache into the input", () => {
    const lifetimes = { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 20 };
    const stated = {
      input_tokens: 5,
      cache_read_input_tokens: 100,
      cache_creation_input_tokens: 50,
      cache_creation: lifetimes,
      output_tokens: 7,
    };
    const usage = {
      inputTokens: 155,
      cachedInputTokens: 100,
      cacheWriteTokens: 50,
      cacheWriteLongTokens: 20,
      outputTokens: 7,
      reasoningTokens: 0,
    };
    expect(after(stated)).toEqual(usage);
    expect(after({ ...stated, cache_creation_input_tokens: undefined })).toEqual(usage);
    expect(after({ ...stated, output_tokens_details: { thinking_tokens: 6 } })).toEqual({
      ...usage,
      reasoningTokens: 6,
    });
  });

  test("of later events replaces what they carry and keeps the rest; nothing is added up", () => {
    const start = { input_tokens: 5, cache_read_input_tokens: 100, cache_creation_input_tokens: 50, output_tokens: 1 };
    expect(after(start, { output_tokens: 40 })).toMatchObject({
      inputTokens: 155,
      cachedInputTokens: 100,
      outputTokens: 40,
    });
    expect(after(start, { output_tokens: 40 }, { output_tokens: 90 })?.outputTokens).toBe(90);
    expect(after(start, { ...start, output_tokens: 40 })).toMatchObject({ inputTokens: 155, outputTokens: 40 });
    expect(after(start, { input_tokens: 9, cache_read_input_tokens: 200, output_tokens: 2 })).toMatchObject({
      inputTokens: 259,
      cachedInputTokens: 200,
      cacheWriteTokens: 50,
    });
    expect(after(start, { input_tokens: null, cache_read_input_tokens: null, output_tokens: 3 })).toMatchObject({
      inputTokens: 155,
      outputTokens: 3,
    });
    expect(after(start, {}, null, "x", [])).toEqual(after(start));
  });

  test("keeps the long writes of the start when a later event states only the sum", () => {
    const start = {
      input_tokens: 1,
      cache_creation_input_tokens: 50,
      cache_creation: { ephemeral_1h_input_tokens: 50 },
      output_tokens: 1,
    };
    expect(after(start, { cache_creation_input_tokens: 50, output_tokens: 9 })).toEqual({
      ...noUsage,
      inputTokens: 51,
      cacheWriteTokens: 50,
      cacheWriteLongTokens: 50,
      outputTokens: 9,
    });
  });

  test("stated in odd figures is none of them", () => {
    for (const odd of [-1, 0.5, "5", 1e12, null, []]) {
      expect(after({ input_tokens: odd, output_tokens: odd })).toBeNull();
      expect(after({ input_tokens: 5, output_tokens: odd, cache_read_input_tokens: odd })).toEqual({
        ...noUsage,
        inputTokens: 5,
      });
      expect(after({ input_tokens: odd, output_tokens: 5 })).toEqual({ ...noUsage, outputTokens: 5 });
    }
  });

  test("is the message's own, not that of something in it", () => {
    expect(readAnswer({ content: [{ input: { usage: { input_tokens: 1 } } }] }, null).usage).toBeNull();
    expect(
      readAnswer({ message: { model: "m", usage: { input_tokens: 1 } }, usage: { input_tokens: 2 } }, null),
    ).toEqual({
      usage: { ...noUsage, inputTokens: 1 },
      model: "m",
    });
  });
});

describe("a stream", () => {
  test("ends with message_stop, told by its name or its type, and nothing else", () => {
    for (const head of [
      "event: message_stop\ndata: {}",
      "event:message_stop\r\n",
      'data: {"type": "message_stop"}',
      ": c\nevent: message_stop",
    ]) {
      expect([head, stream.isTerminal(head), stream.isWhole(`event: ping\ndata: {}\n\n${head}\n\n`)]).toEqual([
        head,
        true,
        true,
      ]);
    }
    for (const head of [
      "event: message_stopped",
      "event: message_delta\ndata: {}",
      'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"\u2028event: message_stop"}}',
      'data: {"x":"message_stop"}',
    ]) {
      expect([head, stream.isTerminal(head), stream.isWhole(head)]).toEqual([head, false, false]);
    }
  });

  test("fails with an error event", () => {
    expect(stream.isError('event: error\ndata: {"type":"error"}')).toBe(true);
    expect(stream.isError('data:{"type":"error","error":{}}')).toBe(true);
    expect(stream.isError('data: {"type":"content_block_start","content_block":{"type":"error"}}')).toBe(false);
    expect(stream.isError('data: {"text":"\u2028event: error"}')).toBe(false);
  });

  test("states only a beginning of its usage in its first event", () => {
    expect(stream.opensUsage({ type: "message_start", message: { usage: { output_tokens: 1 } } })).toBe(true);
    expect(stream.opensUsage({ type: "message_delta", usage: { output_tokens: 9 } })).toBe(false);
  });

  test("says text, thinking and tool input in its deltas", () => {
    expect(stream.countText({ delta: { text: "1234" } })).toBe(1);
    expect(stream.countText({ delta: { thinking: "12345678" } })).toBe(2);
    expect(stream.countText({ delta: { partial_json: '{"a"' } })).toBe(1);
    for (const odd of [
      {},
      { delta: null },
      { delta: { signature: "1234" } },
      { text: "1234" },
      { delta: { text: 5 } },
    ]) {
      expect(stream.countText(odd)).toBe(0);
    }
  });

  test("that breaks off is told in Anthropic's words, as one whole event", () => {
    const event = stream.errorEvent({ code: "c", type: "t", message: "m", requestId: "r" });
    expect(event).toMatch(/^event: error\ndata: \{.*\}\n\n$/);
    expect(JSON.parse(event.slice(event.indexOf("{")))).toEqual({
      type: "error",
      error: { type: "t", message: "m" },
      request_id: "r",
    });
    expect(stream.isError(event)).toBe(true);
  });
});
