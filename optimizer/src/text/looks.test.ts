import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  csvDelimiter,
  isBase64,
  isDiff,
  isLog,
  isSearch,
  isSearchCall,
  isStackTrace,
  sampleLines,
  withoutLineNumbers,
} from "./looks";

describe("a sample", () => {
  test("of a short text is all of its lines", () => {
    const line = fc.string({ unit: fc.constantFrom("a", " ", "汉"), maxLength: 5 });
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 150 }), (lines) => {
        expect(sampleLines(lines.join("\n"))).toEqual(lines);
      }),
    );
  });

  test("of a long text is its head, its middle and its tail, each line once and cut", () => {
    const lines = Array.from({ length: 5_000 }, (_, index) => `${index} ${"x".repeat(500)}`);
    const sample = sampleLines(lines.join("\n"));
    const numbers = sample.map((line) => Number.parseInt(line, 10));
    expect(sample).toHaveLength(400);
    expect(new Set(numbers).size).toBe(400);
    expect([numbers[0], numbers[199], numbers.at(-1)]).toEqual([0, 199, 4_999]);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(Math.max(...sample.map((line) => line.length))).toBe(400);
    expect(sampleLines(lines.join("\n"), true)[0]).toBe(lines[0]!);
  });
});

test("line numbers are taken off where they count on", () => {
  expect(withoutLineNumbers(["  9\ta", " 10\tb", " 11\t"])).toEqual(["a", "b", ""]);
  expect(withoutLineNumbers(["1→a", "2→b", "3→c"])).toEqual(["a", "b", "c"]);
  const data = ["5\tx", "9\ty", "2\tz"];
  expect(withoutLineNumbers(data)).toEqual(data);
  expect(withoutLineNumbers(["1\ta"])).toEqual(["1\ta"]);
});

test("base64: long runs of its letters, not words", () => {
  expect(isBase64("QUJDREVGRw==".repeat(60))).toBe(true);
  expect(isBase64("0123456789abcdef".repeat(60))).toBe(true);
  expect(isBase64("QUJD")).toBe(false);
  expect(isBase64("word\n".repeat(300))).toBe(false);
  expect(isBase64("some words in a row ".repeat(60))).toBe(false);
  expect(isBase64("data:text/plain;charset=utf-8;base64,QUJD")).toBe(true);
});

test("diffs: a header, and lines that are nearly all of a diff", () => {
  expect(isDiff(["@@ -1,2 +1,2 @@ x", " a", "-b", "+c"])).toBe(true);
  expect(isDiff(["-b", "+c"])).toBe(false);
  expect(isDiff(["@@ -1 +1 @@", "prose", "prose", "prose", "prose"])).toBe(false);
});

test("hits: paths and numbers, not diagnostics, not times", () => {
  expect(isSearch(["a.ts:1:x", "b/c:2:y", "d.ts-3-z"], false)).toBe(true);
  expect(isSearch(["a.c:1:2: error: x", "a.c:2:2: warning: y", "a.c:3:1: note: z"], false)).toBe(false);
  expect(isSearch(["10:00:01: x", "10:00:02: y", "10:00:03: z"], false)).toBe(false);
  expect(isSearch(["src/a.ts", "src/b.ts", "src/c.ts"], false)).toBe(false);
  expect(isSearch(["src/a.ts", "src/b.ts", "src/c.ts"], true)).toBe(true);
  expect(isSearchCall("Grep", null)).toBe(true);
  expect(isSearchCall("bash", '{"command":"cat x | grep -n y"}')).toBe(true);
  expect(isSearchCall("bash", '{"command":"make upgrep"}')).toBe(false);
});

test("traces: at least three frames, and a third of the lines", () => {
  const frame = "    at a.b (c.ts:1:1)";
  expect(isStackTrace(["Error: x", frame, frame, frame])).toBe(true);
  expect(isStackTrace(["Error: x", frame, frame])).toBe(false);
  expect(isStackTrace([...Array<string>(20).fill("words of others"), frame, frame, frame])).toBe(false);
});

test("logs: times or levels in front, or few shapes", () => {
  const lines = (make: (index: number) => string) => Array.from({ length: 12 }, (_, index) => make(index));
  expect(isLog(lines((index) => `Nov  3 10:00:0${index % 10} host ${"abcdefghijkl"[index]} message`))).toBe(true);
  expect(isLog(lines((index) => `[ERROR] ${"abcdefghijkl"[index]} ${"x".repeat(index)}`))).toBe(true);
  expect(isLog(lines((index) => `job ${index} is done`))).toBe(true);
  expect(isLog(lines((index) => `${"abcdefghijkl"[index]} ${"x".repeat(index)} words of one's own`))).toBe(false);
  expect(isLog(lines((index) => `job ${index} is done`).slice(0, 7))).toBe(false);
});

test("tables: a header of names, and as many cells in every line", () => {
  expect(csvDelimiter(["a,b", "1,2", '"x, y",3', "4,5"])).toBe(",");
  expect(csvDelimiter(["a;b;c", "1;2;3", "4;5;6", "7;8;9"])).toBe(";");
  expect(csvDelimiter(["a,b", "1,2", "3", "4,5"])).toBeNull();
  expect(csvDelimiter(["1,2", "3,4", "5,6", "7,8"])).toBeNull();
  expect(csvDelimiter(["Well, yes.", "No, never.", "Oh, well.", "So, then."])).toBeNull();
  expect(csvDelimiter(["a,b", "1,2"])).toBeNull();
});
