import { expect, test } from "bun:test";
import fc from "fast-check";
import { decodePlain, encodePlain } from "./plain-data";

const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("\u0000map", "\u0000set", "\u0000", "\ud800", "__proto__"),
);
const { plain } = fc.letrec((tie) => ({
  plain: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    text,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("plain"), { maxLength: 4 }),
    fc.array(fc.tuple(text, tie("plain")), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(text, { maxLength: 4 }).map((values) => new Set(values)),
    fc.dictionary(text, tie("plain"), { maxKeys: 4 }),
  ),
}));

test("plain data comes back as it was: Maps, Sets, lone surrogates, arrays that look like marks", () => {
  fc.assert(
    fc.property(plain, (value) => {
      const back = decodePlain(encodePlain(value));
      expect(back).toEqual(value);
      // In the same order too.
      expect(encodePlain(back)).toEqual(encodePlain(value));
    }),
    { numRuns: 500 },
  );
});

test("what is no plain data is refused", () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  expect(() => encodePlain(cycle)).toThrow(TypeError);
  expect(() => encodePlain(1n)).toThrow(TypeError);
});
