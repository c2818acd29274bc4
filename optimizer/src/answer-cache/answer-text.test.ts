import { expect, test } from "bun:test";
import fc from "fast-check";
import { answerText } from "./answer-text";

const chat = (message: object, finish_reason = "stop") => ({ choices: [{ finish_reason, message }] });
const message = (content: unknown, stop_reason = "end_turn") => ({ type: "message", stop_reason, content });
const response = (output: unknown, status = "completed") => ({ object: "response", status, output });
const said = (text: string) => ({ type: "message", content: [{ type: "output_text", text }] });

test("the text of a whole answer, white space evened out", () => {
  expect(answerText(JSON.stringify(chat({ content: " a\n b " })))).toBe("a b");
  expect(answerText(JSON.stringify(chat({ content: "cafe\u0301", tool_calls: [] })))).toBe("caf\u00e9");
  const blocks = [
    { type: "text", text: "a " },
    { type: "text", text: "b" },
  ];
  expect(answerText(JSON.stringify(message(blocks)))).toBe("a b");
  expect(answerText(JSON.stringify(response([{ type: "reasoning" }, said("a"), said("b")])))).toBe("a b");
});

test.each([
  ["cut off", chat({ content: "a" }, "length")],
  ["a call", chat({ content: "a", tool_calls: [{}] })],
  ["a refusal", chat({ content: "a", refusal: "no" })],
  ["two choices", { choices: [chat({ content: "a" }).choices[0], chat({ content: "b" }).choices[0]] }],
  ["nothing", chat({ content: " " })],
  ["cut off", message([{ type: "text", text: "a" }], "max_tokens")],
  ["a call", message([{ type: "tool_use" }])],
  ["unfinished", response([said("a")], "incomplete")],
  ["a call", response([said("a"), { type: "function_call" }])],
  ["an error", { error: { message: "a" } }],
])("none for %s", (_what, answer) => expect(answerText(JSON.stringify(answer))).toBeNull());

test("anything else is no answer, and no fault", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => expect(answerText(JSON.stringify(value))).toBeNull()));
  fc.assert(fc.property(fc.string(), (text) => expect(answerText(`${text}{`)).toBeNull()));
});
