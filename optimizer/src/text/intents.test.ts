import { expect, test } from "bun:test";
import { type Intent, intentLexicon, intentsOf } from "./intents";

const samples: [string, Intent[]][] = [
  ["why did the deploy fail", ["FAILURE"]],
  ["any 5xx?", ["FAILURE"]],
  ["requests with status 503", ["FAILURE"]],
  ["what is the root cause", ["FAILURE"]],
  ["which calls were slow", ["SLOW", "ENUM"]],
  ["show the latency spikes", ["SLOW"]],
  ["what is p99", ["SLOW"]],
  ["the largest order", ["EXTREME"]],
  ["how many orders are open", ["ENUM"]],
  ["what happened at 10:42", ["TIME"]],
  ["what happened on Nov 3", ["TIME"]],
  ["logs of 2026-11-03", ["TIME"]],
  ["what is different before and after", ["CHANGE"]],
  ["where is parse_config defined", ["DEFINE"]],
  ["refactor the parser", ["EDIT"]],
  ["implement retries", ["EDIT"]],
  ["tell me about foxes", []],
  ["the prefix of a postwritten overlist", []],
];

test.each(samples)("%s", (text, expected) => {
  expect([...intentsOf(text)].sort()).toEqual([...expected].sort());
  expect(intentsOf(text.toUpperCase())).toEqual(intentsOf(text));
});

test("every intent has a sample", () => {
  const seen = new Set(samples.flatMap(([, intents]) => intents));
  for (const [intent] of intentLexicon) expect(seen.has(intent)).toBe(true);
});

test("another lexicon is used where one is given", () => {
  expect([...intentsOf("pourquoi", [["FAILURE", /pourquoi/]])]).toEqual(["FAILURE"]);
});

test("hostile text takes linear time", () => {
  for (const text of ["1".repeat(2e5), "doesn'".repeat(3e4), "not ".repeat(5e4), "december ".repeat(2e4)]) {
    const startedAt = performance.now();
    intentsOf(text);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  }
});
