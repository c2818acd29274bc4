import { expect, test } from "bun:test";
import { normaliseLine } from "./normalise";

const isSame = (a: string, b: string) => normaliseLine(a) === normaliseLine(b);

test("durations of one order, pids and seeds are the same; everything else is not", () => {
  expect(isSame("ok in 3ms", "ok in 11 ms")).toBe(true);
  expect(isSame("ok in 1.2s", "ok in 1.9s")).toBe(true);
  expect(isSame("started pid 4411", "started pid 9")).toBe(true);
  expect(isSame("seed=123 used", "seed=987 used")).toBe(true);
  expect(isSame("ok in 3ms", "ok in 9000ms")).toBe(false);
  expect(isSame("retries 3", "retries 4")).toBe(false);
  expect(isSame("v3s1", "v4s1")).toBe(false);
  expect(isSame("limit 10 items", "limit 11 items")).toBe(false);
});

test("a line without any stays itself, and long ones take no time", () => {
  expect(normaliseLine("nothing 12 here")).toBe("nothing 12 here");
  const started = performance.now();
  for (const unit of ["1", "1.", "1ms", "pid 1 ", "1 "]) normaliseLine(unit.repeat(200_000));
  expect(performance.now() - started).toBeLessThan(1_000);
});
