import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { columnDigest, extremes, isIdLike, medianOf, numericOutliers, rareCategories } from "./outliers";

/** Ordinary values without order: no step, no trend. */
const noise = (count: number) => Array.from({ length: count }, (_, index) => 20 + ((index * 7919) % 13));

describe("numeric outliers", () => {
  test("one spike anywhere is found", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 8, max: 300 }),
        fc.nat(),
        fc.constantFrom(-4_000, 900, 1e9),
        (count, seed, spike) => {
          const values = noise(count);
          values[seed % count] = spike;
          expect(numericOutliers(values, 6)).toEqual([seed % count]);
        },
      ),
    );
  });

  test("two spikes do not hide each other", () => {
    const values = noise(40);
    values[3] = 9_000;
    values[30] = 8_000;
    expect(numericOutliers(values, 8)).toEqual([3, 30]);
  });

  test("a spike among equal values is found", () => {
    const values = Array.from({ length: 100 }, () => 5);
    values[42] = 6;
    expect(numericOutliers(values, 6)).toEqual([42]);
  });

  test.each([
    ["fewer than eight", [1, 1, 1, 1, 1, 1, 900]],
    ["a series that rises", [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 900]],
    ["a series that falls", [900, 11, 10, 9, 8, 7, 6, 5, 3, 2, 1]],
    ["consecutive numbers in any order", [7, 3, 5, 1, 9, 11, 13, 15, 17, 19]],
    ["equal values", Array.from({ length: 20 }, () => 3)],
    ["ordinary values", noise(100)],
    ["no numbers", Array.from({ length: 20 }, () => Number.NaN)],
  ])("none in %s", (_, values) => {
    expect(numericOutliers(values, 6)).toEqual([]);
  });

  test("where many are far off, the five furthest", () => {
    const values = noise(60).map((value, index) => (index % 6 === 0 ? 1_000 + index : value));
    expect(numericOutliers(values, 6)).toEqual([30, 36, 42, 48, 54]);
  });

  test("what is not finite is left out", () => {
    const values = [...noise(20), Number.NaN, Number.POSITIVE_INFINITY, 5_000];
    expect(numericOutliers(values, 6)).toEqual([22]);
  });

  test("a wider limit finds no others", () => {
    const values = fc.array(fc.oneof(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -1e6, max: 1e6 })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(values, fc.double({ min: 1, max: 10, noNaN: true }), (some, k) => {
        const narrow = new Set(numericOutliers(some, k));
        // The cap of five replaces a set by its furthest: only below it are the sets nested.
        if (narrow.size > 0 && narrow.size < 3) {
          for (const place of numericOutliers(some, k * 2)) expect(narrow.has(place)).toBe(true);
        }
        expect([...narrow]).toEqual(numericOutliers(Float64Array.from(some), k));
      }),
    );
  });
});

describe("extremes", () => {
  test("the rows of the least and the greatest value, two at most", () => {
    expect(extremes([3, 9, 1, 5, 9])).toEqual([1, 2, 4]);
    expect(extremes([1, 1, 1, 2])).toEqual([3]);
    expect(extremes([4, 4])).toEqual([]);
    expect(extremes([Number.NaN, 7, Number.NEGATIVE_INFINITY, 8])).toEqual([1, 3]);
    expect(extremes([])).toEqual([]);
  });
});

describe("rare categories", () => {
  const column = (counts: Record<string, number>) =>
    Object.entries(counts).flatMap(([value, count]) => Array<string>(count).fill(value));

  test.each<[string, Record<string, number>, string[]]>([
    ["a few failures among many", { ok: 290, failed: 8, pending: 2 }, ["failed", "pending"]],
    ["a single one", { ok: 99, lost: 1 }, ["lost"]],
    ["two halves", { a: 50, b: 50 }, []],
    ["six equals", { a: 10, b: 10, c: 10, d: 10, e: 10, f: 10 }, []],
    ["one value", { a: 10 }, []],
    ["nearly all different", { a: 1, b: 1, c: 1, d: 2 }, []],
    ["a third is not rare", { a: 80, b: 20 }, []],
  ])("%s", (_, counts, rare) => {
    expect([...rareCategories(column(counts))].sort()).toEqual(rare);
  });

  test("do not depend on the order of rows, nor on missing ones", () => {
    const values = fc.array(fc.constantFrom("a", "a", "a", "a", "a", "a", "b", "c", null), {
      minLength: 20,
      maxLength: 60,
    });
    fc.assert(
      fc.property(values, (some) => {
        const rare = [...rareCategories(some)].sort();
        expect([...rareCategories(some.toReversed())].sort()).toEqual(rare);
        expect([...rareCategories([...some, null, null])].sort()).toEqual(rare);
      }),
    );
  });

  test("names of JavaScript's own are values like others", () => {
    expect([...rareCategories(column({ ok: 50, constructor: 1, __proto__x: 1 }))].sort()).toEqual([
      "__proto__x",
      "constructor",
    ]);
  });
});

test("numbers that name things are told from those that measure", () => {
  const measured = [20, 31, 19, 25];
  for (const name of ["id", "user_id", "traceID", "span-id", "http.port", "ts", "seq"])
    expect(isIdLike(name, measured)).toBe(true);
  for (const name of ["paid", "amounts", "response_time", "support", "elapsedTime", ""])
    expect(isIdLike(name, measured)).toBe(false);
  expect(isIdLike("time", [1_780_000_000, 1_780_000_100])).toBe(true);
  expect(isIdLike("created_at", [1_780_000_000_000])).toBe(true);
  expect(isIdLike("n", [10, 20, 30, 40])).toBe(true);
  expect(isIdLike("n", [3, 1, 2])).toBe(true);
});

test("the median is the middle", () => {
  expect([medianOf([]), medianOf([3]), medianOf([9, 1]), medianOf([5, 1, 9])]).toEqual([0, 3, 5, 5]);
});

describe("the digest of a column", () => {
  const times = (count: number, value: unknown) => Array<unknown>(count).fill(value);

  test.each<[string, unknown[], string]>([
    [
      "state",
      [...times(290, "ok"), ...times(8, "failed"), ...times(2, "pending")],
      "state: ok 290, failed 8, pending 2",
    ],
    ["kind", times(40, "node"), "kind: node (all 40)"],
    ["kind", ["node"], "kind: node (1)"],
    ["status", [...times(30, 200), ...times(2, 503)], "status: 200 30, 503 2"],
    ["latency", [12, 31, 20, 19, 25, 22], "latency: 12..31, median 21"],
    ["amount", [12.5, 31, 20, 19.25, 25, 22], "amount: 12.5..31, median 21, sum 129.75"],
    ["ratio", [0.1, 0.2, 1 / 3], "ratio: 0.1..0.333333, median 0.2"],
    ["user_id", [7, 9, 12], "user_id: 7..12, 3 different"],
    [
      "at",
      ["2026-11-03T10:00:00Z", "2026-11-01T09:00:00Z", "2026-11-02T00:00:00Z"],
      "at: 2026-11-01T09:00:00Z..2026-11-03T10:00:00Z",
    ],
    ["ok", [true, true, false, true], "ok: true 3, false 1"],
    ["note", ["one two", "three, four", null, "five"], "note: 3 strings (3 different, 4..11 characters), 1 missing"],
    ["tags", [["a"], [], ["a", "b", "c"]], "tags: 3 arrays (of 0..3)"],
    ["mixed", [{}, "x", 3], "mixed: 1 objects, 1 strings (1 different, 1..1 characters), 1 numbers"],
    ["gone", [null, undefined], "gone: all 2 missing"],
    ["odd", [...times(4, "a, b"), ...times(4, "12")], 'odd: "12" 4, "a, b" 4'],
    ["many", [..."aabbccddeeffgg"], "many: a 2, b 2, c 2, d 2, e 2, 2 others 4"],
  ])("%s: %#", (name, values, digest) => {
    expect(columnDigest(name, values)).toBe(digest);
  });

  test("counts every row once", () => {
    const values = fc.array(fc.constantFrom("aa", "bb", "cc", "dd", "ee", "ff", "gg", null), {
      minLength: 30,
      maxLength: 80,
    });
    fc.assert(
      fc.property(values, (some) => {
        const digest = columnDigest("state", some);
        const all = [...digest.matchAll(/(\d+) missing|(?:[a-g]{2}|others) (\d+)|all (\d+)\)/g)];
        const sum = all.reduce((total, [, missing, named, every]) => total + Number(missing ?? named ?? every), 0);
        expect(sum).toBe(some.length);
      }),
    );
  });

  test("is one line whatever the values are", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (values) => {
        expect(columnDigest("x", values)).not.toContain("\n");
      }),
    );
  });
});
