import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  exploreChance,
  mayServe,
  noObservations,
  type Observations,
  observationsMin,
  observe,
  slotOf,
} from "./answer-similarity";

/** The same numbers for the same seed (mulberry32). */
function createDice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface World {
  /** Chance that the model's answer agrees at a similarity. */
  agrees(similarity: number): number;
  draw(dice: () => number): number;
}

/** One kept answer's life: asked similar questions, served or explored. */
function live(world: World, questions: number, errorRateMax: number, seed: number) {
  const dice = createDice(seed);
  let seen: Observations = noObservations;
  let served = 0;
  let wrong = 0;
  for (let each = 0; each < questions; each += 1) {
    const similarity = world.draw(dice);
    const wouldAgree = dice() < world.agrees(similarity);
    if (mayServe(seen, similarity, errorRateMax, dice())) {
      served += 1;
      if (!wouldAgree) wrong += 1;
    } else seen = observe(seen, similarity, wouldAgree);
  }
  return { served, wrong };
}

const logistic = (t: number, g: number) => (s: number) => 1 / (1 + Math.exp(-g * (s - t)));
const spread = (dice: () => number) => 0.5 + 0.5 * dice();
const close = (dice: () => number) => 0.9 + 0.1 * dice();

const worlds: [string, World][] = [
  ["answers that agree from a similarity on", { agrees: logistic(0.8, 60), draw: spread }],
  ["a soft border", { agrees: logistic(0.75, 15), draw: spread }],
  ["similarity that tells nothing, half agree", { agrees: () => 0.5, draw: spread }],
  ["similarity that tells nothing, most agree", { agrees: () => 0.97, draw: close }],
  ["answers that never agree", { agrees: () => 0, draw: spread }],
  ["a steep border that no such curve describes", { agrees: (s) => (s > 0.87 ? 1 : 0), draw: spread }],
];

describe.each(worlds)("%s", (_name, world) => {
  test.each([0.01, 0.05])(
    "wrong answers are served to at most %p of the questions",
    (errorRateMax) => {
      const lives = 25;
      const questions = 250;
      let wrong = 0;
      for (let seed = 1; seed <= lives; seed += 1) wrong += live(world, questions, errorRateMax, seed * 7_919).wrong;
      const asked = lives * questions;
      // Three standard deviations of a rate that is exactly the bound.
      const slack = 3 * Math.sqrt(asked * errorRateMax * (1 - errorRateMax));
      expect(wrong).toBeLessThanOrEqual(asked * errorRateMax + slack);
    },
    60_000,
  );
});

test("where similarity tells, answers are served", () => {
  const [, world] = worlds[0] as [string, World];
  let served = 0;
  for (let seed = 1; seed <= 12; seed += 1) served += live(world, 600, 0.05, seed * 104_729).served;
  expect(served / (12 * 600)).toBeGreaterThan(0.25);
  let early = 0;
  for (let seed = 1; seed <= 12; seed += 1) early += live(world, 600, 0.01, seed * 104_729).served;
  expect(early).toBeGreaterThan(0);
  expect(early).toBeLessThan(served);
}, 60_000);

test("what never agrees is never served, once that is known", () => {
  let seen = noObservations;
  for (let count = 0; count < 30; count += 1) seen = observe(seen, 0.9, false);
  for (const similarity of [0.2, 0.9, 1]) expect(exploreChance(seen, similarity, 0.05)).toBe(1);
});

test("nothing is served before enough was seen, whatever it was", () => {
  let seen = noObservations;
  for (let count = 0; count < observationsMin; count += 1) {
    expect(exploreChance(seen, 1, 0.5)).toBe(1);
    seen = observe(seen, 1, true);
  }
  for (let count = 0; count < 200; count += 1) seen = observe(seen, 1, true);
  expect(exploreChance(seen, 1, 0.5)).toBeLessThan(1);
});

const seenOf = fc
  .array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean()), { minLength: 6, maxLength: 60 })
  .map((all) =>
    all.reduce<Observations>((seen, [similarity, agrees]) => observe(seen, similarity, agrees), noObservations),
  );

test("the chance lies within [0, 1], falls with similarity and with the errors that are allowed, and rises with those seen", () => {
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(seenOf, unit, unit, unit, (seen, a, b, rate) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      const chance = exploreChance(seen, low, rate);
      expect(chance).toBeGreaterThanOrEqual(0);
      expect(chance).toBeLessThanOrEqual(1);
      expect(exploreChance(seen, high, rate)).toBeLessThanOrEqual(chance);
      expect(exploreChance(seen, low, Math.min(1, rate + 0.1))).toBeLessThanOrEqual(chance);
      const errors = Array.from({ length: 40 }).reduce<Observations>((all) => observe(all, low, false), seen);
      expect(exploreChance(errors, low, rate)).toBeGreaterThanOrEqual(chance - 1e-9);
      expect(mayServe(seen, low, rate, chance)).toBe(true);
      if (chance > 0) expect(mayServe(seen, low, rate, chance * 0.999)).toBe(false);
    }),
    { numRuns: 60 },
  );
});

test("slots cover all similarities in order, and what is no number is the least", () => {
  expect([slotOf(-1), slotOf(Number.NaN), slotOf(1), slotOf(7)]).toEqual([0, 0, 63, 63]);
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (a, b) => {
      if (a <= b) expect(slotOf(a)).toBeLessThanOrEqual(slotOf(b));
    }),
  );
});
