import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { findByPath, parseJsonPath } from "./json-path";
import { elementsOf, findJson, membersOf, skipSpace, valueEnd } from "./json-spans";

function valuesAt(text: string, path: string): string[] | null {
  return findByPath(text, path)?.map(({ start, end }) => text.slice(start, end)) ?? null;
}

const text = `{ "a": {"b": [1, 2.50, {"c d": "x]\\"}"}, [ ]]}, "__proto__": 1, "big": 12345678901234567890,
  "k": true, "k": null, "e\\u0061": "ea" }`;

describe("a path", () => {
  test.each([
    ["$", [text]],
    ["$.a.b[0]", ["1"]],
    ["$.a.b[1]", ["2.50"]],
    ["a.b[1]", ["2.50"]],
    [".a.b[1]", ["2.50"]],
    ["$['a'][\"b\"][2]['c d']", ['"x]\\"}"']],
    ["$.a.b[-1]", ["[ ]"]],
    ["$.a.b[-2]['c d']", ['"x]\\"}"']],
    ["$.a.b[0:2]", ["1", "2.50"]],
    ["$.a.b[:2]", ["1", "2.50"]],
    ["$.a.b[-2:]", ['{"c d": "x]\\"}"}', "[ ]"]],
    ["$.a.b[0:4:2]", ["1", '{"c d": "x]\\"}"}']],
    ["$.a.b[*]", ["1", "2.50", '{"c d": "x]\\"}"}', "[ ]"]],
    ["$.a.*[0]", ["1"]],
    ["$.big", ["12345678901234567890"]],
    ["$.__proto__", ["1"]],
    ["$.constructor", []],
    ["$.k", ["null"]],
    ["$.ea", ['"ea"']],
    ["$.a.b[99]", []],
    ["$.a.b.name", []],
    ["$.big[0]", []],
  ])("%s leads to the text as it is written", (path, values) => {
    expect(valuesAt(text, path)).toEqual(values);
  });

  test.each([
    "$..a",
    "$.",
    "$[",
    "$[]",
    "$['a",
    "$[1,2]",
    "$[?(@.x)]",
    "$[0:1:0]",
    "$.a b",
    "$x y",
    "$".padEnd(60, "[0]"),
  ])("%s is not understood", (path) => {
    expect(parseJsonPath(path)).toBeNull();
    expect(findByPath(text, path)).toBeNull();
  });

  test("leads into lines of JSON and into JSON within text", () => {
    const lines = '{"n":1}\n\n{"n":2}\r\n {"n":3}\n';
    expect(valuesAt(lines, "$[1].n")).toEqual(["2"]);
    expect(valuesAt(lines, "$[*].n")).toEqual(["1", "2", "3"]);
    expect(valuesAt(lines, "$.n")).toEqual(["1", "2", "3"]);
    expect(valuesAt(lines, "$[-1]")).toEqual(['{"n":3}']);
    expect(valuesAt('The [answer] was {x} then {"status": [200, "}"]} and [1]', "$.status[1]")).toEqual(['"}"']);
    expect(valuesAt("no JSON here {", "$.a")).toBeNull();
    expect(valuesAt("", "$")).toBeNull();
  });

  test("agrees with the parsed value, whatever the text", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4, noUnicodeString: false }), fc.constantFrom(0, 1, 2), (json, indent) => {
        const value: unknown = JSON.parse(json);
        const written = JSON.stringify(value, null, indent);
        expect(valuesAt(written, "$")?.map((one) => JSON.parse(one))).toEqual([value]);
        const children = value && typeof value === "object" ? Object.entries(value) : [];
        for (const [key, child] of children) {
          const step = Array.isArray(value) ? `[${key}]` : `['${key.replace(/[\\']/g, "\\$&")}']`;
          expect(valuesAt(written, `$${step}`)?.map((one) => JSON.parse(one))).toEqual([child]);
        }
        expect(valuesAt(written, "$[*]")?.map((one) => JSON.parse(one))).toEqual(
          value && typeof value === "object" ? Object.values(value) : [],
        );
      }),
      { numRuns: 300 },
    );
  });

  test("hostile text costs linear time", () => {
    const begun = performance.now();
    const deep = "[".repeat(200_000);
    expect(findByPath(deep, "$[0]")).toBeNull();
    expect(findByPath(`${deep}${"]".repeat(200_000)}`, "$[0][0]")?.length ?? 0).toBeLessThanOrEqual(1);
    expect(findByPath('{"'.repeat(100_000), "$.a")).toBeNull();
    expect(findByPath("\\".repeat(300_000), "$.a")).toBeNull();
    expect(findByPath(`"${"\\\\".repeat(300_000)}"`, "$")?.length).toBe(1);
    expect(performance.now() - begun).toBeLessThan(3_000);
  });
});

test("spans end where values end, even in text that is cut", () => {
  expect(valueEnd("12, 3", 0)).toBe(2);
  expect(valueEnd("true]", 0)).toBe(4);
  expect(valueEnd('"a\\"b" ', 0)).toBe(6);
  expect(valueEnd('[1, "]"', 0)).toBe(7);
  expect([...elementsOf("[1, [2,3] ,4 ]", 0)].map(({ start, end }) => [start, end])).toEqual([
    [1, 2],
    [4, 9],
    [11, 12],
  ]);
  expect([...elementsOf("[1, 2", 0)].length).toBe(2);
  expect([...membersOf('{"a":1,"b" : {"c":2}}', 0)].map(({ key }) => key)).toEqual(["a", "b"]);
  expect(skipSpace(" \t\r\n x", 0)).toBe(5);
  expect(findJson(' {"a":1} ')).toEqual({ isList: false, spans: [{ start: 1, end: 8 }] });
});
