import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createInputEstimate } from "./input-estimate";

describe("the estimate of a request", () => {
  test("is its bytes over 3.2 while nothing is known", () => {
    const estimate = createInputEstimate();
    expect(estimate.tokens("m", 3_200)).toBe(1_000);
    expect(estimate.tokens(null, 1)).toBe(1);
    expect(estimate.tokens("m", 0)).toBe(0);
  });

  test("comes close to what the provider bills for requests of one kind", () => {
    for (const bytesPerToken of [1.5, 2.7, 4.4, 9]) {
      const estimate = createInputEstimate();
      for (let n = 0; n < 120; n++) {
        const bodyBytes = 1_000 + 137 * n;
        estimate.learn("m", bodyBytes, Math.round(bodyBytes / bytesPerToken));
      }
      const ratio = estimate.tokens("m", 50_000) / (50_000 / bytesPerToken);
      expect(ratio).toBeGreaterThan(0.98);
      expect(ratio).toBeLessThan(1.05);
    }
  });

  test("is not thrown off by one request with a picture in it", () => {
    const estimate = createInputEstimate();
    estimate.learn("m", 1_000_000, 1_000);
    expect(estimate.tokens("m", 32_000)).toBeGreaterThan(9_000);
  });

  test("learns nothing from small requests nor from none billed", () => {
    const estimate = createInputEstimate();
    for (let n = 0; n < 100; n++) {
      estimate.learn("m", 199, 1_000_000);
      estimate.learn("m", 100_000, 0);
    }
    expect(estimate.tokens("m", 3_200)).toBe(1_000);
  });

  test("keeps models apart, 'no model' too", () => {
    const estimate = createInputEstimate();
    for (let n = 0; n < 100; n++) {
      estimate.learn("dear", 3_200, 3_000);
      estimate.learn("__proto__", 3_200, 100);
    }
    expect(estimate.tokens("dear", 3_200)).toBeGreaterThan(2_900);
    expect(estimate.tokens("__proto__", 3_200)).toBeLessThan(120);
    expect(estimate.tokens(null, 3_200)).toBe(1_000);
  });

  test("is a whole number from 0 to two million, whatever it was told", () => {
    const lesson = fc.tuple(fc.constantFrom("a", "b", null), fc.nat(1_073_741_824), fc.nat(10_000_000));
    fc.assert(
      fc.property(fc.array(lesson, { size: "max", maxLength: 60 }), fc.nat(1_073_741_824), (lessons, bodyBytes) => {
        const estimate = createInputEstimate();
        for (const [model, bytes, tokens] of lessons) estimate.learn(model, bytes, tokens);
        const tokens = estimate.tokens("a", bodyBytes);
        expect(Number.isInteger(tokens) && tokens >= 0 && tokens <= 2_000_000).toBe(true);
        if (bodyBytes > 0) expect(tokens).toBeGreaterThan(0);
      }),
    );
  });

  test("remembers a thousand models of a million", () => {
    const estimate = createInputEstimate();
    for (let n = 0; n < 1_000_000; n++) estimate.learn(`model-${n}`, 3_200, 4_000);
    const remembered = Array.from({ length: 5_000 }, (_, n) => estimate.tokens(`model-${999_999 - n}`, 3_200));
    expect(remembered.filter((tokens) => tokens !== 1_000)).toHaveLength(1_000);
  });
});
