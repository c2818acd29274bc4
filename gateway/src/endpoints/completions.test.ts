import { expect, test } from "bun:test";
import { cassetteNamed } from "@anyray/shared/testing/cassettes";
import { completions } from "./completions";

test("a request is bounded by max_tokens times what it makes, and never edited", () => {
  expect(completions.readRequest({ model: "m", stream: true, max_tokens: 16, n: 2, best_of: 5 })).toEqual({
    model: "m",
    isStream: true,
    maxOutputTokens: 80,
    mustAskForUsage: false,
  });
  expect(completions.readRequest({ max_completion_tokens: 5 }).maxOutputTokens).toBeNull();
});

test("an answer states usage as chat's does", () => {
  const { response, usage } = cassetteNamed("completions-json");
  expect(completions.readAnswer(JSON.parse(Buffer.from(response.body).toString()), null).usage).toEqual(usage);
});

test("a stream's text counts", () => {
  expect(completions.stream.countText({ choices: [{ text: "12345678", finish_reason: null }] })).toBe(2);
});
