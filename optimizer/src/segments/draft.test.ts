import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Api } from "./api";
import { apis } from "./apis";
import { Draft, type Segment } from "./draft";

const api = (path: string) => apis.get(path) as Api;
const chat = api("/v1/chat/completions");
const messages = api("/v1/messages");
const responses = api("/v1/responses");
const long = "a line of output that repeats itself\n".repeat(60);

function chatRequest(output: string): string {
  return `{ "model":"m",  "temperature": 1.0, "messages" : [
    {"role":"system","content":"Be brief."},
    {"role":"user","content":[{"type":"text","text":"Why?"}, {"type":"image_url","image_url":{"url":"data:,"}}]},
    {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"run","arguments":"{\\"cmd\\":\\"ls\\"}"}}]},
    {"role":"tool","tool_call_id":"c1","content":${JSON.stringify(output)}},
    {"role":"assistant","content":"Let me look further."},
    {"role":"user","content":"And now?"} ], "x-unknown":{"a":1e2} }`;
}

function anthropicRequest(output: string): string {
  return JSON.stringify({
    model: "claude",
    system: [{ type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }],
    messages: [
      { role: "user", content: "Why?" },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "hm", signature: "s" },
          { type: "tool_use", id: "c1", name: "run", input: { cmd: "ls" } },
        ],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "c1", is_error: true, content: output }] },
      { role: "assistant", content: [{ type: "text", text: "I see." }] },
      { role: "user", content: "And now?" },
    ],
  });
}

function responsesRequest(output: string): string {
  return JSON.stringify({
    model: "gpt",
    instructions: "Be brief.",
    input: [
      { role: "user", content: "Why?" },
      { type: "reasoning", id: "r1", summary: [] },
      { type: "function_call", call_id: "c1", name: "run", arguments: '{"cmd":"ls"}' },
      { type: "function_call_output", call_id: "c1", output },
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "I see." }] },
      { role: "user", content: [{ type: "input_text", text: "And now?" }] },
    ],
  });
}

const bodies: [string, Api, (output: string) => string][] = [
  ["chat", chat, chatRequest],
  ["messages", messages, anthropicRequest],
  ["responses", responses, responsesRequest],
];

const resultOf = (draft: Draft) => draft.segments.find(({ kind }) => kind === "tool_result") as Segment;

describe.each(bodies)("a %s request", (_name, of, bodyOf) => {
  test("comes back as it was when nothing is edited", () => {
    expect(new Draft(bodyOf(long), of).render()).toBe(bodyOf(long));
  });

  test("knows which call a result answers, its age and that it is not live", () => {
    const result = resultOf(new Draft(bodyOf(long), of));
    expect(result).toMatchObject({ toolName: "run", toolArgs: '{"cmd":"ls"}', isFresh: false, age: 1, original: long });
  });

  test("keeps every other character when one segment is edited", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (before, after) => {
        const source = bodyOf(long + before);
        const draft = new Draft(source, of);
        draft.begin("k");
        expect(draft.propose(resultOf(draft), after, "whole")).toBe(true);
        const literal = JSON.stringify(long + before);
        expect(draft.render()).toBe(source.replace(literal, () => JSON.stringify(after)));
      }),
    );
  });

  test("takes an edit back whole", () => {
    const draft = new Draft(bodyOf(long), of);
    draft.begin("k");
    draft.propose(resultOf(draft), "short", "whole");
    draft.setField("max_tokens", 5);
    draft.addText(draft.messages.at(-1) as Draft["messages"][number], "note");
    draft.rollback();
    expect(draft.render()).toBe(bodyOf(long));
    expect(draft.savings.size).toBe(0);
  });

  test("refuses edits that hardly save, of live text, and of what another strategy owns", () => {
    const draft = new Draft(bodyOf(long), of);
    draft.begin("a");
    const result = resultOf(draft);
    expect(draft.propose(result, long.slice(0, -63), "selection")).toBe(false);
    const live = draft.segments.at(-1) as Segment;
    expect(live.isFresh).toBe(true);
    expect(draft.accepts(live, "selection")).toBe(false);
    expect(draft.propose(result, `${long.slice(0, 900)}`, "selection")).toBe(true);
    draft.begin("b");
    expect(draft.accepts(result, "selection")).toBe(false);
    expect(draft.accepts(result, "lossless")).toBe(true);
  });

  test("adds text to the last message and drops messages, and stays JSON", () => {
    fc.assert(
      fc.property(fc.subarray([0, 1, 2, 3]), fc.string(), (dropped, note) => {
        const draft = new Draft(bodyOf(long), of);
        draft.begin("k");
        const kept = draft.messages.filter(({ index }) => !dropped.includes(index));
        for (const message of draft.messages) if (dropped.includes(message.index)) draft.dropMessage(message);
        draft.addText(kept.at(-1) as Draft["messages"][number], note);
        const before = JSON.parse(bodyOf(long));
        const after = JSON.parse(draft.render());
        const list = (body: Record<string, unknown[]>) => body["messages"] ?? body["input"] ?? [];
        expect(list(after).slice(0, -1)).toEqual(
          list(before)
            .filter((_, at) => !dropped.includes(at))
            .slice(0, -1),
        );
        expect(JSON.stringify(list(after).at(-1))).toContain(JSON.stringify(note).slice(1, -1));
      }),
    );
  });
});

test("fields are set, replaced and taken out, whatever stands around them", () => {
  const space = fc.constantFrom("", " ", "\n\t");
  const names = ["a", "b:c", 'd"e', "model", "max_tokens", "messages"];
  fc.assert(
    fc.property(
      fc.subarray(names, { minLength: 1 }),
      fc.array(fc.tuple(fc.constantFrom(...names, "new"), fc.option(fc.jsonValue())), { maxLength: 4 }),
      space,
      (present, changes, gap) => {
        const members = present.map((name) => `${gap}${JSON.stringify(name)}${gap}:${gap}"v,${name.length}"${gap}`);
        const draft = new Draft(`{${members.join(",")}}`, chat);
        const expected = new Map<string, unknown>(present.map((name) => [name, `v,${name.length}`]));
        draft.begin("k");
        for (const [name, value] of changes) {
          if (value === null) {
            draft.removeField(name);
            expected.delete(name);
          } else {
            draft.setField(name, value);
            expected.set(name, JSON.parse(JSON.stringify(value)));
          }
        }
        expect(new Map(Object.entries(JSON.parse(draft.render())))).toEqual(expected);
      },
    ),
  );
});

test("tools are shortened, dropped and sorted", () => {
  const tool = (name: string) => ({
    type: "function",
    function: { name, description: "x".repeat(80), parameters: {} },
  });
  const source = JSON.stringify({ tools: ["c", "a", "b"].map(tool), messages: [] }, null, 1);
  const draft = new Draft(source, chat);
  draft.begin("k");
  const [c, a] = draft.tools;
  if (!c || !a) throw new Error("no tools");
  expect(draft.setTool(c, JSON.stringify({ type: "function", function: { name: "c" } }))).toBe(true);
  draft.dropTool(a);
  const names = () =>
    JSON.parse(draft.render()).tools.map((each: { function: { name: string } }) => each.function.name);
  expect(names()).toEqual(["c", "b"]);
  draft.orderTools([1, 2, 0]);
  expect(names()).toEqual(["b", "c"]);
});

test("what is no JSON, or too deep, is told as such", () => {
  for (const source of ["", "[]", "{", '{"a":}', '{"a":01}', '{"a":"\u0001"}', '{"a":1}x', `${"[".repeat(5_000)}`]) {
    expect(() => new Draft(source, chat)).toThrow(SyntaxError);
  }
});

test("names that mean something to the language are only names", () => {
  const source = '{"__proto__":{"x":1},"messages":[{"role":"user","content":"hi","__proto__":null,"constructor":1}]}';
  const draft = new Draft(source, chat);
  expect(draft.render()).toBe(source);
  expect(draft.segments).toHaveLength(1);
  expect(draft.field("x")).toBeUndefined();
});
