import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { factsOfQuestion } from "./question-facts";

const same = (a: string, b: string) => {
  const facts = factsOfQuestion(a);
  return facts !== null && facts === factsOfQuestion(b);
};

test.each([
  ["What is the capital of France?", "What's the capital of France"],
  ["Explain gradient descent please", "Please explain gradient descent."],
  ["How do I sort a list in Python 3.12?", "In Python 3.12, how do I sort lists?"],
  ["Is it not allowed?", "Isn't it allowed?"],
])("%j and %j have the same facts", (a, b) => expect(same(a, b)).toBe(true));

describe("one of these differs", () => {
  test.each([
    ["number", "Convert 12 miles to km", "Convert 21 miles to km"],
    ["sign", "What is 3 - 2?", "What is 3 + 2?"],
    ["sign of a number", "Is -5 a root?", "Is 5 a root?"],
    ["number word", "Name three rivers", "Name four rivers"],
    ["name", "What is the capital of France?", "What is the capital of Italy?"],
    ["name at the beginning", "Berlin weather in spring", "London weather in spring"],
    ["negation", "Which birds can fly?", "Which birds cannot fly?"],
    ["negation in short", "Why does it work?", "Why doesn't it work?"],
    ["id", "What does ERR_42 mean?", "What does ERR_43 mean?"],
    ["path", "Explain src/app.ts", "Explain src/apps.ts"],
    ["version", "Changes in v1.2.3", "Changes in v1.2.4"],
    ["date", "Who ruled on 1914-07-28?", "Who ruled on 1914-07-29?"],
    ["month", "Weather in may", "Weather in june"],
    ["direction", "Is it above zero?", "Is it below zero?"],
    ["opposite", "How do I enable it?", "How do I disable it?"],
    ["question word", "When was it built?", "Where was it built?"],
    ["quoted words", 'Translate "good day"', 'Translate "good night"'],
    ["code", "What does `map` do?", "What does `filter` do?"],
  ])("%s", (_what, a, b) => {
    expect(factsOfQuestion(a)).not.toBeNull();
    expect(same(a, b)).toBe(false);
  });
});

test("where names cannot be told, nothing is", () => {
  for (const text of ["東京の天気は?", "погода в Москве", "ما هو الطقس", "x".repeat(8_001)]) {
    expect(factsOfQuestion(text)).toBeNull();
  }
});

test("any number, in any text, is one of its facts", () => {
  const word = fc.constantFrom("convert", "to", "miles", "how", "many", "is", "the", "of");
  const words = fc.array(word, { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(words, words, fc.nat(), fc.nat(), (before, after, a, b) => {
      const text = (n: number) => [...before, String(n), ...after].join(" ");
      expect(same(text(a), text(b))).toBe(a === b);
    }),
  );
});

test("hostile texts are read in no time", () => {
  for (const text of [
    "'".repeat(8_000),
    "\ud800".repeat(8_000),
    '"`'.repeat(4_000),
    "a-".repeat(4_000),
    "‘".repeat(8_000),
  ]) {
    const startedAt = performance.now();
    factsOfQuestion(text);
    expect(performance.now() - startedAt).toBeLessThan(500);
  }
});
