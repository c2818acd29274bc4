import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { OutputForecast } from "./output-forecast";

/** Repeatable: 0..1. */
function randomOf(seed: number) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

describe("the forecast of an answer", () => {
  test("starts longer than nearly every answer", () => {
    expect(new OutputForecast().outputTokens("m")).toBe(4_096);
    expect(new OutputForecast().outputTokens(null)).toBe(4_096);
  });

  test.each([
    ["all alike", () => 300],
    ["evenly spread", (random: () => number) => Math.floor(random() * 2_000)],
    ["mostly short", (random: () => number) => Math.floor(-Math.log(random()) * 400)],
    ["like a bell", (random: () => number) => Math.floor((random() + random() + random() + random()) * 500)],
  ])("lies above 95 of 100 that are %s, and not absurdly far", (_, draw) => {
    const random = randomOf(7);
    const forecast = new OutputForecast();
    let above = 0;
    let estimated = 0;
    let answered = 0;
    for (let n = 0; n < 5_000; n++) {
      const tokens = draw(random);
      if (n >= 100) {
        const estimate = forecast.outputTokens("m");
        if (estimate >= tokens) above += 1;
        estimated += estimate;
        answered += tokens;
      }
      forecast.learn("m", tokens);
    }
    expect(above / 4_900).toBeGreaterThan(0.92);
    expect(estimated / answered).toBeLessThan(5);
  });

  test("is a whole number of tokens, never below zero, whatever it was told", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000_000), { size: "max", maxLength: 50 }), (answers) => {
        const forecast = new OutputForecast();
        for (const tokens of answers) forecast.learn("m", tokens);
        const estimate = forecast.outputTokens("m");
        expect(Number.isSafeInteger(estimate)).toBe(true);
        expect(estimate).toBeGreaterThanOrEqual(0);
        expect(estimate).toBeLessThanOrEqual(Math.max(4_096, 4 * 10_000_000));
      }),
    );
  });

  test("follows a change within some tens of answers", () => {
    const forecast = new OutputForecast();
    for (let n = 0; n < 200; n++) forecast.learn("m", 100);
    expect(forecast.outputTokens("m")).toBeLessThan(200);
    for (let n = 0; n < 60; n++) forecast.learn("m", 5_000);
    expect(forecast.outputTokens("m")).toBeGreaterThan(4_900);
  });

  test("keeps models apart, 'no model' too, and remembers 32 of a million", () => {
    const forecast = new OutputForecast();
    forecast.learn("long", 9_000);
    forecast.learn(null, 10);
    forecast.learn("__proto__", 20);
    expect(forecast.outputTokens("long")).toBeGreaterThan(9_000);
    expect(forecast.outputTokens(null)).toBe(25);
    expect(forecast.outputTokens("__proto__")).toBe(50);
    for (let n = 0; n < 1_000_000; n++) forecast.learn(`model-${n}`, 7);
    const remembered = Array.from({ length: 1_000 }, (_, n) => forecast.outputTokens(`model-${999_999 - n}`));
    expect(remembered.filter((tokens) => tokens !== 4_096)).toHaveLength(32);
    expect(forecast.outputTokens("long")).toBe(4_096);
  });
});
