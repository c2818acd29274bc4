import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { figure, spreadFigure } from "./figures";
import { medianOf, spreadOf } from "./row";

describe("medians", () => {
  test("have as many samples below as above", () => {
    expect(medianOf([5])).toBe(5);
    expect(medianOf([9, 1, 5])).toBe(5);
    expect(medianOf([4, 1, 3, 2])).toBe(2.5);
    expect(medianOf([])).toBeNaN();
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (samples) => {
        const median = medianOf(samples);
        const half = samples.length / 2;
        expect(samples.filter((sample) => sample < median).length).toBeLessThanOrEqual(half);
        expect(samples.filter((sample) => sample > median).length).toBeLessThanOrEqual(half);
      }),
    );
  });

  test("come with the least and the greatest", () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spreadOf([])).toBeNull();
    expect(spreadFigure({ median: 100, min: 90, max: 110 }, "µs")).toBe("100 ±10%");
    expect(spreadFigure({ median: 1, min: -50, max: 50 }, "µs")).toBe("1 ±50");
    expect(figure(35_120, "1/s")).toBe("35.1k");
    expect(figure(35_120, "µs")).toBe("35,120");
  });
});
