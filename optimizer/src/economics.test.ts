import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { bestRewrite, type CacheView, savedByEdit } from "./economics";

const warm = (callsLeft: number, read = 0.1, write = 1.25): CacheView => ({ read, write, isWarm: true, callsLeft });

describe("an edit of cached text pays from a share of what stands behind it on", () => {
  // The share is (write - read) / (write + (calls - 1) * read).
  const published: [callsLeft: number, read: number, write: number, share: number][] = [
    [1, 0.1, 1.25, 0.92],
    [5, 0.1, 1.25, 0.697],
    [10, 0.1, 1.25, 0.535],
    [20, 0.1, 1.25, 0.365],
    [10, 0.1, 1, 0.474],
    [10, 0.5, 1, 0.0909],
  ];
  test.each(published)("%d calls left, read %d, write %d: %d", (callsLeft, read, write, share) => {
    const cache = warm(callsLeft, read, write);
    expect(savedByEdit((share + 0.005) * 10_000, 10_000, cache)).toBeGreaterThan(0);
    expect(savedByEdit((share - 0.005) * 10_000, 10_000, cache)).toBeLessThan(0);
  });

  test("without a warm cache every edit pays", () => {
    expect(savedByEdit(1, 1e6, { ...warm(1), isWarm: false })).toBeGreaterThan(0);
  });
});

test("the best place to rewrite from is as good as any that could be chosen", () => {
  const unit = fc.record({ tokens: fc.integer({ min: 0, max: 1_000 }), share: fc.constantFrom(0, 0, 0.5, 0.9, 0.99) });
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 12 }), fc.integer({ min: 1, max: 20 }), (drawn, callsLeft) => {
      const units = drawn.map(({ tokens, share }, at) => ({ at, tokens, removed: Math.floor(tokens * share) }));
      const cache = warm(callsLeft);
      const savedFrom = (from: number) => {
        const behind = units.filter(({ at }) => at >= from);
        const sum = (of: (each: (typeof units)[number]) => number) => behind.reduce((all, each) => all + of(each), 0);
        return savedByEdit(
          sum(({ removed }) => removed),
          sum(({ tokens }) => tokens),
          cache,
        );
      };
      const places = units.filter(({ removed }) => removed > 0).map(({ at }) => at);
      const bestPossible = Math.max(0, ...places.map(savedFrom));
      const from = bestRewrite(units, cache);
      expect(Number.isFinite(from) ? savedFrom(from) : 0).toBeCloseTo(bestPossible, 6);
    }),
  );
});
