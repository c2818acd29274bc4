import { describe, expect, test } from "bun:test";
import { capRefusal } from "./cap-refusal";

const state = {
  user: "ada",
  month: "2026-11",
  timezone: "Europe/Berlin",
  limitTokens: 5_000_000,
  usedTokens: 5_000_120,
  reservedTokens: 900,
};

describe("the refusal", () => {
  test("says who, how much, of what and when it resets, in the month of the zone", () => {
    const refusal = capRefusal(state);
    expect(refusal.message).toBe(
      'User "ada" has used 5,000,120 of 5,000,000 tokens in 2026-11. The cap resets at 2026-11-30T23:00:00Z; an administrator can raise it before.',
    );
    expect(refusal.headers).toEqual({
      "x-anyray-cap-limit": "5000000",
      "x-anyray-cap-used": "5000120",
      "x-anyray-cap-resets-at": "2026-11-30T23:00:00Z",
    });
    expect(refusal.spec).toMatchObject({ status: 429, retry: false });
  });

  test("speaks of running calls where it is they that leave no room", () => {
    expect(capRefusal({ ...state, usedTokens: 4_000_000, reservedTokens: 999_999 }).message).toContain(
      "in 2026-11 and 999,999 are set aside for calls still running.",
    );
  });

  test("writes figures of a cap as large as it may be in full", () => {
    const { headers, message } = capRefusal({ ...state, limitTokens: 1e15, usedTokens: 1e15 + 1 });
    expect(headers["x-anyray-cap-limit"]).toBe("1000000000000000");
    expect(headers["x-anyray-cap-used"]).toBe("1000000000000001");
    expect(message).toContain("1,000,000,000,000,001 of 1,000,000,000,000,000 tokens");
  });

  test("puts no name into a header, and quotes it in the message", () => {
    const { headers, message } = capRefusal({ ...state, user: 'a"\\\n💥' });
    expect(message).toContain('User "a\\"\\\\\\n💥" has');
    expect(Object.values(headers).every((value) => /^[\w:.-]+$/.test(value))).toBe(true);
  });
});
