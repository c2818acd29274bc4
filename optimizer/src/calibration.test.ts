import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createCalibration } from "./calibration";
import { modelFacts } from "./models";

describe("calibration", () => {
  test("begins with what is known of the family", () => {
    const { factor } = createCalibration();
    expect(factor("gpt-4o", "prose")).toBe(modelFacts("gpt-4o", "").tokenizerFactor.prose);
    expect(factor("claude-opus-4-8", "code")).toBe(modelFacts("claude-opus-4-8", "").tokenizerFactor.code);
    expect(factor(null, "lines")).toBe(modelFacts(null, "").tokenizerFactor.log);
  });

  test("comes to what is billed, a twentieth of the way each time", () => {
    const calibration = createCalibration();
    const start = calibration.factor("gpt-4o", "json");
    calibration.learn("gpt-4o", "json", 1_000, 1_500);
    expect(calibration.factor("gpt-4o", "json")).toBeCloseTo(start + 0.05 * (1.5 - start), 12);
    for (let round = 0; round < 200; round++) calibration.learn("gpt-4o", "json", 1_000, 1_500);
    expect(calibration.factor("gpt-4o", "json")).toBeCloseTo(1.5, 3);
  });

  test("learns for one model and one kind of text", () => {
    const calibration = createCalibration();
    const others = () => [calibration.factor("gpt-4o", "prose"), calibration.factor("gpt-4o-mini", "json")];
    const before = others();
    for (let round = 0; round < 50; round++) calibration.learn("gpt-4o", "ndjson", 1_000, 1_800);
    expect(others()).toEqual(before);
    expect(calibration.factor("gpt-4o", "csv")).toBe(calibration.factor("gpt-4o", "json"));
  });

  test("stays within its bounds, whatever is billed", () => {
    const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(0, -1, Number.NaN, Number.POSITIVE_INFINITY));
    fc.assert(
      fc.property(fc.array(fc.tuple(number, number)), (bills) => {
        const calibration = createCalibration();
        for (const [estimated, billed] of bills) calibration.learn("m", "prose", estimated, billed);
        expect(calibration.factor("m", "prose")).toBeGreaterThanOrEqual(0.6);
        expect(calibration.factor("m", "prose")).toBeLessThanOrEqual(1.8);
      }),
    );
  });

  test("goes on after a restart where it was, as JSON", () => {
    const calibration = createCalibration();
    calibration.learn("b", "prose", 100, 150);
    calibration.learn("a", "code", 100, 70);
    const state = JSON.parse(JSON.stringify(calibration.state()));
    expect(Object.keys(state)).toEqual(["a/code", "b/prose"]);
    const again = createCalibration(state);
    expect(again.state()).toEqual(state);
    expect(again.factor("a", "code")).toBe(calibration.factor("a", "code"));
  });

  test("takes no state for true that cannot be", () => {
    const calibration = createCalibration({ "a/code": 99, "b/code": Number.NaN, "c/code": "x" as never });
    expect(calibration.state()).toEqual({ "a/code": 1.8 });
  });

  test("invented names do not fill the memory", () => {
    const calibration = createCalibration();
    for (let index = 0; index < 5_000; index++) calibration.learn(`invented-${index}`, "prose", 1, 1);
    expect(Object.keys(calibration.state())).toHaveLength(2_000);
  });
});
