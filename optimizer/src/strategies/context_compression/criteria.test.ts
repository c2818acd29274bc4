import { describe, expect, test } from "bun:test";
import { createDice } from "../../../test/needle-report";
import { flattenRows } from "./columns";
import { changePoints, markRows } from "./criteria";

const limits = { outlierK: 6, rareFrac: 0.1 };
const kept = (rows: readonly unknown[], isNamed = (_: string) => false) => {
  const { keep } = markRows(
    rows.length,
    flattenRows(rows, () => {}),
    limits,
    isNamed,
    () => {},
  );
  return [...keep.keys()].filter((row) => keep[row]);
};

describe("rows that stand out", () => {
  const plain = Array.from({ length: 100 }, (_, at) => ({ state: at % 2 ? "a" : "b", size: 100 + (at % 5) }));

  test("none where all are alike", () => {
    expect(kept(plain)).toEqual([]);
  });

  test("a number far off, a rare value, a field more, a field less, another type, a null", () => {
    const rows: Record<string, unknown>[] = plain.map((row) => ({ ...row }));
    Object.assign(rows[10] as object, { size: 5_000 });
    Object.assign(rows[20] as object, { state: "c" });
    Object.assign(rows[30] as object, { more: 1 });
    delete (rows[40] as Record<string, unknown>)["state"];
    Object.assign(rows[50] as object, { size: "many" });
    Object.assign(rows[60] as object, { state: null });
    expect(kept(rows)).toEqual([10, 20, 30, 40, 50, 60]);
  });

  test("what the question names takes the place of other rare values", () => {
    const rows = plain.map((row, at) => ({ ...row, state: at % 20 === 3 ? "x" : at % 20 === 7 ? "y" : row.state }));
    expect(kept(rows)).toEqual([3, 7, 23, 27, 43, 47, 63, 67, 83, 87]);
    expect(kept(rows, (value) => value === "x")).toEqual([3, 23, 43, 63, 83]);
  });

  test("a criterion that most rows meet keeps examples", () => {
    expect(kept(plain, (value) => value === "a")).toHaveLength(5);
  });
});

describe("where a series changes its level", () => {
  const dice = createDice(5);
  const flat = (count: number, level: number) => Array.from({ length: count }, () => level + dice.normal());

  test("once", () => {
    const points = changePoints(Float64Array.from([...flat(150, 10), ...flat(150, 40)]));
    expect(points).toContainValues([149, 150]);
  });

  test("nowhere: noise, a straight line, a constant, a short one", () => {
    expect(changePoints(Float64Array.from(flat(300, 10)))).toEqual([]);
    expect(changePoints(new Float64Array(300))).toEqual([]);
    expect(changePoints(Float64Array.from([1, 1, 1, 9, 9, 9]))).toEqual([]);
  });
});
