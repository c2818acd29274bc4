// Owns how figures are written for people.

import type { Arm, Row, Spread, Unit } from "./row";
import { spreadOf } from "./row";

/** Three significant digits or so: "35.1k", "0.42", "1,200". */
export function figure(value: number, unit: Unit): string {
  const size = Math.abs(value);
  if (unit === "1/s" && size >= 1_000) return `${(value / 1_000).toFixed(1)}k`;
  if (size >= 1_000) return new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 }).format(value);
  return value.toFixed(size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2);
}

/** "28.4 ±6%": the median, and half the way from the least to the greatest sample; as a figure where that says more. */
export function spreadFigure({ median, min, max }: Spread, unit: Unit): string {
  const half = (max - min) / 2;
  const percent = (half / Math.abs(median)) * 100;
  if (half === 0 || percent < 0.5) return figure(median, unit);
  return `${figure(median, unit)} ±${percent < 100 ? `${percent.toFixed(0)}%` : figure(half, unit)}`;
}

export const ratioFigure = (ratio: number): string => `${ratio.toFixed(2)}×`;

const known: readonly Arm[] = ["direct", "bare", "nginx", "haproxy", "anyray"];

/** Arms of all the rows, the known ones first and in their order. */
export function armsOf(rows: readonly Row[]): Arm[] {
  const found = new Set<Arm>(rows.flatMap(({ samples }) => Object.keys(samples)));
  return [...known.filter((arm) => found.has(arm)), ...[...found].filter((arm) => !known.includes(arm))];
}

/** Null when either was not measured, or is nothing that a ratio could be made of. */
export function ratioOf(row: Row, arm: Arm, other: Arm): number | null {
  const above = spreadOf(row.samples[arm]);
  const below = spreadOf(row.samples[other]);
  return above && below && above.median > 0 && below.median > 0 ? above.median / below.median : null;
}

export function differenceOf(row: Row, arm: Arm, other: Arm): number | null {
  const left = spreadOf(row.samples[arm]);
  const right = spreadOf(row.samples[other]);
  return left && right ? left.median - right.median : null;
}
