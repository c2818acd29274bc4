import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { responsesAnswer } from "./responses-answer";
import { canonical, extras, foldText, json, text } from "./testing/answers";

const part = fc.oneof(
  fc.record(
    {
      type: fc.constant("output_text"),
      text,
      annotations: fc.array(extras, { maxLength: 2 }),
      logprobs: fc.array(extras, { maxLength: 1 }),
    },
    { requiredKeys: ["type", "text"] },
  ),
  fc.record({ type: fc.constant("refusal"), refusal: text }),
);

const item = fc
  .oneof(
    fc.record({
      type: fc.constant("message"),
      role: fc.constant("assistant"),
      status: fc.constant("completed"),
      content: fc.array(part, { maxLength: 3 }),
    }),
    fc.record({
      type: fc.constant("reasoning"),
      summary: fc.array(fc.record({ type: fc.constant("summary_text"), text }), { maxLength: 2 }),
      encrypted_content: text,
    }),
    fc.record({ type: fc.constant("function_call"), call_id: text, name: text, arguments: text }),
    fc.record({ type: fc.constant("custom_tool_call"), call_id: text, name: text, input: text }),
    fc.record({ type: fc.constant("web_search_call"), status: fc.constant("completed"), action: extras }),
  )
  .chain((known) => extras.map((more) => ({ ...more, id: "item_1", ...known })));

const answer = fc
  .record({
    id: text,
    created_at: fc.nat(),
    status: fc.constantFrom("completed", "incomplete"),
    output: fc.array(item, { maxLength: 4 }),
    usage: fc.oneof(fc.constant(null), extras),
    completed_at: fc.nat(),
  })
  .chain((known) => extras.map((more) => json({ ...more, object: "response", ...known })));

const message = {
  type: "message",
  id: "msg_1",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text: "Yes.", annotations: [] }],
};
const whole = { id: "resp_1", object: "response", status: "completed", output: [message], usage: null };

const dataOf = (event: string) => JSON.parse(event.split("\ndata: ")[1]!) as Record<string, unknown>;

describe("responses", () => {
  test("what was replayed is put together to the same answer", () => {
    fc.assert(
      fc.property(answer, (one) => {
        const events = [...responsesAnswer.replay(one)];
        expect(canonical(foldText(responsesAnswer, events))).toBe(canonical(one));
      }),
      { numRuns: 300 },
    );
  });

  test("events are numbered, the first two tell nothing of the answer, deltas add up to each text", () => {
    fc.assert(
      fc.property(answer, (one) => {
        const events = [...responsesAnswer.replay(one)].map(dataOf);
        expect(events.map((event) => event["sequence_number"])).toEqual(events.map((_, index) => index));
        expect(events.slice(0, 2).map(({ type }) => type)).toEqual(["response.created", "response.in_progress"]);
        for (const event of events.slice(0, 2)) {
          expect(event["response"]).toMatchObject({ status: "in_progress", output: [], usage: null });
        }
        let added = "";
        for (const { type, delta, ...event } of events) {
          if (/_part\.added$|output_item\.added$/.test(String(type))) added = "";
          if (/\.delta$/.test(String(type))) added += delta;
          const told = event["text"] ?? event["refusal"] ?? event["arguments"] ?? event["input"];
          if (/(text|refusal|arguments|input)\.done$/.test(String(type))) expect(told).toBe(added);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("a stream without an end or with an error gives nothing; items left out of its end are put in", () => {
    const events = [...responsesAnswer.replay(whole)];
    expect(foldText(responsesAnswer, events)).toEqual(whole);
    expect(foldText(responsesAnswer, events.slice(0, -1))).toBeNull();
    const error = 'event: error\ndata: {"type":"error","message":"no"}\n\n';
    expect(foldText(responsesAnswer, [...events.slice(0, -1), error])).toBeNull();
    const bare = events.map((event) =>
      event.startsWith("event: response.completed") ? event.replace(JSON.stringify([message]), "[]") : event,
    );
    expect(bare).not.toEqual(events);
    expect(foldText(responsesAnswer, bare)).toEqual(whole);
  });

  test("cacheable is an answer that ended by itself with text alone, and stands alone", () => {
    expect(responsesAnswer.isCacheable(whole)).toBe(true);
    const reasoning = { type: "reasoning", id: "rs_1", summary: [] };
    const free = { previous_response_id: null, conversation: null, error: null, background: false };
    expect(responsesAnswer.isCacheable({ ...whole, ...free, output: [reasoning, message] })).toBe(true);
    for (const other of [
      { ...whole, status: "incomplete" },
      { ...whole, error: { code: "server_error" } },
      { ...whole, output: [] },
      { ...whole, output: [reasoning] },
      { ...whole, output: [message, { type: "function_call", name: "f", arguments: "{}" }] },
      { ...whole, output: [{ ...message, content: [{ type: "refusal", refusal: "No." }] }] },
      { ...whole, output: [{ ...message, content: [] }] },
      { ...whole, previous_response_id: "resp_0" },
      { ...whole, conversation: { id: "conv_1" } },
      { ...whole, background: true },
      {},
    ]) {
      expect([other, responsesAnswer.isCacheable(other)]).toEqual([other, false]);
    }
  });
});
