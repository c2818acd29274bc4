import { describe, expect, test } from "bun:test";
import { noUsage } from "@anyray/shared/usage";
import { other } from "./other";

const { readAnswer, stream } = other;

test("a request is bounded by whichever bound it states", () => {
  expect(
    other.readRequest({ model: "m", stream: true, max_tokens: 1, max_output_tokens: 3, max_completion_tokens: 2 }),
  ).toEqual({
    model: "m",
    isStream: true,
    maxOutputTokens: 3,
    mustAskForUsage: false,
  });
  expect(other.readRequest({ max_tokens: 4 }).maxOutputTokens).toBe(4);
});

describe("an answer states usage in the words of", () => {
  test("OpenAI's chat, its images, or Anthropic", () => {
    expect(readAnswer({ model: "m", usage: { prompt_tokens: 5, completion_tokens: 2 } }, null)).toEqual({
      usage: { ...noUsage, inputTokens: 5, outputTokens: 2 },
      model: "m",
    });
    const image = {
      input_tokens: 50,
      output_tokens: 1_056,
      total_tokens: 1_106,
      input_tokens_details: { text_tokens: 10, image_tokens: 40 },
    };
    expect(readAnswer({ created: 1, data: [], usage: image }, null).usage).toEqual({
      ...noUsage,
      inputTokens: 50,
      outputTokens: 1_056,
    });
    expect(
      readAnswer({ usage: { input_tokens: 5, cache_read_input_tokens: 10, output_tokens: 2 } }, null).usage,
    ).toEqual({
      ...noUsage,
      inputTokens: 15,
      cachedInputTokens: 10,
      outputTokens: 2,
    });
  });

  test("an event that wraps it", () => {
    expect(readAnswer({ response: { usage: { input_tokens: 5 }, model: "m" } }, null)).toEqual({
      usage: { ...noUsage, inputTokens: 5 },
      model: "m",
    });
    expect(readAnswer({ message: { usage: { input_tokens: 5 } } }, null).usage?.inputTokens).toBe(5);
    expect(
      readAnswer({ message: "text", response: "text", usage: { prompt_tokens: 5 } }, null).usage?.inputTokens,
    ).toBe(5);
  });

  test("nobody: then what was known before stands", () => {
    const before = { ...noUsage, inputTokens: 4 };
    for (const usage of [
      undefined,
      null,
      5,
      "x",
      [],
      {},
      { type: "duration", seconds: 9 },
      { input_tokens: -5 },
      { total_tokens: 9 },
    ]) {
      expect(readAnswer({ usage }, before).usage).toBe(before);
      expect(readAnswer({ usage }, null).usage).toBeNull();
    }
  });

  test("first one, then the other, and never comes below zero", () => {
    const odd = readAnswer({ usage: { prompt_tokens: 1, prompt_tokens_details: { cached_tokens: 90 } } }, null).usage;
    const usage = readAnswer({ usage: { cache_read_input_tokens: 0, output_tokens: 3 } }, odd).usage;
    expect(usage).toEqual({ ...noUsage, outputTokens: 3 });
  });
});

test("a stream may end in any way: what the gateway does not know it does not call broken", () => {
  expect(stream.isTerminal("data: [DONE]\n\n")).toBe(true);
  expect(stream.isTerminal('data: {"type":"response.completed"}\n\n')).toBe(true);
  expect(stream.isTerminal('data: {"type":"image_generation.completed"}\n\n')).toBe(false);
  expect(stream.isWhole()).toBe(true);
  expect(stream.isError('data: {"error":{"message":"x"}}\n\n')).toBe(true);
});
