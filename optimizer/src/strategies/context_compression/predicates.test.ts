import { expect, test } from "bun:test";
import { buildQuestion } from "../../text/question";
import { type Column, numbersOf } from "./columns";
import { predicatesOf } from "./predicates";

const sizes = [10, 20, 30, 40, 50, 60, 70, 80, 900];
const column: Column = { name: "meta.sizeBytes", values: sizes, present: sizes.length };
const numbers = numbersOf(column);
const ask = (lastUser: string) =>
  predicatesOf(buildQuestion({ lastUser, previousUser: null, toolArgs: null, lastAssistant: null }), [
    { ...column, numbers: numbers as NonNullable<typeof numbers> },
  ]).map(({ words, rows }) => [words, rows]);

test.each<[string, string, number[]]>([
  ["Which have a size over 75?", "over 75", [8, 7]],
  ["sizeBytes > 70", "over 70", [8, 7]],
  ["size >= 70?", "over 70", [8, 7, 6]],
  ["those with size below 25 bytes", "under 25", [0, 1]],
  ["size between 45 and 65", "45 to 65", [5, 4]],
  ["size between 65 and 45", "45 to 65", [5, 4]],
  ["is there one whose meta.sizebytes equals 40", "= 40", [3]],
  ["size over 1,000?", "over 1000", []],
])("%s", (question, words, rows) => {
  expect(ask(question)).toEqual([[words, rows]]);
});

test("the greatest and the least come first", () => {
  expect(ask("What is the largest size?")[0]?.[1]?.slice(0, 2) as number[]).toEqual([8, 7]);
  expect(ask("And the smallest by size?")[0]?.[1]?.slice(0, 2) as number[]).toEqual([0, 1]);
});

test("nothing is read into other words", () => {
  for (const question of ["", "What is the size?", "over 50", "The weight is over 50", "> < = >= <="]) {
    expect(ask(question)).toEqual([]);
  }
});
