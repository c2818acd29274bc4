import { expect, test } from "bun:test";
import { numericColumns } from "./numeric-pairs";

const columnOf = (units: string[], name: string) => numericColumns(units).find((column) => column.name === name);

test("numbers by name, times in milliseconds, sizes in bytes", () => {
  const units = ["took 35 ms size=2KB", "took 1.5s size=300B", "nothing", 'took 200us "size":"1MB"'];
  expect(columnOf(units, "took")).toEqual({ name: "took", units: [0, 1, 3], values: [35, 1500, 0.2] });
  expect(columnOf(units, "size")?.values).toEqual([2_000, 300, 1e6]);
});

test("names, numbers and units are whole", () => {
  expect(numericColumns(["10:42:07 v1.2.3 id=12ab at=2026-11-03 order 7 x=1.2.3"])).toEqual([]);
  expect(numericColumns(["ms=-3.5, n: 4; http.status=200"]).map(({ name, values }) => [name, values])).toEqual([
    ["ms", [-3.5]],
    ["n", [4]],
    ["http.status", [200]],
  ]);
});

test("one number per name and line, and at most 64 names", () => {
  expect(columnOf(["n=1 n=2", "n=3"], "n")?.values).toEqual([1, 3]);
  expect(numericColumns([Array.from({ length: 500 }, (_, index) => `k${index}=1`).join(" ")])).toHaveLength(64);
});

test("names of JavaScript's own are names like others", () => {
  expect(numericColumns(["constructor=5 __proto__=6"]).map(({ name }) => name)).toEqual(["constructor"]);
  expect(numericColumns(["took 5 constructor"])).toEqual([]);
});

test("hostile lines take linear time", () => {
  for (const line of [
    "a".repeat(2e5),
    "a=".repeat(1e5),
    "a=1".repeat(7e4),
    "a 1".repeat(7e4),
    "1".repeat(2e5),
    "a.".repeat(1e5),
  ]) {
    const startedAt = performance.now();
    numericColumns([line]);
    expect(performance.now() - startedAt).toBeLessThan(400);
  }
});
