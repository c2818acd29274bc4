import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { chatAnswer } from "./chat-answer";
import { canonical, extras, foldText, json, text } from "./testing/answers";

const message = fc
  .record(
    {
      content: fc.oneof(text, fc.constant(null)),
      refusal: fc.oneof(text, fc.constant(null)),
      annotations: fc.array(fc.jsonValue(), { maxLength: 2 }),
      reasoning_content: text,
      tool_calls: fc.array(
        fc.oneof(
          fc.record({
            id: text,
            type: fc.constant("function"),
            function: fc.record({ name: text, arguments: text }),
          }),
          fc.record({ id: text, type: fc.constant("custom"), custom: fc.record({ name: text, input: text }) }),
        ),
        { maxLength: 3 },
      ),
      function_call: fc.record({ name: text, arguments: text }),
    },
    { requiredKeys: ["content"] },
  )
  .chain((known) => extras.map((more) => ({ ...more, ...known, role: "assistant" })));

const choice = fc.record(
  {
    message,
    logprobs: fc.oneof(
      fc.constant(null),
      fc.record({ content: fc.array(fc.record({ token: text })), refusal: fc.constant(null) }),
    ),
    finish_reason: fc.constantFrom("stop", "length", "tool_calls"),
  },
  { requiredKeys: ["message", "finish_reason"] },
);

const answer = fc
  .record({ known: fc.record({ id: text, created: fc.nat(), model: text }), extras, usage: fc.option(extras) })
  .chain(({ known, extras: more, usage }) =>
    fc.array(choice, { minLength: 1, maxLength: 3 }).map((choices) =>
      json({
        ...more,
        ...known,
        object: "chat.completion",
        choices: choices.map((one, index) => ({ index, ...one })),
        ...(usage ? { usage } : {}),
      }),
    ),
  );

const whole = {
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "Yes." }, finish_reason: "stop" }],
};

describe("chat completions", () => {
  test("what was replayed is put together to the same answer", () => {
    fc.assert(
      fc.property(answer, (one) => {
        const events = [...chatAnswer.replay(one, { includesUsage: true })];
        expect(canonical(foldText(chatAnswer, events))).toBe(canonical(one));
      }),
      { numRuns: 300 },
    );
  });

  test("usage is left out unless asked for; the end is always said", () => {
    const one = { ...whole, usage: { prompt_tokens: 3, completion_tokens: 2 } };
    const asked = [...chatAnswer.replay(one, { includesUsage: true })];
    const unasked = [...chatAnswer.replay(one, { includesUsage: false })];
    expect(asked.at(-2)).toContain('"choices":[],"usage":{"prompt_tokens":3');
    expect(unasked.join("")).not.toContain("usage");
    expect([asked.at(-1), unasked.at(-1)]).toEqual(["data: [DONE]\n\n", "data: [DONE]\n\n"]);
  });

  test("a stream without an end, with a gap or with an error gives nothing", () => {
    const events = [...chatAnswer.replay(whole, { includesUsage: true })];
    expect(foldText(chatAnswer, events)).toEqual(whole);
    expect(foldText(chatAnswer, events.slice(0, -2))).toBeNull();
    const chunk = (choices: unknown) => `data: ${JSON.stringify({ id: "x", choices })}\n\n`;
    const stopped = { delta: { content: "a" }, finish_reason: "stop" };
    expect(foldText(chatAnswer, [chunk([{ index: 0, ...stopped }])])).not.toBeNull();
    expect(foldText(chatAnswer, [chunk([{ index: 1, ...stopped }])])).toBeNull();
    expect(foldText(chatAnswer, [chunk([stopped])])).toBeNull();
    expect(foldText(chatAnswer, [chunk([{ index: 1e9, ...stopped }])])).toBeNull();
    expect(foldText(chatAnswer, [chunk("none")])).toBeNull();
    const gap = { tool_calls: [{ index: 1, id: "b", function: { name: "f", arguments: "{}" } }] };
    expect(foldText(chatAnswer, [chunk([{ index: 0, delta: gap, finish_reason: "tool_calls" }])])).toBeNull();
    expect(foldText(chatAnswer, [...events, 'data: {"error":{"message":"no"},"choices":[]}\n\n'])).toBeNull();
  });

  test("names that later chunks leave empty stay; early empty ones are filled in", () => {
    const chunks = [
      { id: "", model: "", created: 0, choices: [], prompt_filter_results: [1] },
      { id: "a", model: "m", created: 7, choices: [{ index: 0, delta: { content: "x" }, finish_reason: null }] },
      { id: "", model: "", created: 7, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
    ];
    const found = foldText(
      chatAnswer,
      chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`),
    );
    expect(found).toMatchObject({ id: "a", model: "m", created: 7, prompt_filter_results: [1] });
  });

  test("cacheable is an answer that ended by itself with text alone", () => {
    const [choice] = whole.choices;
    const withMessage = (message: object, more: object = {}) => ({
      ...whole,
      choices: [{ ...choice, message: { ...choice!.message, ...message }, ...more }],
    });
    expect(chatAnswer.isCacheable(whole)).toBe(true);
    expect(chatAnswer.isCacheable(withMessage({ tool_calls: [], refusal: null, annotations: [] }))).toBe(true);
    for (const other of [
      withMessage({ tool_calls: [{ id: "a" }] }),
      withMessage({ function_call: { name: "f", arguments: "" } }),
      withMessage({ refusal: "No." }),
      withMessage({ content: " \n" }),
      withMessage({ content: null }),
      withMessage({}, { finish_reason: "length" }),
      withMessage({}, { finish_reason: null }),
      { ...whole, choices: [choice, choice] },
      { ...whole, choices: [] },
      { ...whole, error: { message: "no" } },
      {},
    ]) {
      expect([other, chatAnswer.isCacheable(other)]).toEqual([other, false]);
    }
  });
});
