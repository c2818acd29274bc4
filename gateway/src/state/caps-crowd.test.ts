// The bound that caps.ts states, with a crowd at the edge of one user's cap.

import { describe, expect, test } from "bun:test";
import { createManualClock } from "@anyray/shared/testing/clock";
import fc from "fast-check";
import type { Hold } from "../call";
import { Caps } from "./caps";

const month = "2026-11";
const callers = 200;

interface Caller {
  inputTokens: number;
  maxOutputTokens: number | null;
  /** 0..1 of its bound, or an answer's length where there is none. */
  share: number;
  answerTokens: number;
  /** 0..1; the order in which calls end. */
  ends: number;
}

interface Admitted {
  hold: Hold;
  caller: Caller;
  usedBefore: number;
  reservedBefore: number;
}

/** All callers come at once; each ends some time, and those that wait come in then. */
async function rush(limit: number, crowd: readonly Caller[]) {
  const clock = createManualClock();
  const caps = new Caps({ timezone: "UTC", now: clock.now, waitMsMax: 2_000, after: clock.after });
  caps.adopt([{ user: "ada", monthlyTokens: limit }], month, () => ({ usedTokens: 0, rejectedRequests: 0 }));
  const admitted: Admitted[] = [];
  const running: Admitted[] = [];
  let refused = 0;
  let overEstimate = 0;
  const begin = (hold: Hold, caller: Caller) => {
    const { usedTokens, reservedTokens } = caps.live(month).get("ada")!;
    const each = { hold, caller, usedBefore: usedTokens, reservedBefore: reservedTokens - hold.tokens };
    admitted.push(each);
    running.push(each);
  };
  for (const caller of crowd) {
    const request = { user: "ada", month, model: "m", signal: new AbortController().signal };
    try {
      const reserved = caps.reserve({ ...request, ...caller });
      if (reserved instanceof Promise) {
        reserved.then((hold) => begin(hold, caller)).catch(() => (refused += 1));
      } else begin(reserved!, caller);
    } catch {
      refused += 1;
    }
  }
  while (running.length > 0) {
    running.sort((a, b) => a.caller.ends - b.caller.ends);
    const { hold, caller } = running.shift()!;
    const { inputTokens, maxOutputTokens, share, answerTokens } = caller;
    const outputTokens = maxOutputTokens === null ? answerTokens : Math.floor(share * maxOutputTokens);
    overEstimate += Math.max(0, inputTokens + outputTokens - hold.tokens);
    caps.settle(hold, { user: "ada", month, model: "m", inputTokens, outputTokens, isStated: true });
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { usedTokens, reservedTokens } = caps.live(month).get("ada")!;
  return { usedTokens, reservedTokens, refused, admitted, overEstimate, timers: clock.pending() };
}

const caller = (maxOutputTokens: fc.Arbitrary<number | null>) =>
  fc.record({
    inputTokens: fc.integer({ min: 1, max: 500 }),
    maxOutputTokens,
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    answerTokens: fc.nat(8_000),
    ends: fc.double({ min: 0, max: 1, noNaN: true }),
  });
const crowdOf = (bound: fc.Arbitrary<number | null>) =>
  fc.array(caller(bound), { minLength: callers, maxLength: callers, size: "max" });
const limit = fc.integer({ min: 1, max: 100_000 });

describe(`${callers} calls of one user at once`, () => {
  test("with a bound of their own end over the cap by less than the one call let in alone", async () => {
    await fc.assert(
      fc.asyncProperty(limit, crowdOf(fc.nat(4_000)), async (cap, crowd) => {
        const { usedTokens, reservedTokens, refused, admitted, timers } = await rush(cap, crowd);
        expect(refused + admitted.length).toBe(callers);
        expect([reservedTokens, timers]).toEqual([0, 0]);
        const overEdge = admitted.filter(({ hold, usedBefore, reservedBefore }) => {
          const isOver = usedBefore + reservedBefore + hold.tokens > cap;
          if (isOver) expect([reservedBefore, usedBefore < cap]).toEqual([0, true]);
          return isOver;
        });
        const largest = Math.max(0, ...overEdge.map(({ hold }) => hold.tokens));
        expect(usedTokens).toBeLessThanOrEqual(largest === 0 ? cap : cap - 1 + largest);
      }),
      { numRuns: 25 },
    );
  });

  test("without one end over it by that and by what they answer beyond their estimate", async () => {
    await fc.assert(
      fc.asyncProperty(limit, crowdOf(fc.option(fc.nat(4_000))), async (cap, crowd) => {
        const { usedTokens, reservedTokens, refused, admitted, overEstimate } = await rush(cap, crowd);
        expect(refused + admitted.length).toBe(callers);
        expect(reservedTokens).toBe(0);
        const largest = Math.max(0, ...admitted.map(({ hold }) => hold.tokens));
        expect(usedTokens).toBeLessThanOrEqual(cap - 1 + largest + overEstimate);
      }),
      { numRuns: 25 },
    );
  });

  test("use a cap up that has room for all of them, and nobody is refused", async () => {
    const crowd = Array.from({ length: callers }, (_, at) => ({
      ...{ inputTokens: 10, maxOutputTokens: 90, share: 1, answerTokens: 0, ends: at / callers },
    }));
    const { usedTokens, refused } = await rush(callers * 100, crowd);
    expect([usedTokens, refused]).toEqual([callers * 100, 0]);
  });
});
