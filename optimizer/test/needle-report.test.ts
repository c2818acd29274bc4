import { describe, expect, test } from "bun:test";
import { clopperPearson, createDice, reportOf } from "./needle-report";

describe("the uncertainty of a count", () => {
  // Exact values from the beta distribution's quantiles.
  test.each([
    [0, 10, 0, 0.3085],
    [10, 10, 0.6915, 1],
    [5, 10, 0.1871, 0.8129],
    [99, 100, 0.9455, 0.9997],
    [3000, 3000, 0.99877, 1],
  ])("%d of %d", (hits, tries, low, high) => {
    const found = clopperPearson(hits, tries);
    expect(found.low).toBeCloseTo(low, 3);
    expect(found.high).toBeCloseTo(high, 3);
  });
});

test("a report counts each class and all, and names lost seeds", () => {
  const planted = [1, 2, 3, 4].map((seed) => ({
    class: seed % 2 ? "b" : "a",
    seed,
    survived: seed !== 3,
    before: 100,
    after: 10,
  }));
  const [a, b, all] = reportOf(planted);
  expect([a?.survived, b?.survived, all?.survived, all?.tries]).toEqual([2, 1, 3, 4]);
  expect(b?.lostSeeds).toEqual([3]);
  expect(all?.size).toBe(0.1);
});

test("dice fall the same way for the same seed", () => {
  const rolls = (seed: number) => Array.from({ length: 5 }, createDice(seed).next);
  expect(rolls(7)).toEqual(rolls(7));
  expect(rolls(7)).not.toEqual(rolls(8));
});
