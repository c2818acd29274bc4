import { describe, expect, test } from "bun:test";
import { createKeyring } from "@anyray/shared/crypto";
import { createManualClock } from "@anyray/shared/testing/clock";
import fc from "fast-check";
import { type NetSavingsOptions, openNetSavings } from "./net-savings";
import { elisionsInWindow, retryAfterMs } from "./net-window";
import { makeTemporaryDirectory, randomKey } from "./testing/kept";

const contentKey = randomKey();

function open(options: Partial<NetSavingsOptions> & { path: string }) {
  const clock = createManualClock();
  const savings = openNetSavings({
    keyring: createKeyring(contentKey),
    now: clock.now,
    after: clock.after,
    ...options,
  });
  const pair = { kind: "k", tool: "Bash" };
  const noteMany = (count: number, tokensSaved: number) => {
    for (let n = 0; n < count; n++) savings.note({ ...pair, tokensSaved });
  };
  const isOff = () => savings.isOff("k", "Bash");
  return { savings, clock, pair, noteMany, isOff, [Symbol.dispose]: () => savings.close() };
}

describe("a pair of strategy and tool", () => {
  test("is off when its full window lost, and only then", () => {
    using directory = makeTemporaryDirectory();
    using kept = open(directory);
    const { savings, pair } = kept;
    expect(kept.isOff()).toBe(false);
    // 0.1 x 1,000 + 300 + 120 x 5 = 1,000 tokens' worth.
    kept.noteMany(elisionsInWindow - 1, 5);
    savings.noteRetrieval({ ...pair, prefixTokens: 1_000, retrievedTokens: 300 });
    expect(savings.report()).toEqual([
      {
        kind: "k",
        tool: "Bash",
        elisions: 199,
        tokensSaved: 995,
        retrievals: 1,
        retrievalCost: 1_000,
        cacheWriteCost: 0,
        net: -5,
        isOff: false,
        offSince: null,
        retryAt: null,
        totals: { elisions: 199, retrievals: 1, net: -5 },
      },
    ]);
    kept.noteMany(1, 5);
    expect(kept.isOff()).toBe(true);
    expect(savings.isOff("k", null)).toBe(false);
    expect(savings.isOff("other", "Bash")).toBe(false);
  });

  test("stays on while it saves, whatever single elisions cost", () => {
    using directory = makeTemporaryDirectory();
    using kept = open(directory);
    kept.noteMany(1_000, 6);
    kept.savings.noteRetrieval({ ...kept.pair, prefixTokens: 1_000, retrievedTokens: 300 });
    expect(kept.isOff()).toBe(false);
    expect(kept.savings.report()[0]).toMatchObject({
      elisions: 200,
      net: 200,
      totals: { elisions: 1_000, net: 5_000 },
    });
    kept.savings.noteRetrieval({ ...kept.pair, prefixTokens: 0, retrievedTokens: 0, outputPrice: 2 });
    expect(kept.isOff()).toBe(true);
  });

  test("pays for the cache writes it causes", () => {
    using directory = makeTemporaryDirectory();
    using kept = open(directory);
    const note = { ...kept.pair, tokensSaved: 100, savedPrice: 0.1, cacheWriteTokens: 10 };
    for (let n = 0; n < elisionsInWindow; n++) kept.savings.note(note);
    expect(kept.savings.report()[0]).toMatchObject({ isOff: true, elisions: 200 });
    expect(kept.savings.report()[0]?.net).toBeCloseTo(200 * (10 - 11.5), 6);
  });

  test("comes on again after a day, or by hand, and is judged by 200 new ones", () => {
    using directory = makeTemporaryDirectory();
    using kept = open(directory);
    kept.noteMany(elisionsInWindow, 0);
    expect(kept.isOff()).toBe(true);
    // What sessions repeat meanwhile proves nothing.
    kept.noteMany(500, 1_000);
    kept.clock.advance(retryAfterMs - 1);
    expect(kept.isOff()).toBe(true);
    expect(kept.savings.report()[0]?.retryAt).toBe(kept.clock.now() + 1);
    kept.clock.advance(1);
    expect(kept.isOff()).toBe(false);
    kept.noteMany(elisionsInWindow - 1, 0);
    expect(kept.isOff()).toBe(false);
    kept.noteMany(1, 0);
    expect(kept.isOff()).toBe(true);
    kept.savings.reset("k", "Bash");
    expect(kept.isOff()).toBe(false);
    expect(kept.savings.report()[0]).toMatchObject({ elisions: 0, offSince: null });
    kept.savings.reset("unknown", null);
    expect(kept.savings.report().length).toBe(1);
  });

  test("nonsense costs and saves nothing", () => {
    using directory = makeTemporaryDirectory();
    using kept = open(directory);
    for (const bad of [Number.NaN, -5, Number.POSITIVE_INFINITY]) {
      kept.savings.note({ ...kept.pair, tokensSaved: bad, cacheWriteTokens: bad });
      kept.savings.noteRetrieval({ ...kept.pair, prefixTokens: bad, retrievedTokens: bad, outputPrice: bad });
    }
    expect(kept.savings.report()[0]).toMatchObject({ elisions: 3, net: 0, retrievals: 3 });
  });
});

type Step =
  | { act: "elide"; saved: number; written: number }
  | { act: "retrieve"; prefix: number; back: number }
  | { act: "wait"; hours: number };

/** The rule, told plainly: every elision with what it cost since, newest last. */
function judge(steps: readonly Step[]) {
  const elisions: number[] = [];
  let nowMs = 0;
  let offAt: number | null = null;
  for (const step of steps) {
    if (step.act === "wait") nowMs += step.hours * 3_600_000;
    if (offAt !== null && nowMs - offAt >= retryAfterMs) {
      offAt = null;
      elisions.length = 0;
    }
    if (step.act === "wait" || offAt !== null) continue;
    if (step.act === "elide") elisions.push(step.saved - step.written * 1.15);
    else if (elisions.length > 0) elisions[elisions.length - 1]! -= step.prefix * 0.1 + step.back + 600;
    const window = elisions.slice(-elisionsInWindow);
    const net = window.reduce((sum, one) => sum + one, 0);
    if (window.length === elisionsInWindow && net <= -1e-6) offAt = nowMs;
  }
  return { isOff: offAt !== null, net: elisions.slice(-elisionsInWindow).reduce((sum, one) => sum + one, 0) };
}

test("the window says what the plain rule says, whatever happens, and after a restart", () => {
  const step: fc.Arbitrary<Step[]> = fc.oneof(
    fc
      // Odd halves, so that no sum is zero but for rounding.
      .record({ count: fc.integer({ min: 1, max: 120 }), saved: fc.nat(40), written: fc.nat(9) })
      .map(({ count, saved, written }) =>
        Array.from({ length: count }, () => ({ act: "elide" as const, saved: saved + 0.37, written })),
      ),
    fc.record({ prefix: fc.nat(5_000), back: fc.nat(3_000) }).map((given) => [{ act: "retrieve" as const, ...given }]),
    fc.integer({ min: 1, max: 30 }).map((hours) => [{ act: "wait" as const, hours }]),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (given) => {
      const steps = given.flat();
      using directory = makeTemporaryDirectory();
      const clock = createManualClock();
      const options = { path: directory.path, keyring: createKeyring(contentKey), now: clock.now, after: clock.after };
      const savings = openNetSavings(options);
      for (const one of steps) {
        if (one.act === "wait") clock.advance(one.hours * 3_600_000);
        else if (one.act === "elide") {
          savings.note({ kind: "k", tool: null, tokensSaved: one.saved, cacheWriteTokens: one.written });
        } else savings.noteRetrieval({ kind: "k", tool: null, prefixTokens: one.prefix, retrievedTokens: one.back });
      }
      const expected = judge(steps);
      expect(savings.isOff("k", null)).toBe(expected.isOff);
      const [report] = savings.report();
      expect(report?.net ?? 0).toBeCloseTo(expected.net, 4);
      savings.close();
      const again = openNetSavings(options);
      const [kept] = again.report();
      expect(kept).toEqual(report);
      again.close();
    }),
    { numRuns: 30 },
  );
});

test("pairs are bounded, sealed, and sealed anew after a change of keys", async () => {
  using directory = makeTemporaryDirectory();
  const next = randomKey();
  {
    using kept = open(directory);
    for (let n = 0; n < 1_100; n++) kept.savings.note({ kind: "k", tool: `CANARY-${n}`, tokensSaved: 1 });
    expect(kept.savings.report().length).toBe(1_000);
    expect(kept.savings.isOff("k", "CANARY-0")).toBe(false);
    kept.savings.flush();
    expect(directory.bytes()).not.toContain("CANARY");
  }
  {
    using both = open({ path: directory.path, keyring: createKeyring(next, [contentKey]) });
    expect(both.savings.report().length).toBe(1_000);
    expect(await both.savings.rewrapAll()).toEqual({ rewrapped: 1_000, unreadable: 0 });
  }
  using after = open({ path: directory.path, keyring: createKeyring(next) });
  expect(after.savings.report().length).toBe(1_000);
  using wrong = open(directory);
  expect(wrong.savings.report()).toEqual([]);
});
