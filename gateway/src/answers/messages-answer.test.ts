import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { messagesAnswer } from "./messages-answer";
import { canonical, extras, foldText, json, text } from "./testing/answers";

const block = fc
  .oneof(
    fc.record(
      {
        type: fc.constant("text"),
        text,
        citations: fc.oneof(fc.constant(null), fc.array(fc.record({ cited_text: text }), { maxLength: 2 })),
      },
      { requiredKeys: ["type", "text"] },
    ),
    fc.record({ type: fc.constant("thinking"), thinking: text, signature: text }),
    fc.record({ type: fc.constant("redacted_thinking"), data: text }),
    fc.record({
      type: fc.constantFrom("tool_use", "server_tool_use", "mcp_tool_use"),
      id: text,
      name: text,
      input: extras,
    }),
    fc.record({ type: fc.constant("web_search_tool_result"), tool_use_id: text, content: fc.array(fc.jsonValue()) }),
  )
  .chain((known) => extras.map((more) => ({ ...more, ...known })));

const usage = fc.record(
  {
    input_tokens: fc.nat(),
    output_tokens: fc.nat(),
    cache_read_input_tokens: fc.oneof(fc.nat(), fc.constant(null)),
    cache_creation: fc.record({ ephemeral_5m_input_tokens: fc.nat() }),
    server_tool_use: fc.oneof(fc.constant(null), fc.record({ web_search_requests: fc.nat() })),
    service_tier: fc.constant("standard"),
  },
  { requiredKeys: ["input_tokens", "output_tokens"] },
);

const answer = fc
  .record(
    {
      id: text,
      model: text,
      content: fc.array(block, { maxLength: 4 }),
      stop_reason: fc.constantFrom("end_turn", "tool_use", "max_tokens", "refusal"),
      stop_sequence: fc.oneof(fc.constant(null), text),
      stop_details: fc.oneof(fc.constant(null), fc.record({ category: text })),
      container: fc.oneof(fc.constant(null), fc.record({ id: text })),
      usage,
    },
    { requiredKeys: ["id", "model", "content", "stop_reason", "usage"] },
  )
  .chain((known) => extras.map((more) => json({ ...more, type: "message", role: "assistant", ...known })));

const whole = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "m",
  content: [{ type: "text", text: "Yes." }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 3, output_tokens: 2 },
};

describe("messages", () => {
  test("what was replayed is put together to the same answer", () => {
    fc.assert(
      fc.property(answer, (one) => {
        const events = [...messagesAnswer.replay(one)];
        expect(canonical(foldText(messagesAnswer, events))).toBe(canonical(one));
      }),
      { numRuns: 300 },
    );
  });

  test("a stream without an end, out of order or with an error gives nothing", () => {
    const events = [...messagesAnswer.replay(whole)];
    expect(foldText(messagesAnswer, events)).toEqual(whole);
    expect(foldText(messagesAnswer, events.slice(0, -1))).toBeNull();
    expect(foldText(messagesAnswer, events.slice(1))).toBeNull();
    expect(foldText(messagesAnswer, [events[0]!, ...events])).toBeNull();
    expect(foldText(messagesAnswer, [...events.slice(0, 1), ...events.slice(2)])).toBeNull();
    expect(foldText(messagesAnswer, [events[0]!, events.at(-1)!])).toBeNull();
    const error = 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"no"}}\n\n';
    expect(foldText(messagesAnswer, [...events, error])).toBeNull();
  });

  test("a tool's input that was cut gives nothing", () => {
    const called = { ...whole, content: [{ type: "tool_use", id: "t", name: "f", input: { a: "b" } }] };
    const events = [...messagesAnswer.replay(called)];
    expect(foldText(messagesAnswer, events)).toEqual(called);
    const cut = events.map((event) => event.replace('{\\"a\\":\\"b\\"}', '{\\"a\\":'));
    expect(cut).not.toEqual(events);
    expect(foldText(messagesAnswer, cut)).toBeNull();
  });

  test("cacheable is an answer that ended by itself with text alone", () => {
    const thought = { type: "thinking", thinking: "Hm.", signature: "s" };
    expect(messagesAnswer.isCacheable(whole)).toBe(true);
    expect(messagesAnswer.isCacheable({ ...whole, content: [thought, ...whole.content], container: null })).toBe(true);
    for (const other of [
      { ...whole, content: [...whole.content, { type: "tool_use", id: "t", name: "f", input: {} }] },
      { ...whole, content: [...whole.content, { type: "fallback" }] },
      { ...whole, content: [thought] },
      { ...whole, content: [] },
      { ...whole, content: [{ type: "text", text: " " }] },
      { ...whole, stop_reason: "max_tokens" },
      { ...whole, stop_reason: "refusal" },
      { ...whole, stop_reason: "stop_sequence" },
      { ...whole, container: { id: "c" } },
      { ...whole, usage: null },
      { type: "error", error: { type: "overloaded_error" } },
      {},
    ]) {
      expect([other, messagesAnswer.isCacheable(other)]).toEqual([other, false]);
    }
  });
});
