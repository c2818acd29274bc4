import { expect, test } from "bun:test";
import fc from "fast-check";
import { grouped, lineStarts, linesOf } from "./lines";

test("lines stand where their starts say", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", "bc", "\n", "\r\n", "")), (parts) => {
      const text = parts.join("");
      const starts = lineStarts(text);
      expect(linesOf(text).join("\n")).toBe(text);
      expect(starts.map((start, at) => text.slice(start, (starts[at + 1] ?? text.length + 1) - 1))).toEqual(
        linesOf(text),
      );
    }),
  );
});

test("numbers are grouped in threes", () => {
  expect([0, 999, 1_000, 12_345, 1_234_567, -1_000].map(grouped)).toEqual([
    "0",
    "999",
    "1,000",
    "12,345",
    "1,234,567",
    "-1,000",
  ]);
});
