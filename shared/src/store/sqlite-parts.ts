// Owns where the figures of a range are read: whole days and hours from roll-ups, edges from rows, so that every range
// is exact.

import { dayStart, hourStart, nextDay, nextHour } from "../time";

/** A piece of a range, and the tables that hold its figures. */
export interface Part {
  source: "row" | "hour" | "day";
  from: number;
  to: number;
}

/** Tables of figures and of what each strategy saved; column of the instant. */
export const partTables: Record<Part["source"], { figures: string; strategies: string; at: string }> = {
  row: {
    figures: "spend INDEXED BY spend_ts",
    strategies: "spend INDEXED BY spend_ts CROSS JOIN json_each(decisions) d",
    at: "ts",
  },
  hour: { figures: "spend_hour", strategies: "strategy_hour", at: "start" },
  day: { figures: "spend_day", strategies: "strategy_day", at: "start" },
};

/** Splits [from, to). `daysUntil`: days that end later are in no roll-up by day. */
export function splitRange(from: number, to: number, timezone: string, daysUntil: number): Part[] {
  const hoursFrom = hourStart(from, timezone) === from ? from : nextHour(from, timezone);
  const hoursTo = hourStart(to, timezone);
  if (hoursFrom >= hoursTo) return withLength([{ source: "row", from, to }]);
  const daysFrom = dayStart(hoursFrom, timezone) === hoursFrom ? hoursFrom : nextDay(hoursFrom, timezone);
  const daysTo = Math.min(dayStart(hoursTo, timezone), daysUntil);
  const middle: Part[] =
    daysFrom < daysTo
      ? [
          { source: "hour", from: hoursFrom, to: daysFrom },
          { source: "day", from: daysFrom, to: daysTo },
          { source: "hour", from: daysTo, to: hoursTo },
        ]
      : [{ source: "hour", from: hoursFrom, to: hoursTo }];
  return withLength([{ source: "row", from, to: hoursFrom }, ...middle, { source: "row", from: hoursTo, to }]);
}

function withLength(parts: Part[]): Part[] {
  return parts.filter((part) => part.from < part.to);
}

/** More intervals are refused: 100,000 hours are eleven years. */
export const intervalsMax = 100_000;

export interface Interval {
  /** Of the whole hour or day, also where the range begins later. */
  start: number;
  from: number;
  to: number;
}

/**
 * Every hour or day that [from, to) touches, cut to it.
 *
 * @throws Error when there are more than `intervalsMax`
 */
export function splitIntervals(from: number, to: number, interval: "hour" | "day", timezone: string): Interval[] {
  const [startOf, endOf] = interval === "hour" ? [hourStart, nextHour] : [dayStart, nextDay];
  const intervals: Interval[] = [];
  for (let at = from; at < to; at = endOf(at, timezone)) {
    if (intervals.length === intervalsMax) throw new Error(`a series has at most ${intervalsMax} intervals`);
    intervals.push({ start: startOf(at, timezone), from: at, to: Math.min(to, endOf(at, timezone)) });
  }
  return intervals;
}
