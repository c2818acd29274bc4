import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { likeness, scanWords, termOf, termsOf } from "./terms";

const wordsOf = (text: string) => {
  const words: [string, boolean][] = [];
  scanWords(text, (word, isWhole) => words.push([word, isWhole]));
  return words;
};

describe("words", () => {
  test.each([
    ["getUserById", ["get", "User", "By", "Id"], ["getUserById"]],
    ["HTTPServerError", ["HTTP", "Server", "Error"], ["HTTPServerError"]],
    ["max_retry_count", ["max", "retry", "count"], ["max_retry_count"]],
    ["_private", ["private"], []],
    ["src/http/baseClient.ts", ["src", "http", "base", "Client", "ts"], ["baseClient", "src/http/baseClient.ts"]],
    ["wait-for-it", ["wait", "for", "it"], ["wait-for-it"]],
    ["v2Api", ["v2", "Api"], ["v2Api"]],
    ["sha256 3F2A9C", ["sha256", "3F2A9C"], []],
    ["2026-11-03", ["2026", "11", "03"], []],
    ["end. Next", ["end", "Next"], []],
    ["größe", ["größe"], []],
    ["数据库错误", ["数据", "据库", "库错", "错误"], []],
    ["…—“x y”", ["x", "y"], []],
  ])("%s", (text, parts, wholes) => {
    const words = wordsOf(text);
    expect(words.filter(([, isWhole]) => !isWhole).map(([word]) => word)).toEqual(parts);
    expect(words.filter(([, isWhole]) => isWhole).map(([word]) => word)).toEqual(wholes);
  });

  test("data of many characters is no word", () => {
    expect(wordsOf("x".repeat(200_000))).toEqual([]);
    expect(wordsOf(`${"ab_".repeat(100)}c`).every(([word]) => word.length <= 64)).toBe(true);
  });
});

describe("terms", () => {
  test("stop words and single letters are none, natural words are stemmed, wholes are not", () => {
    expect(termsOf("Why does the connection to baseClient fail?")).toEqual([
      "connect",
      "base",
      "client",
      "baseclient",
      "fail",
    ]);
    expect(termOf("retryPolicies", true)).toBe("retrypolicies");
    expect(termOf("policies", false)).toBe(termOf("policy", false));
    expect(termOf("x", false)).toBeNull();
    expect(termOf("constructor", false)).toBe("constructor");
  });

  test("are the same in every case of letters but for the parts", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."abcdefgh  ") }), (text) => {
        expect(termsOf(text.toUpperCase())).toEqual(termsOf(text));
      }),
    );
  });

  test("are lower case however Turkish the letters are", () => {
    expect(termsOf("TITLE")).toEqual(["titl"]);
  });

  test("every text has its terms: each stands in it, small letters aside", () => {
    const text = fc.array(fc.integer({ min: 0, max: 0xffff })).map((codes) => String.fromCharCode(...codes));
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: "binary" })), (text) => {
        for (const [word] of wordsOf(text)) expect(text).toContain(word);
      }),
    );
  });

  test("a text and a separator and a text have the terms of both", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (head, tail) => {
        expect(termsOf(`${head} | ${tail}`)).toEqual([...termsOf(head), ...termsOf(tail)]);
      }),
    );
  });

  test("hostile text takes linear time", () => {
    for (const text of [
      "aB".repeat(1e5),
      "a-".repeat(1e5),
      "a_".repeat(1e5),
      "\udc00".repeat(2e5),
      "汉".repeat(2e5),
      "A".repeat(2e5),
    ]) {
      const startedAt = performance.now();
      termsOf(text);
      expect(performance.now() - startedAt).toBeLessThan(500);
    }
  });
});

test("likeness: equal, one the beginning of the other, or nothing", () => {
  expect(likeness("config", "configur")).toBe(0.7);
  expect(likeness("repositori", "repo")).toBe(0.7);
  expect(likeness("env", "environ")).toBe(0.7);
  expect(likeness("por", "port")).toBe(0);
  expect(likeness("port", "port")).toBe(1);
  expect(likeness("2026", "20261103")).toBe(0);
  expect(likeness("rate", "ratio")).toBe(0);
  fc.assert(fc.property(fc.string(), fc.string(), (a, b) => likeness(a, b) === likeness(b, a)));
});
