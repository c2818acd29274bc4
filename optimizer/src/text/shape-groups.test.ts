import { expect, test } from "bun:test";
import fc from "fast-check";
import { groupByShape } from "./shape-groups";

test("lines of one shape, or nearly one, are one group", () => {
  const { groupOf, counts } = groupByShape([
    "10:00:01 user anna signed in",
    "10:00:02 user bert signed in",
    "10:00:03 disk full",
    "10:00:04 user carl signed in",
    "10:00:05 disk full",
  ]);
  expect([...groupOf]).toEqual([0, 0, 1, 0, 1]);
  expect(counts).toEqual([3, 2]);
});

test("short lines that differ are of their own kind", () => {
  expect(groupByShape(["a b", "a c"]).counts).toEqual([1, 1]);
});

test("every line is in a group, and the counts add up", () => {
  const line = fc
    .array(fc.constantFrom("a", "b", "12", "x=1", "the", "\ud800"), { maxLength: 6 })
    .map((words) => words.join(" "));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 60 }), (lines) => {
      const { groupOf, counts } = groupByShape(lines);
      const counted = counts.map((_, group) => groupOf.filter((each) => each === group).length);
      expect(counted).toEqual([...counts]);
    }),
  );
});

test("lines that are all different take linear time", () => {
  const words = (index: number) =>
    Array.from(
      { length: 8 },
      (_, at) => `w${"abcdefghij"[(index >> at) % 10]}${"klmnopqrst"[(index * (at + 3)) % 10]}`,
    );
  const lines = Array.from({ length: 5_000 }, (_, index) => words(index).join(" "));
  const startedAt = performance.now();
  groupByShape(lines);
  expect(performance.now() - startedAt).toBeLessThan(600);
});
