import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createWatches } from "./watches";

const opened: { stop(): void }[] = [];
afterEach(() => {
  for (const each of opened.splice(0)) each.stop();
});

function setUp() {
  let nowMs = 0;
  // Its own timer never comes round: the test ticks.
  const watches = createWatches(1_000_000, () => nowMs);
  opened.push(watches);
  const pass = (ms: number) => {
    nowMs += ms;
    watches.tick();
  };
  return { watches, pass };
}

describe("a watch", () => {
  test("fires once, when its limit has passed in silence", () => {
    const { watches, pass } = setUp();
    let fired = 0;
    const watch = watches.start(100, () => (fired += 1));
    pass(99);
    expect(fired).toBe(0);
    pass(1);
    pass(1_000);
    expect([fired, watches.size()]).toEqual([1, 0]);
    watch.touch();
    watch.limit(1);
    pass(1_000);
    expect([fired, watches.size()]).toEqual([1, 0]);
  });

  test("begins anew with each touch, and with another limit", () => {
    const { watches, pass } = setUp();
    let fired = 0;
    const watch = watches.start(100, () => (fired += 1));
    for (let n = 0; n < 5; n++) {
      pass(99);
      watch.touch();
    }
    watch.limit(10);
    pass(9);
    expect(fired).toBe(0);
    pass(1);
    expect(fired).toBe(1);
  });

  test("that has ended never fires, and is not kept", () => {
    const { watches, pass } = setUp();
    let fired = 0;
    const all = Array.from({ length: 1_000 }, () => watches.start(100, () => (fired += 1)));
    for (const watch of all) watch.end();
    all[0]!.end();
    expect(watches.size()).toBe(0);
    pass(1_000);
    expect(fired).toBe(0);
  });

  test("may end others, and start new ones, when it fires", () => {
    const { watches, pass } = setUp();
    const fired: string[] = [];
    const first = watches.start(10, () => {
      fired.push("first");
      second.end();
      watches.start(10, () => fired.push("third"));
      first.end();
    });
    const second = watches.start(10, () => fired.push("second"));
    pass(10);
    expect(fired).toEqual(["first"]);
    pass(10);
    expect(fired).toEqual(["first", "third"]);
  });

  test("fires in the first tick after its limit and never before, in any mix of them", () => {
    const moves = fc.array(fc.record({ at: fc.nat(9), ms: fc.nat(40), isTouched: fc.boolean() }), { maxLength: 60 });
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 10 }), moves, (limits, all) => {
        const { watches, pass } = setUp();
        const silentMs = limits.map(() => 0);
        const isFired = limits.map(() => false);
        const watch = limits.map((limitMs, at) =>
          watches.start(limitMs, () => {
            expect(isFired[at]).toBe(false);
            isFired[at] = true;
          }),
        );
        for (const { at, ms, isTouched } of all) {
          if (isTouched) {
            watch[at % limits.length]!.touch();
            if (!isFired[at % limits.length]) silentMs[at % limits.length] = 0;
          }
          for (let n = 0; n < limits.length; n++) if (!isFired[n]) silentMs[n]! += ms;
          pass(ms);
          expect(isFired).toEqual(limits.map((limitMs, n) => silentMs[n]! >= limitMs));
        }
        expect(watches.size()).toBe(isFired.filter((each) => !each).length);
        watches.stop();
      }),
      { numRuns: 200 },
    );
  });

  test("is looked after by a real timer, which does not outlive `stop`", async () => {
    const watches = createWatches(5);
    let fired = 0;
    watches.start(5, () => (fired += 1));
    while (fired === 0) await Bun.sleep(2);
    watches.start(1, () => (fired += 1));
    watches.stop();
    await Bun.sleep(30);
    expect(fired).toBe(1);
  });
});
