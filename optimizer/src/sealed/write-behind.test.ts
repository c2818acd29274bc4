import { expect, test } from "bun:test";
import { createManualClock } from "@anyray/shared/testing/clock";
import { createWriteBehind } from "./write-behind";

function open(options: { keysPerStep?: number; keysMax?: number } = {}) {
  const clock = createManualClock();
  const steps: string[][] = [];
  const givenUp: string[] = [];
  const disk = { isFull: false };
  const writes = createWriteBehind({
    after: clock.after,
    delayMs: 500,
    keysPerStep: 2,
    keysMax: 100,
    write(keys) {
      if (disk.isFull) throw new Error("full");
      steps.push([...keys]);
    },
    giveUp: (keys) => givenUp.push(...keys),
    ...options,
  });
  return { clock, steps, givenUp, disk, writes };
}

test("changes are collected and written in steps, half a second later", () => {
  const { clock, steps, writes } = open();
  for (const key of ["a", "b", "a", "c"]) writes.mark(key);
  clock.advance(499);
  expect(steps).toEqual([]);
  clock.advance(1);
  expect(steps).toEqual([["a", "b"], ["c"]]);
  clock.advance(10_000);
  expect(steps.length).toBe(2);
  expect(clock.pending()).toBe(0);
});

test("a change while others wait does not put them off", () => {
  const { clock, steps, writes } = open();
  writes.mark("a");
  for (let at = 0; at < 5; at++) {
    clock.advance(100);
    writes.mark("b");
  }
  expect(steps[0]).toEqual(["a", "b"]);
});

test("what fails is tried again, and one bad key does not hold up the rest for ever", () => {
  const { clock, steps, disk, writes } = open({ keysPerStep: 1 });
  disk.isFull = true;
  writes.mark("a");
  writes.mark("b");
  clock.advance(2_000);
  expect(writes.failures()).toBe(4);
  expect(() => writes.flush()).toThrow("full");
  disk.isFull = false;
  clock.advance(500);
  expect(steps.flat().sort()).toEqual(["a", "b"]);
});

test("too many waiting keys are written at once, or given up", () => {
  const { steps, givenUp, disk, writes } = open({ keysMax: 3 });
  for (const key of ["a", "b", "c", "d"]) writes.mark(key);
  expect(steps).toEqual([["a", "b"]]);
  disk.isFull = true;
  for (const key of ["e", "f"]) writes.mark(key);
  expect(givenUp.length).toBe(1);
});

test("what was dropped is not written, and nothing after closing", () => {
  const { clock, steps, writes } = open();
  writes.mark("a");
  writes.mark("b");
  writes.drop("a");
  clock.advance(500);
  expect(steps).toEqual([["b"]]);
  writes.mark("c");
  writes.close();
  clock.advance(500);
  expect(steps.length).toBe(1);
  writes.flush();
  expect(steps.at(-1)).toEqual(["c"]);
});
