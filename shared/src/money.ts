// Owns money: integer nano-dollars (1 USD = 1e9), never a float on its way to the store.

export const nanoPerUsd = 1_000_000_000;

/**
 * Prices are whole pico-dollars per token: 1 USD per million tokens is 1e6 of them, so the cheapest published
 * rate (USD 0.0001 per million) is still a whole number.
 */
export const picoPerTokenOfUsdPerMillion = 1_000_000;

/** USD per million tokens → pico-dollars per token, rounded to the nearest whole one. */
export function picoPerToken(usdPerMillionTokens: number): number {
  return Math.round(usdPerMillionTokens * picoPerTokenOfUsdPerMillion);
}

/** Nano-dollars → US dollars, for people and JSON: exact to the nano-dollar below eight million dollars. */
export function usdOfNano(nanoUsd: number): number {
  return nanoUsd / nanoPerUsd;
}

/** Nano-dollars as a plain decimal ("0.001234"), without exponent and without trailing zeros. */
export function usdText(nanoUsd: number): string {
  const sign = nanoUsd < 0 ? "-" : "";
  const abs = Math.abs(nanoUsd);
  const whole = Math.floor(abs / nanoPerUsd);
  const fraction = String(abs % nanoPerUsd)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${sign}${whole}${fraction ? `.${fraction}` : ""}`;
}
