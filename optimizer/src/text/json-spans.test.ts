import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { embeddedJson, isJson, isNdjson } from "./json-spans";

const long = (mark: string) => JSON.stringify({ mark, text: 'x { [ " \\ y '.repeat(120), list: [1, { two: [3] }] });

describe("one value", () => {
  test("objects and arrays are JSON, scalars and fragments are not", () => {
    for (const text of ["{}", " [1,2]\n", '{"a":{"b":[]}}']) expect(isJson(text)).toBe(true);
    for (const text of ["", "1", '"x"', "{", "{]", "[1,]", "{} {}", "{a:1}", "null"]) expect(isJson(text)).toBe(false);
  });

  test("whatever JSON writes of objects and arrays is JSON", () => {
    fc.assert(
      fc.property(fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())), (value) => {
        expect(isJson(JSON.stringify(value, null, 1))).toBe(true);
      }),
    );
  });
});

test("values by line: nearly all of at least five", () => {
  const row = '{"a":1}';
  expect(isNdjson(Array<string>(5).fill(row))).toBe(true);
  expect(isNdjson([...Array<string>(19).fill(row), "", "{broken"])).toBe(true);
  expect(isNdjson([...Array<string>(5).fill(row), "{broken"])).toBe(false);
  expect(isNdjson(Array<string>(4).fill(row))).toBe(false);
  expect(isNdjson(Array<string>(9).fill("[INFO] started"))).toBe(false);
});

describe("values inside a text", () => {
  const noise = fc.constantFrom(
    "",
    "a line of words\n",
    "it's [1] or {x}",
    'an "odd quote',
    "{ not json }\n",
    '{"small":1} ',
    "[[[ ",
    "}} ]]\n",
  );

  test("are found whole and in order, whatever stands between on other lines", () => {
    fc.assert(
      fc.property(fc.array(noise, { maxLength: 5 }), fc.array(noise, { maxLength: 5 }), (head, between) => {
        const text = `${head.join("")}\n${long("a")}\n${between.join("")}\n${long("b")}\n`;
        const found = embeddedJson(text).map(({ start, end }) => text.slice(start, end));
        for (const value of found) expect([long("a"), long("b")]).toContain(value);
        // An open bracket may take in what follows it; what is found is still right.
        if (!/\[\[\[|odd/.test(head.join("") + between.join(""))) expect(found).toEqual([long("a"), long("b")]);
      }),
    );
  });

  test("short ones, and code, are none", () => {
    expect(embeddedJson('{"a":1} '.repeat(400))).toEqual([]);
    expect(embeddedJson("function x() { return [a, b].map((c) => { c(); }); }\n".repeat(100))).toEqual([]);
  });

  test("unclosed brackets are not read again and again", () => {
    for (const text of ["[1 ".repeat(1e5), '{"a":'.repeat(5e4), '["'.repeat(1e5), "[".repeat(3e5)]) {
      const startedAt = performance.now();
      expect(embeddedJson(text)).toEqual([]);
      expect(performance.now() - startedAt).toBeLessThan(500);
    }
  });
});
