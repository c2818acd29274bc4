import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodeRecord, encodeRecord } from "./record";

const scope = { tenant: "t", user: "u", session: "s" };
const write = { handle: "ctx_abcdefghijklmnop", kind: "k", class: "json" as const, toolName: null, index: null };

test("a record comes back as it was, every UTF-16 unit of it", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom("\ud800", "\udfff", "\u0000", "\ufeff", "a", "\ud83d\ude00"), maxLength: 30 }),
  );
  fc.assert(
    fc.property(text, fc.option(text), text, (content, toolName, user) => {
      const index = { starts: [0, content.length], unit: "row" as const, symbols: { __proto__x: 1 } };
      const back = decodeRecord(encodeRecord({ ...scope, user }, { ...write, content, toolName, index }));
      expect(back).toEqual({ kind: "k", class: "json", scope: { ...scope, user }, content, toolName, index });
    }),
    { numRuns: 300 },
  );
});

test.each([
  [{ starts: [0, 9], unit: "row" as const }, "ascend"],
  [{ starts: [3, 1], unit: "row" as const }, "ascend"],
  [{ starts: [0.5], unit: "row" as const }, "ascend"],
  [{ starts: [-1], unit: "row" as const }, "ascend"],
  [{ starts: [0], unit: "symbol" as const, symbols: { a: 1 } }, "symbol"],
])("an index that does not fit is refused: %j", (index, fault) => {
  expect(() => encodeRecord(scope, { ...write, content: "12345", index })).toThrow(fault);
});
