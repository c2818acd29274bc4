import { describe, expect, test } from "bun:test";
import { cassettes } from "@anyray/shared/testing/cassettes";
import { noUsage } from "@anyray/shared/usage";
import { chatCompletions } from "./chat-completions";
import { openaiStream } from "./openai-stream";

const { readRequest, readAnswer } = chatCompletions;

describe("a request", () => {
  test("tells model, streaming and the bound on its answer", () => {
    const body = { model: "gpt-4o", stream: true, max_tokens: 5, max_completion_tokens: 7, n: 2 };
    expect(readRequest(body)).toMatchObject({ model: "gpt-4o", isStream: true, maxOutputTokens: 14 });
    expect(readRequest({})).toEqual({ model: null, isStream: false, maxOutputTokens: null, mustAskForUsage: false });
    for (const stream of ["true", 1, null, {}]) expect(readRequest({ stream }).isStream).toBe(false);
  });

  test("must be asked for usage when it streams and does not ask itself", () => {
    const mustAsk = (body: Record<string, unknown>) => readRequest(body).mustAskForUsage;
    for (const stream_options of [undefined, null, {}, { include_usage: false }, { include_usage: "true" }, { x: 1 }]) {
      expect(mustAsk({ stream: true, stream_options })).toBe(true);
      expect(mustAsk({ stream: false, stream_options })).toBe(false);
    }
    expect(mustAsk({ stream: true, stream_options: { include_usage: true } })).toBe(false);
    // What is no object is the provider's to refuse.
    for (const stream_options of ["x", 1, [], true]) expect(mustAsk({ stream: true, stream_options })).toBe(false);
    expect(mustAsk({ stream: true, stream_options: Object.create({ include_usage: true }) })).toBe(true);
  });
});

describe("an answer", () => {
  test("tells usage and model, as recorded ones do", () => {
    const recorded = cassettes.filter(({ request, stream }) => request.path === chatCompletions.path && !stream);
    expect(recorded.length).toBeGreaterThan(0);
    for (const { response, usage } of recorded) {
      expect(readAnswer(JSON.parse(Buffer.from(response.body).toString()), null).usage).toEqual(usage);
    }
    expect(readAnswer({ model: "gpt-4o-2024-08-06" }, null)).toEqual({ usage: null, model: "gpt-4o-2024-08-06" });
  });

  test("without usable usage leaves what was known before", () => {
    const before = { ...noUsage, inputTokens: 4 };
    for (const usage of [
      undefined,
      null,
      "x",
      5,
      [],
      {},
      { prompt_tokens: -1 },
      { prompt_tokens: "7" },
      { prompt_tokens: 1e9 },
    ]) {
      expect(readAnswer({ usage }, before).usage).toBe(before);
      expect(readAnswer({ usage }, null).usage).toBeNull();
    }
    expect(readAnswer({ usage: { prompt_tokens: 9 } }, before).usage).toEqual({ ...noUsage, inputTokens: 9 });
    expect(readAnswer({ choices: [{ usage: { prompt_tokens: 1 } }] }, null).usage).toBeNull();
  });
});

describe("a stream", () => {
  test("ends with [DONE], with or without a space, behind other lines, on either line end", () => {
    for (const head of ["data: [DONE]\n\n", "data:[DONE]", ": c\ndata: [DONE]", "event: x\r\ndata: [DONE]\r\n"]) {
      expect([head, openaiStream.isTerminal(head), openaiStream.isError(head)]).toEqual([head, true, false]);
    }
    for (const head of [
      'data: {"a":"[DONE]"}',
      'data: {"a":"\u2028data: [DONE]"}',
      " data: [DONE]",
      "data:  [DONE]x",
    ]) {
      expect([head, openaiStream.isTerminal(head)]).toEqual([head, false]);
    }
  });

  test("fails with an error object or an error event, and not with an empty error member", () => {
    for (const head of [
      'data: {"error":{"message":"x"}}',
      'data:{ "error" : "x"}',
      "event: error\ndata: {}",
      "event:error\n",
    ]) {
      expect([head, openaiStream.isError(head)]).toEqual([head, true]);
    }
    for (const head of [
      'data: {"error":null,"choices":[]}',
      "event: errors_ahead\n",
      'data: {"id":1,"error":{}}',
      'data: {"a":"\u2029event: error"}',
    ]) {
      expect([head, openaiStream.isError(head)]).toEqual([head, false]);
    }
  });

  test("is whole once a choice has finished, though [DONE] never came", () => {
    expect(openaiStream.isWhole('{"choices":[{"finish_reason": "stop"}]}')).toBe(true);
    expect(openaiStream.isWhole('data: {"x":1}\n\ndata: [DONE]\n\n\n')).toBe(true);
    for (const tail of ["", '{"finish_reason":null}', '{"content":"\\"finish_reason\\":\\"stop\\""}'])
      expect(openaiStream.isWhole(tail)).toBe(false);
  });

  test("says text in many ways, all of which count", () => {
    const count = (delta: unknown) => openaiStream.countText({ choices: [{ delta }] });
    expect(count({ content: "12345678" })).toBe(2);
    expect(count({ reasoning_content: "1234" }) + count({ reasoning: "1234" }) + count({ refusal: "1234" })).toBe(3);
    expect(
      count({ tool_calls: [{ function: { name: "call", arguments: '{"a":1}' } }, null, { function: null }] }),
    ).toBe(3);
    expect(openaiStream.countText({ choices: [{ delta: { content: "1234" } }, { text: "1234" }, 5] })).toBe(2);
    for (const odd of [{}, { choices: null }, { choices: [null, []] }, { choices: [{ delta: 5, text: 5 }] }]) {
      expect(openaiStream.countText(odd)).toBe(0);
    }
  });

  test("that breaks off is told in OpenAI's words, as one whole event", () => {
    const event = chatCompletions.stream.errorEvent({
      code: "c",
      type: "t",
      message: 'a "quoted"\nline',
      requestId: "r",
    });
    expect(event).toMatch(/^data: \{.*\}\n\n$/);
    expect(JSON.parse(event.slice(6))).toEqual({
      error: { message: 'a "quoted"\nline', type: "t", param: null, code: "c" },
    });
    expect(openaiStream.isError(event)).toBe(true);
  });
});
