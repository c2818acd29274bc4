import { describe, expect, test } from "bun:test";
import { createNoise, takeCleanly } from "./noise";
import { readCoreList } from "./pinning";
import { busyTicks } from "./readings";

test("cores and ticks are read as the kernel writes them", () => {
  expect(readCoreList("0-2,5\n")).toEqual([0, 1, 2, 5]);
  expect(readCoreList("")).toEqual([]);
  expect(busyTicks("cpu  1 2 4 1000 9 8 16 32 0 0\ncpu1 1 1 1 1 1 1 1 1 0 0\n", "cpu")).toBe(63);
  expect(() => busyTicks("cpu 1 2 3\n", "cpu1")).toThrow("cpu1");
});

describe("a disturbed sample", () => {
  const shares = (list: number[]) => async () => ({ value: list[0], foreignShare: list.shift() ?? 0 });

  test("is taken again until a clean one comes", async () => {
    const noise = createNoise(1_000);
    expect(await takeCleanly(noise, shares([0.5, 0.3, 0.01, 0.4]))).toBe(0.01);
    expect(noise).toMatchObject({ repeated: 2, kept: 0 });
  });

  test("is kept at last, the least disturbed one, and that is counted", async () => {
    const noise = createNoise(1_000);
    expect(await takeCleanly(noise, shares([0.5, 0.3, 0.9, 0.4, 0]))).toBe(0.3);
    expect(noise).toMatchObject({ repeated: 3, kept: 1 });
  });

  test("is not taken again when patience is over", async () => {
    const noise = createNoise(0);
    expect(await takeCleanly(noise, shares([0.5, 0]))).toBe(0.5);
    expect(noise).toMatchObject({ repeated: 0, kept: 1 });
  });
});
