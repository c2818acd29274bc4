import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createHistogram } from "./histogram";

describe("a histogram's percentiles", () => {
  const values = fc.array(fc.oneof(fc.nat(300), fc.nat(2 ** 31 - 1), fc.maxSafeInteger().map(Math.abs)), {
    minLength: 1,
    maxLength: 300,
  });

  test("are within 0.4 % of those of the sorted values, whatever they are", () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0.001, max: 100, noNaN: true }), (recorded, percent) => {
        const histogram = createHistogram();
        for (const value of recorded) histogram.record(value);
        const sorted = [...recorded].sort((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil((percent / 100) * sorted.length)) - 1]!;
        expect(Math.abs(histogram.percentile(percent) - exact)).toBeLessThanOrEqual(exact * 0.004);
      }),
    );
  });

  test("are exact below 256, and the greatest is exact always", () => {
    const histogram = createHistogram();
    for (let value = 0; value <= 200; value += 1) histogram.record(value);
    histogram.record(123_456_789_123);
    expect(histogram.percentiles()).toMatchObject({ count: 202, p50: 100, max: 123_456_789_123 });
  });

  test("are none without values, and a clock that went backwards counts as 0", () => {
    const histogram = createHistogram();
    expect(histogram.percentiles().p50).toBeNaN();
    histogram.record(-5);
    expect(histogram.percentiles()).toMatchObject({ count: 1, p50: 0, max: 0 });
  });
});
