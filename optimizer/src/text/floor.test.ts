import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type FloorOptions, floorOf } from "./floor";
import { buildQuestion } from "./question";

const ask = (lastUser: string) => buildQuestion({ lastUser, previousUser: null, toolArgs: null, lastAssistant: null });
const nothing = ask("");
const kept = (units: readonly string[], question = nothing, options: FloorOptions = {}) =>
  [...floorOf(units, question, options).keep].flatMap((keep, unit) => (keep ? [unit] : []));
const tally = (units: readonly string[], reason: string, question = nothing) =>
  floorOf(units, question).reasons.find((each) => each.reason === reason);

/** Ordinary lines of one shape, with durations that do not stand out. */
const plain = (count: number) =>
  Array.from(
    { length: count },
    (_, index) =>
      `2026-11-03T10:00:${String(index % 60).padStart(2, "0")}Z INFO worker-${index % 7} done ms=${20 + ((index * 7919) % 13)} try=1`,
  );
const withLine = (count: number, at: number, line: string) => plain(count).with(at, line);

describe("the floor keeps", () => {
  test("the first and the last unit, and of ordinary lines the least and the greatest at most", () => {
    expect(kept(plain(200))).toEqual([0, 199]);
    expect(kept(["a"])).toEqual([0]);
    expect(kept(["a", "b"])).toEqual([0, 1]);
    expect(kept([])).toEqual([]);
  });

  const needles: [string, string][] = [
    ["a failure", "2026-11-03T10:00:09Z ERROR worker-3 done ms=22 try=1"],
    ["a status of the 500s", "2026-11-03T10:00:09Z INFO worker-3 status=503 ms=22 try=1"],
    ["a warning", "2026-11-03T10:00:09Z WARN worker-3 done ms=22 try=1"],
    ["a total", "=== 12 passed, 3 skipped ==="],
    ["an exit code", "process exited with code 0"],
    ["a line like no other", "the janitor has left a note"],
    ["a number far off", "2026-11-03T10:00:09Z INFO worker-3 done ms=9000 try=1"],
    ["a number far off, in another unit", "2026-11-03T10:00:09Z INFO worker-3 done ms=22 try=77"],
  ];
  test.each(needles)("%s, wherever it stands", (_, line) => {
    fc.assert(
      fc.property(fc.integer({ min: 30, max: 400 }), fc.nat(), (count, seed) => {
        const at = seed % count;
        expect(kept(withLine(count, at, line))).toContain(at);
      }),
      { numRuns: 25 },
    );
  });

  test("what the question names, where it is rare", () => {
    const units = plain(100).with(40, plain(100)[40]!.replace("try=1", "order A-77"));
    expect(kept(units, ask("what became of A-77?"))).toContain(40);
    expect(
      kept(
        plain(100).map((line, index) => (index % 5 === 0 ? `${line} A-77` : line)),
        ask("A-77"),
      ),
    ).not.toContain(40);
  });

  test("of a trace the first five frames, the last three and every cause", () => {
    const frames = (name: string) =>
      Array.from({ length: 20 }, (_, index) => `    at ${name}.step${index} (src/a.ts:${index}:1)`);
    const units = [
      ...plain(60),
      "TypeError: x is undefined",
      ...frames("A"),
      "Caused by: lost lease",
      ...frames("B"),
      ...plain(60),
    ];
    const { keep } = floorOf(units, nothing, { shapes: false });
    const trace = [...keep.slice(60, 60 + 42)];
    const pattern = [1, 1, 1, 1, 1, ...Array(12).fill(0), 1, 1, 1];
    expect(trace).toEqual([1, ...pattern, 1, ...pattern]);
  });

  test("a Python trace up to its exception, which stands at the end", () => {
    const trace = [
      "Traceback (most recent call last):",
      '  File "a.py", line 3, in run',
      "    run()",
      '  File "b.py", line 9, in take',
      "    take()",
      "LeaseLost: gone",
    ];
    const units = [...plain(50), ...trace, ...plain(50)];
    const places = kept(units, nothing, { shapes: false });
    for (let at = 50; at < 55; at++) expect(places).toContain(at);
  });

  test("frames that no failure goes with are lines like others", () => {
    const units = [
      ...plain(50),
      ...Array.from({ length: 9 }, (_, index) => `    at A.step (a.ts:${index}:1)`),
      ...plain(50),
    ];
    expect(kept(units, nothing, { shapes: false })).toEqual([0, 108]);
  });

  test("of warnings of one kind the first and the last", () => {
    const units = plain(120).map((line, index) =>
      index >= 20 && index < 50 ? `WARN pool is low, ${index} left` : line,
    );
    const places = kept(units);
    expect(places).toContain(20);
    expect(places).toContain(49);
    expect(places).not.toContain(30);
  });
});

describe("a criterion that takes in too much", () => {
  const noisy = plain(200).map((line, index) =>
    index === 120 ? "ERROR the lease of the janitor was lost" : `ERROR ${line}`,
  );

  test("keeps its first, its last, what differs most, and counts", () => {
    const { found, kept: count, guarded, exemplars } = tally(noisy, "severe")!;
    expect([found, count, guarded]).toEqual([200, 3, true]);
    expect(exemplars).toEqual([
      { unit: 0, count: 199 },
      { unit: 120, count: 1 },
      { unit: 199, count: 199 },
    ]);
  });

  test("does not touch the others", () => {
    const units = noisy.with(77, `${noisy[77]} order A-77`);
    expect(kept(units, ask("A-77"))).toContain(77);
  });

  test("keeps five at most, and five texts that all differ are kept whole", () => {
    const units = Array.from(
      { length: 60 },
      (_, index) => `${"abcdefgh".repeat(1 + (index % 9))} ${"xyz".repeat(index)} failed`,
    );
    expect(tally(units, "severe")!.kept).toBe(5);
    expect(kept(["error a", "b error", "an error c", "so: error"])).toEqual([0, 1, 2, 3]);
  });
});

test("rows of JSON are not judged by shape, but by what they say", () => {
  const rows = Array.from({ length: 100 }, (_, id) => JSON.stringify({ id, state: "ok", error: null, failed: false }));
  rows[30] = JSON.stringify({ id: 30, state: "ok", error: "lease lost", failed: false });
  rows[60] = JSON.stringify({ other: "shape", of: [1, 2, 3] });
  expect(kept(rows, nothing, { isJsonRows: true })).toEqual([0, 30, 99]);
});

describe("promises", () => {
  const word = fc.constantFrom(
    "INFO",
    "ERROR",
    "ok",
    "ms=12",
    "ms=9000",
    "A-77",
    "    at a.b (c.ts:1:1)",
    "",
    "x",
    "汉",
    "\ud800",
    "Caused by: x",
    "3 passed",
  );
  const units = fc.array(
    fc.array(word, { maxLength: 5 }).map((words) => words.join(" ")),
    { maxLength: 80 },
  );

  test("a question with literals keeps all that one without does", () => {
    fc.assert(
      fc.property(units, (some) => {
        const without = floorOf(some, nothing).keep;
        const { keep } = floorOf(some, ask("A-77"));
        // Frames stay where a kept unit is near: more kept units, more frames.
        expect(without.every((kept, unit) => kept <= (keep[unit] ?? 0))).toBe(true);
      }),
    );
  });

  test("the same twice; counts are right; severe units stay where they are few", () => {
    fc.assert(
      fc.property(units, (some) => {
        const floor = floorOf(some, ask("A-77"));
        expect(floorOf(some, ask("A-77"))).toEqual(floor);
        for (const { found, kept: count, guarded, exemplars } of floor.reasons) {
          expect(count).toBe(guarded ? exemplars.length : found);
        }
        const severe = some.flatMap((unit, index) => (unit.includes("ERROR") ? [index] : []));
        if (severe.length <= some.length * 0.35) for (const unit of severe) expect(floor.keep[unit]).toBe(1);
      }),
    );
  });

  test("hostile text takes linear time", () => {
    const long = ["x".repeat(2e5), "error ".repeat(3e4), "k=1 ".repeat(5e4), "    at ".repeat(3e4)];
    for (const some of [
      long,
      plain(3_000),
      Array<string>(20_000).fill(""),
      Array<string>(5_000).fill("    at a (b:1:1)"),
      Array<string>(5_000).fill("Caused by:"),
    ]) {
      const startedAt = performance.now();
      floorOf(some, ask("A-77 5xx order/12"));
      expect(performance.now() - startedAt).toBeLessThan(1_500);
    }
  });
});
