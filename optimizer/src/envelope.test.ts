import { describe, expect, test } from "bun:test";
import { AnyrayError } from "@anyray/shared/errors";
import fc from "fast-check";
import { isDeep, readMembers } from "./envelope";

const space = fc.string({ unit: fc.constantFrom(" ", "\n", "\t", "\r"), maxLength: 3 });
/** JSON text of any value, with space wherever it may stand. */
const json = fc
  .json({ stringUnit: "binary", maxDepth: 4 })
  .chain((text) => fc.tuple(space, space).map(([before, after]) => ({ text, before, after })));
const name = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("request", "__proto__", "", '"', "\\", "{", "]"));

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof AnyrayError) return error.code;
    throw error;
  }
  return "none";
}

describe("members", () => {
  test("of any object are the texts of its values, byte for byte", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, json), { selector: ([key]) => key, maxLength: 6 }),
        space,
        (given, pad) => {
          const inside = given.map(([key, { text, before, after }]) => {
            return `${before}${JSON.stringify(key)}${after}:${before}${text}${after}`;
          });
          const members = readMembers(`${pad}{${inside.join(",")}${pad}}${pad}`, ["request"]);
          expect([...members]).toEqual(given.map(([key, { text }]) => [key, text.trim()]));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("are refused exactly where a parser refuses the text, is no object, or has a name twice", () => {
    const piece = fc.constantFrom(
      ...[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        '"a"',
        '"b"',
        '"',
        "1",
        "-",
        "true",
        "nul",
        "null",
        " ",
        "\\",
        "\ufeff",
        "\u2028",
      ],
      ...['{"a":1}', '"a":', "1e5", '"\\u0061"', '"\\ud800"'],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = `{${pieces.join("")}`;
        let value: unknown;
        let isJson = true;
        try {
          value = JSON.parse(text);
        } catch {
          isJson = false;
        }
        const code = codeOf(() => {
          const members = readMembers(text, []);
          expect(Object.fromEntries([...members].map(([key, each]) => [key, JSON.parse(each)]))).toEqual(
            value as Record<string, unknown>,
          );
        });
        if (!isJson) expect(code).toBe("invalid_json");
        // Twice the same name is the one thing that a parser lets through.
        else if (code !== "none") expect(text).toMatch(/"(a|b|\\u0061)"[\s\S]*"(a|b|\\u0061)"/);
      }),
      { numRuns: 2_000 },
    );
  });

  test("that are opaque are bounded, not read", () => {
    expect(readMembers('{"request":{"a":nonsense},"x":1}', ["request"]).get("request")).toBe('{"a":nonsense}');
    expect(codeOf(() => readMembers('{"request":{"a":nonsense},"x":1}', []))).toBe("invalid_json");
  });

  test("of a large text are found in time that grows with its length", () => {
    const hostile = [
      `{"request":"${"\\\\".repeat(2_000_000)}"}`,
      `{"request":"${'\\"'.repeat(2_000_000)}"}`,
      `{"request":[${'"",'.repeat(1_000_000)}""]}`,
      `{"request":${"[]".repeat(1_000_000)}}`,
      `{${'"a" :1,'.repeat(200_000)}`,
      `{"request":${" ".repeat(4_000_000)}1}`,
      `{"request":${'{"a":'.repeat(800_000)}`,
    ];
    for (const text of hostile) {
      const startedAt = performance.now();
      codeOf(() => readMembers(text, ["request"]));
      expect([text.slice(0, 20), performance.now() - startedAt < 1_000]).toEqual([text.slice(0, 20), true]);
    }
  });
});

test("deep is what is nested more than 256 levels, brackets in texts not counted", () => {
  expect(isDeep("[".repeat(256) + "]".repeat(256))).toBe(false);
  expect(isDeep("[".repeat(257) + "]".repeat(257))).toBe(true);
  expect(isDeep(`["${"[".repeat(500)}","\\"${"{".repeat(500)}"]`)).toBe(false);
  expect(isDeep("[{".repeat(129))).toBe(true);
  expect(isDeep("[],".repeat(1_000))).toBe(false);
});
