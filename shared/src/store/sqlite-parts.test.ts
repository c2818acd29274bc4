import { expect, test } from "bun:test";
import fc from "fast-check";
import { dayStart, hourStart, nextDay, nextHour } from "../time";
import { instants, zones } from "./contract-samples";
import { intervalsMax, type Part, splitIntervals, splitRange } from "./sqlite-parts";

const ranges = fc
  .constantFrom(...zones)
  .chain((zone) => fc.tuple(fc.constant(zone), instants(zone), instants(zone), instants(zone)))
  .map(([zone, a, b, c]) => ({ zone, from: Math.min(a, b), to: Math.max(a, b), daysUntil: dayStart(c, zone) }));

test("the parts of a range follow each other from its start to its end", () =>
  fc.assert(
    fc.property(ranges, ({ zone, from, to, daysUntil }) => {
      const parts = splitRange(from, to, zone, daysUntil);
      expect(parts.reduce((at, part) => (part.from === at && part.to > at ? part.to : Number.NaN), from)).toBe(to);
    }),
  ));

test("roll-ups are read for whole hours, and for whole days that are closed; rows only for less than an hour", () =>
  fc.assert(
    fc.property(ranges, ({ zone, from, to, daysUntil }) => {
      const isWhole = ({ source, from: start, to: end }: Part) =>
        source === "day"
          ? dayStart(start, zone) === start && dayStart(end, zone) === end && end <= daysUntil
          : source === "hour"
            ? hourStart(start, zone) === start && hourStart(end, zone) === end
            : nextHour(start, zone) >= end || from === start;
      const parts = splitRange(from, to, zone, daysUntil);
      expect(parts.every(isWhole)).toBe(true);
      expect(parts.filter(({ source }) => source === "row").length).toBeLessThanOrEqual(2);
    }),
  ));

test("a range of whole days is read from days alone once they are closed", () => {
  const from = Date.UTC(2026, 0, 1);
  const to = Date.UTC(2026, 1, 1);
  expect(splitRange(from, to, "UTC", to)).toEqual([{ source: "day", from, to }]);
  expect(splitRange(from, to, "UTC", 0)).toEqual([{ source: "hour", from, to }]);
});

test("the intervals of a range are every hour or day it touches, cut to it", () =>
  fc.assert(
    fc.property(ranges, fc.constantFrom("hour" as const, "day" as const), ({ zone, from, to }, kind) => {
      const [startOf, endOf] = kind === "hour" ? [hourStart, nextHour] : [dayStart, nextDay];
      const intervals = splitIntervals(from, to, kind, zone);
      expect(intervals.reduce((at, each) => (each.from === at ? each.to : Number.NaN), from)).toBe(to);
      for (const { start, from: begin, to: end } of intervals) {
        expect(startOf(begin, zone)).toBe(start);
        expect(end).toBe(Math.min(to, endOf(begin, zone)));
      }
    }),
  ));

test("more intervals than anybody could look at are refused", () => {
  expect(splitIntervals(0, intervalsMax * 3_600_000, "hour", "UTC")).toHaveLength(intervalsMax);
  expect(() => splitIntervals(0, intervalsMax * 3_600_000 + 1, "hour", "UTC")).toThrow("at most");
});
