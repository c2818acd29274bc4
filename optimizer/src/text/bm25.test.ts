import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createIndex } from "./bm25";
import { buildQuestion } from "./question";

const ask = (lastUser: string) => buildQuestion({ lastUser, previousUser: null, toolArgs: null, lastAssistant: null });

const units = [
  "the pool of connections is exhausted",
  "a heartbeat of the scheduler",
  "another heartbeat of the scheduler",
  "connections connections connections",
  "the janitor sweeps",
];

describe("score", () => {
  test("the unit with the rarest of the asked words comes first, at 1", () => {
    const scores = createIndex(units).score(ask("is the connection pool exhausted?"));
    expect(scores[0]).toBe(1);
    expect(scores[3]).toBeGreaterThan(0);
    expect(scores[3]).toBeLessThan(1);
    expect([scores[1], scores[2], scores[4]]).toEqual([0, 0, 0]);
  });

  test("is 0 everywhere where nothing matches", () => {
    const index = createIndex(units);
    expect([...index.score(ask("zebra"))]).toEqual([0, 0, 0, 0, 0]);
    expect(index.best(ask("zebra"))).toBeNull();
    expect(createIndex([]).score(ask("zebra")).length).toBe(0);
  });

  test("what the question excludes ranks lower, and never below 0", () => {
    const index = createIndex(["scheduler heartbeat", "scheduler sweep", "heartbeat", "x1", "x2", "x3"]);
    const scores = index.score(ask("scheduler, ignoring heartbeats"));
    expect(scores[1]).toBe(1);
    expect(scores[0]).toBeLessThan(1);
    expect(scores[2]).toBe(0);
  });

  test("headers count three times", () => {
    const pair = ["alpha pool beta gamma", "pool: alpha beta gamma", "x1", "x2"];
    expect(createIndex(pair).score(ask("pool"))).toEqual(Float64Array.of(1, 1, 0, 0));
    const boosted = createIndex(pair, ["", "pool:", "", ""]).score(ask("pool"));
    expect(boosted[1]).toBe(1);
    expect(boosted[0]).toBeLessThan(0.9);
  });

  test("a longer unit with as many hits scores less", () => {
    const scores = createIndex([`pool ${"filler words of others ".repeat(20)}`, "pool", "x1"]).score(ask("pool"));
    expect(scores[0]).toBeLessThan(scores[1]!);
  });

  test("does not depend on what does not match, but for its order", () => {
    const filler = fc.array(fc.constantFrom("alpha beta", "gamma", "delta epsilon zeta", "eta"), {
      minLength: 2,
      maxLength: 20,
    });
    fc.assert(
      fc.property(filler, (lines) => {
        const question = ask("is the connection pool exhausted?");
        const scores = createIndex([...units, ...lines]).score(question);
        const reversed = createIndex([...units, ...lines.toReversed()]).score(question);
        expect([...scores.slice(0, 5)]).toEqual([...reversed.slice(0, 5)]);
      }),
    );
  });
});

describe("coverage", () => {
  test("1 where all is found, less where rare words are missing than where frequent ones are", () => {
    const index = createIndex(["alpha beta gamma", "alpha beta", "alpha gamma", "alpha", "alpha x1"]);
    const [all, noGamma, , onlyAlpha] = index.coverage(ask("alpha beta gamma"));
    expect(all).toBeCloseTo(1, 12);
    expect(noGamma).toBeGreaterThan(onlyAlpha!);
    expect(onlyAlpha).toBeLessThan(0.2);
  });

  test("prefixes cover less than words", () => {
    const index = createIndex(["repositories are listed", "repo is listed", "x1"]);
    const [prefix, exact] = index.coverage(ask("repo"));
    expect(exact).toBe(1);
    expect(prefix).toBeCloseTo(0.7, 12);
  });

  test("and score are from 0 to 1 and the same twice, for anything", () => {
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom(...units));
    fc.assert(
      fc.property(fc.array(text, { maxLength: 20 }), text, (some, asks) => {
        const question = ask(asks);
        const index = createIndex(some, some);
        for (const values of [index.score(question), index.coverage(question)]) {
          expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
        }
        expect(createIndex(some, some).score(question)).toEqual(index.score(question));
        const best = index.best(question);
        if (best) expect(index.score(question)[best.unit]).toBe(1);
        const expanded = index.expand(question);
        for (const [term, weight] of question.terms) expect(expanded.terms.get(term)).toBeGreaterThanOrEqual(weight);
      }),
    );
  });
});

describe("expansion", () => {
  const index = createIndex([
    "the pool hands out a lease with a ticket",
    "pool lease ticket",
    "a ticket was lost by the janitor",
    "weather report one",
    "weather report two",
  ]);

  test("takes words that the best units share, at two fifths of the whole", () => {
    const question = ask("pool");
    const { terms } = index.expand(question);
    expect(terms.has("leas")).toBe(true);
    expect(terms.has("weather")).toBe(false);
    const sum = [...terms.values()].reduce((total, weight) => total + weight, 0);
    expect(1 / sum).toBeCloseTo(0.6, 9);
    expect(index.score(question)[2]).toBe(0);
    expect(index.score(index.expand(question))[2]).toBeGreaterThan(0);
  });

  test("of nothing is nothing", () => {
    const question = ask("zebra");
    expect(index.expand(question)).toBe(question);
  });
});

test("1,500 lines are read and ranked within a few milliseconds", () => {
  const lines = Array.from(
    { length: 1_500 },
    (_, at) =>
      `2026-11-03T10:00:0${at % 10}.123Z INFO [worker-${at % 7}] request_id=${(at * 2654435761).toString(16)} path=/api/v2/orders/${at} status=200 duration_ms=${at % 301}`,
  );
  const question = ask("why did the worker for orders/77 take so long around 10:00, and which request id was it?");
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 6; round++) {
    const startedAt = performance.now();
    createIndex(lines).score(question);
    best = Math.min(best, performance.now() - startedAt);
  }
  // The aim is 15 ms; a busy machine may take some times that.
  expect(best).toBeLessThan(60);
});
