import { expect, test } from "bun:test";
import { hash } from "./hash";

test("gives what it always gave: stored rows depend on it", () => {
  expect(["", "a", "0190a1b2-c3d4-7e5f-8000-000000000001", "ä💥"].map(hash)).toEqual([
    2_872_998_923, 444_641_715, 1_838_842_676, 16_205_400,
  ]);
});

test("spreads ids that differ in little evenly over its leading zeros", () => {
  const total = 20_000;
  const levels = Array.from({ length: total }, (_, i) =>
    Math.clz32(hash(`0190a1b2-c3d4-7e5f-8000-${String(i).padStart(12, "0")}`)),
  );
  for (const level of [1, 2, 3, 4]) {
    const expected = total / 2 ** level;
    const found = levels.filter((of) => of >= level).length;
    expect(Math.abs(found - expected)).toBeLessThan(5 * Math.sqrt(expected));
  }
});
