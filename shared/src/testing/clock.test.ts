import { expect, test } from "bun:test";
import { createManualClock } from "./clock";

test("timers run in order of their time, each at its own time", () => {
  const clock = createManualClock(1_000);
  const seen: [string, number][] = [];
  clock.after(30, () => seen.push(["c", clock.now()]));
  clock.after(10, () => {
    seen.push(["a", clock.now()]);
    clock.after(5, () => seen.push(["b", clock.now()]));
  });
  clock.advance(29);
  expect(seen).toEqual([
    ["a", 1_010],
    ["b", 1_015],
  ]);
  expect(clock.now()).toBe(1_029);
  clock.advance(1);
  expect(seen.at(-1)).toEqual(["c", 1_030]);
  expect(clock.pending()).toBe(0);
});

test("an interval repeats until cancelled", () => {
  const clock = createManualClock(0);
  const seen: number[] = [];
  const stop = clock.every(100, () => {
    seen.push(clock.now());
    if (seen.length === 3) stop();
  });
  clock.advance(1_000);
  expect(seen).toEqual([100, 200, 300]);
});

test("a chain of sleeps runs through when promises may settle", async () => {
  const clock = createManualClock(0);
  const seen: number[] = [];
  const chain = (async () => {
    for (let round = 0; round < 3; round++) {
      await clock.sleep(10);
      seen.push(clock.now());
    }
  })();
  await clock.advanceAndSettle(30);
  await chain;
  expect(seen).toEqual([10, 20, 30]);
  expect(clock.now()).toBe(30);
});

test("a jump changes the time of day and no timer", () => {
  const clock = createManualClock(1_000_000);
  let ran = false;
  clock.after(50, () => {
    ran = true;
  });
  clock.jumpTo(0);
  expect(clock.now()).toBe(0);
  clock.advance(49);
  expect(ran).toBe(false);
  clock.advance(1);
  expect(ran).toBe(true);
  expect(clock.now()).toBe(50);
});
