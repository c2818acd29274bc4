import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nanoPerUsd, picoPerToken, picoPerTokenOfUsdPerMillion, usdOfNano, usdText } from "./money";

describe("a price per million tokens", () => {
  test("is a whole number of pico-dollars per token", () => {
    for (const [usd, pico] of [
      [0, 0],
      [1, 1_000_000],
      [0.15, 150_000],
      [2.5, 2_500_000],
      [0.0001, 100],
      [0.075, 75_000],
      [37.5, 37_500_000],
      [0.000_000_4, 0],
      [0.000_000_6, 1],
    ] as const) {
      expect([usd, picoPerToken(usd)]).toEqual([usd, pico]);
    }
  });

  test("loses nothing of any price with up to six decimals", () => {
    fc.assert(
      fc.property(fc.nat({ max: 1_000_000_000 }), (micros) => {
        expect(picoPerToken(Number(`${micros}e-6`))).toBe(micros);
        expect(picoPerToken(micros)).toBe(micros * picoPerTokenOfUsdPerMillion);
      }),
    );
  });
});

describe("nano-dollars as text", () => {
  test("are a plain decimal without exponent and trailing zeros", () => {
    for (const [nano, text] of [
      [0, "0"],
      [-0, "0"],
      [1, "0.000000001"],
      [1_234_000, "0.001234"],
      [nanoPerUsd, "1"],
      [100 * nanoPerUsd, "100"],
      [1_500_000_000, "1.5"],
      [-1_500_000_000, "-1.5"],
      [-1, "-0.000000001"],
      [Number.MAX_SAFE_INTEGER, "9007199.254740991"],
    ] as const) {
      expect(usdText(nano)).toBe(text);
    }
  });

  test("tell exactly the amount, whatever it is", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (nano) => {
        const text = usdText(nano);
        expect(text).toMatch(/^-?(0|[1-9]\d*)(\.\d{0,8}[1-9])?$/);
        const [, sign, whole, fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) as RegExpExecArray;
        expect(BigInt(`${sign}${whole}${fraction.padEnd(9, "0")}`)).toBe(BigInt(nano));
      }),
    );
  });
});

test("nano-dollars as dollars are exact to the nano-dollar below eight million dollars", () => {
  fc.assert(
    fc.property(fc.integer({ min: -8 * 10 ** 15, max: 8 * 10 ** 15 }), (nano) => {
      expect(BigInt(usdOfNano(nano).toFixed(9).replace(".", ""))).toBe(BigInt(nano));
    }),
  );
  expect(usdOfNano(1_234_000)).toBe(0.001234);
});
