import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { contentAttributes } from "./messages";

function read(request: unknown, response?: unknown) {
  const text = (value: unknown) => (value === undefined ? undefined : JSON.stringify(value));
  const { attributes, finishReasons } = contentAttributes(text(request), text(response));
  const parsed = (name: string) => (attributes[name] === undefined ? undefined : JSON.parse(attributes[name]));
  return {
    system: parsed("gen_ai.system_instructions"),
    input: parsed("gen_ai.input.messages"),
    output: parsed("gen_ai.output.messages"),
    tools: parsed("gen_ai.tool.definitions"),
    finishReasons,
  };
}

const text = (content: string) => ({ type: "text", content });

describe("messages of the conventions", () => {
  test("from chat completions, tools included", () => {
    const call = { id: "c1", type: "function", function: { name: "weather", arguments: '{"city":"Oslo"}' } };
    const tools = [{ type: "function", function: { name: "weather" } }];
    const found = read(
      {
        tools,
        messages: [
          { role: "system", content: "Be brief." },
          {
            role: "user",
            content: [
              { type: "text", text: "Weather?" },
              { type: "image_url", image_url: { url: "x" } },
            ],
          },
          { role: "assistant", content: null, tool_calls: [call] },
          { role: "tool", tool_call_id: "c1", content: "rain" },
        ],
      },
      {
        choices: [
          { index: 0, finish_reason: "stop", message: { role: "assistant", content: "Rain." } },
          { index: 1, finish_reason: "tool_calls", message: { role: "assistant", content: null, tool_calls: [call] } },
        ],
      },
    );
    const called = { type: "tool_call", id: "c1", name: "weather", arguments: { city: "Oslo" } };
    expect(found).toEqual({
      system: undefined,
      tools,
      input: [
        { role: "system", parts: [text("Be brief.")] },
        { role: "user", parts: [text("Weather?"), { type: "image_url", image_url: { url: "x" } }] },
        { role: "assistant", parts: [called] },
        { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: "rain" }] },
      ],
      output: [
        { role: "assistant", parts: [text("Rain.")], finish_reason: "stop" },
        { role: "assistant", parts: [called], finish_reason: "tool_calls" },
      ],
      finishReasons: ["stop", "tool_calls"],
    });
  });

  test("from Anthropic's messages", () => {
    const found = read(
      {
        system: [{ type: "text", text: "Be brief." }],
        messages: [
          { role: "user", content: "Weather?" },
          { role: "assistant", content: [{ type: "tool_use", id: "t1", name: "weather", input: { city: "Oslo" } }] },
          {
            role: "user",
            content: [{ type: "tool_result", tool_use_id: "t1", content: [{ type: "text", text: "rain" }] }],
          },
        ],
      },
      {
        content: [
          { type: "thinking", thinking: "Hm." },
          { type: "text", text: "Rain." },
        ],
        stop_reason: "end_turn",
      },
    );
    expect(found.system).toEqual([text("Be brief.")]);
    expect(found.input).toEqual([
      { role: "user", parts: [text("Weather?")] },
      { role: "assistant", parts: [{ type: "tool_call", id: "t1", name: "weather", arguments: { city: "Oslo" } }] },
      { role: "user", parts: [{ type: "tool_call_response", id: "t1", response: [{ type: "text", text: "rain" }] }] },
    ]);
    expect(found.output).toEqual([
      { role: "assistant", parts: [{ type: "reasoning", content: "Hm." }, text("Rain.")], finish_reason: "end_turn" },
    ]);
  });

  test("from the Responses API", () => {
    const call = { type: "function_call", call_id: "c1", name: "weather", arguments: '{"city":"Oslo"}' };
    const found = read(
      {
        instructions: "Be brief.",
        input: [
          { role: "user", content: [{ type: "input_text", text: "Weather?" }] },
          call,
          { type: "function_call_output", call_id: "c1", output: "rain" },
        ],
      },
      {
        status: "completed",
        output: [
          { type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }] },
          { type: "message", role: "assistant", content: [{ type: "output_text", text: "Rain." }] },
          call,
        ],
      },
    );
    const called = { type: "tool_call", id: "c1", name: "weather", arguments: { city: "Oslo" } };
    expect(found.system).toEqual([text("Be brief.")]);
    expect(found.input).toEqual([
      { role: "user", parts: [text("Weather?")] },
      { role: "assistant", parts: [called] },
      { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: "rain" }] },
    ]);
    expect(found.output).toEqual([
      {
        role: "assistant",
        parts: [{ type: "reasoning", content: "Hm." }, text("Rain."), called],
        finish_reason: "completed",
      },
    ]);
    expect(read({ input: "Hello" }).input).toEqual([{ role: "user", parts: [text("Hello")] }]);
  });

  test("from completions and embeddings", () => {
    expect(read({ prompt: "Once" }, { choices: [{ text: " upon", finish_reason: "length" }] })).toMatchObject({
      input: [{ role: "user", parts: [text("Once")] }],
      output: [{ role: "assistant", parts: [text(" upon")], finish_reason: "length" }],
    });
    expect(read({ input: ["a", "b"] }).input).toEqual([
      { role: "user", parts: [text("a")] },
      { role: "user", parts: [text("b")] },
    ]);
  });

  test("of what is cut or of no known form: the text as it is", () => {
    const { attributes } = contentAttributes('{"messages":[{"role":"us', "event: ping\ndata: {}\n\n");
    expect(JSON.parse(attributes["gen_ai.input.messages"] ?? "")).toEqual([
      { role: "user", parts: [text('{"messages":[{"role":"us')] },
    ]);
    expect(JSON.parse(attributes["gen_ai.output.messages"] ?? "")).toEqual([
      { role: "assistant", parts: [text("event: ping\ndata: {}\n\n")] },
    ]);
  });

  test("whatever the JSON is: no throw, and only lists of messages", () => {
    const names = fc.constantFrom(
      ...["messages", "input", "prompt", "system", "tools", "choices", "content", "output", "message", "role", "type"],
      ...["tool_calls", "function", "arguments", "summary", "text", "tool_use", "reasoning", "custom_tool_call"],
    );
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.oneof(names, fc.constantFrom(null, 1, true, "x")),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(names, tie("value"), { maxKeys: 6 }),
      ),
    })).value;
    fc.assert(
      fc.property(json, json, (request, response) => {
        const { attributes } = contentAttributes(JSON.stringify(request), JSON.stringify(response));
        for (const value of Object.values(attributes)) expect(Array.isArray(JSON.parse(value))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
