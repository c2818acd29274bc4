import { expect, test } from "bun:test";
import fc from "fast-check";
import { createBudget } from "../../budget";
import { applyHunks, diffLines, writeHunks } from "./delta";

const budget = createBudget(60_000);
const line = fc.constantFrom("a", "b", "c", "", "-d", "+e", "@@ -1,1 +1,1 @@", "f\r");

function deltaOf(before: readonly string[], after: readonly string[]) {
  const numbers = new Map<string, number>();
  const numberOf = (text: string) => {
    if (!numbers.has(text)) numbers.set(text, numbers.size);
    return numbers.get(text) as number;
  };
  return diffLines(Int32Array.from(before, numberOf), Int32Array.from(after, numberOf), budget);
}

test("a delta applied to the first text gives the second", () => {
  fc.assert(
    fc.property(fc.array(line), fc.array(line), (before, after) => {
      const hunks = deltaOf(before, after);
      expect(hunks).not.toBeNull();
      expect(applyHunks(before, writeHunks(hunks ?? [], before, after))).toEqual(after);
    }),
    { numRuns: 500 },
  );
});

test("a single change is a single hunk, and equal texts have none", () => {
  const before = ["a", "b", "c", "d", "e"];
  expect(deltaOf(before, before)).toEqual([]);
  expect(deltaOf(before, ["a", "b", "x", "d", "e"])).toEqual([{ from: 2, removed: 1, to: 2, added: 1 }]);
});

test("texts that differ in too much have no delta, and tell so soon", () => {
  const numbers = (from: number) => Int32Array.from({ length: 20_000 }, (_, at) => from + at);
  const started = performance.now();
  expect(diffLines(numbers(0), numbers(50_000), budget)).toBeNull();
  expect(performance.now() - started).toBeLessThan(500);
});

test("hunks of another text are refused", () => {
  expect(() => applyHunks(["x"], "@@ -1,1 +1,1 @@\n-a\n+b")).toThrow(SyntaxError);
  expect(() => applyHunks(["x"], "no hunk")).toThrow(SyntaxError);
});
