import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { dayStart, hourStart, monthEnd, monthOf, monthStart, nextDay, nextHour, parseInstant, rfc3339 } from "./time";

const hour = 3_600_000;
const zones = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "America/Sao_Paulo",
  "America/St_Johns",
  "America/Havana",
  "Asia/Beirut",
  "Asia/Kolkata",
  "Asia/Kathmandu",
  "Australia/Lord_Howe",
  "Africa/Casablanca",
  "Africa/Monrovia",
  "Pacific/Apia",
  "Pacific/Chatham",
  "Antarctica/Troll",
];

/** What the clock on the wall shows, by nothing but Intl. */
const shownBy = new Map(
  zones.map((zone) => [
    zone,
    new Intl.DateTimeFormat("sv-SE", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    }),
  ]),
);
const shown = (epochMs: number, zone: string) => shownBy.get(zone)!.format(epochMs);
const dateOf = (epochMs: number, zone: string) => shown(epochMs, zone).slice(0, 10);

/** The date, where a date that has begun does not end again: the latest date shown in the two days up to then. */
function latestDate(epochMs: number, zone: string): string {
  let latest = dateOf(epochMs, zone);
  for (let back = 0; back <= 180; back += 0.5) {
    const date = dateOf(epochMs - back * 60_000, zone);
    if (date > latest) latest = date;
  }
  return latest;
}

const anyZone = fc.constantFrom(...zones);
const anyInstant = fc.integer({ min: 0, max: Date.UTC(2045, 0, 1) });
/** Instants at most two hours from one at which some zone changes its clock. */
const nearChange = fc
  .tuple(
    fc.constantFrom(
      Date.UTC(2018, 10, 4, 3),
      Date.UTC(2018, 1, 18, 2),
      Date.UTC(2023, 2, 25, 22),
      Date.UTC(2026, 2, 29, 1),
      Date.UTC(2026, 9, 25, 1),
      Date.UTC(2026, 3, 4, 15),
      Date.UTC(2026, 9, 3, 15, 30),
      Date.UTC(2006, 9, 29, 2, 31),
      Date.UTC(2006, 3, 2, 3, 31),
      Date.UTC(2011, 11, 30, 10),
      Date.UTC(1972, 0, 7, 0, 44, 30),
      Date.UTC(2026, 1, 15, 2),
    ),
    fc.integer({ min: -2 * hour, max: 2 * hour }),
  )
  .map(([change, distance]) => change + distance);
const instant = fc.oneof(anyInstant, nearChange);

function check(property: (epochMs: number, zone: string) => void) {
  fc.assert(fc.property(instant, anyZone, property), { numRuns: 400 });
}

describe("days", () => {
  test("an instant lies in its day, and days follow each other without gaps", () =>
    check((t, zone) => {
      const start = dayStart(t, zone);
      const end = nextDay(t, zone);
      expect(start).toBeLessThanOrEqual(t);
      expect(end).toBeGreaterThan(t);
      expect(dayStart(start, zone)).toBe(start);
      expect(dayStart(end, zone)).toBe(end);
      expect(dayStart(end - 1, zone)).toBe(start);
      expect(nextDay(start, zone)).toBe(end);
    }));

  test("a day begins where its date is first shown", () =>
    check((t, zone) => {
      const start = dayStart(t, zone);
      expect(dateOf(start, zone)).toBe(latestDate(t, zone));
      expect(latestDate(start - 1, zone) < dateOf(start, zone)).toBe(true);
    }));

  test.each([
    ["Europe/Berlin", "2026-03-29", 23],
    ["Europe/Berlin", "2026-10-25", 25],
    ["America/Sao_Paulo", "2018-11-04", 23],
    ["America/Sao_Paulo", "2018-02-17", 25],
    ["Asia/Beirut", "2023-03-26", 23],
    ["Asia/Beirut", "2024-03-31", 23],
    ["Australia/Lord_Howe", "2026-04-05", 24.5],
    ["Australia/Lord_Howe", "2026-10-04", 23.5],
    ["Pacific/Apia", "2011-12-29", 24],
    ["Asia/Kathmandu", "2026-05-01", 24],
  ])("in %s %s has %d hours", (zone, date, hours) => {
    const start = parseInstant(date, zone)!;
    expect((nextDay(start, zone) - start) / hour).toBe(hours);
  });

  test("a clock put forward at midnight begins the day at one o'clock", () => {
    expect(rfc3339(parseInstant("2018-11-04", "America/Sao_Paulo")!)).toBe("2018-11-04T03:00:00Z");
    expect(shown(parseInstant("2018-11-04", "America/Sao_Paulo")!, "America/Sao_Paulo")).toBe("2018-11-04 01:00:00");
  });

  test("a date that begins a minute before the clock goes back over midnight does not begin twice", () => {
    const zone = "America/St_Johns";
    const start = parseInstant("2006-10-29", zone)!;
    expect(shown(start, zone)).toBe("2006-10-29 00:00:00");
    expect(shown(start + 60_000, zone)).toBe("2006-10-28 23:01:00");
    expect(dayStart(start + 30 * 60_000, zone)).toBe(start);
    expect((nextDay(start, zone) - start) / hour).toBe(25);
  });

  test("a date the zone skipped has no length", () => {
    const skipped = parseInstant("2011-12-30", "Pacific/Apia")!;
    expect(parseInstant("2011-12-31", "Pacific/Apia")).toBe(skipped);
    expect(nextDay(skipped - 1, "Pacific/Apia")).toBe(skipped);
    expect(nextDay(skipped, "Pacific/Apia")).toBe(skipped + 24 * hour);
  });
});

describe("hours", () => {
  test("an instant lies in its hour, hours follow each other, and none spans two days", () =>
    check((t, zone) => {
      const start = hourStart(t, zone);
      const end = nextHour(t, zone);
      expect(start).toBeLessThanOrEqual(t);
      expect(end).toBeGreaterThan(t);
      expect(end - start).toBeLessThanOrEqual(hour);
      expect(hourStart(start, zone)).toBe(start);
      expect(hourStart(end, zone)).toBe(end);
      expect(hourStart(end - 1, zone)).toBe(start);
      expect(hourStart(dayStart(t, zone), zone)).toBe(dayStart(t, zone));
    }));

  test("an hour begins on the full hour of the clock, or where the clock is changed", () =>
    check((t, zone) => {
      const start = hourStart(t, zone);
      const isFull = shown(start, zone).endsWith(":00:00");
      const before = Date.parse(`${shown(start - 1000, zone).replace(" ", "T")}Z`);
      const after = Date.parse(`${shown(start, zone).replace(" ", "T")}Z`);
      expect(isFull || after - before !== 1000).toBe(true);
    }));

  test("a day of 25 hours has 25 of them", () => {
    const starts = [];
    const zone = "Europe/Berlin";
    const end = parseInstant("2026-10-26", zone)!;
    for (let t = parseInstant("2026-10-25", zone)!; t < end; t = nextHour(t, zone)) starts.push(t);
    expect(starts).toHaveLength(25);
  });

  test("hours of zones that are not whole hours from UTC begin at their own full hour", () => {
    const t = Date.UTC(2026, 0, 1, 12, 20);
    expect(rfc3339(hourStart(t, "Asia/Kolkata"))).toBe("2026-01-01T11:30:00Z");
    expect(rfc3339(hourStart(t, "Asia/Kathmandu"))).toBe("2026-01-01T12:15:00Z");
  });

  test("a clock changed by half an hour makes an hour of thirty minutes", () => {
    const change = Date.UTC(2026, 3, 4, 15);
    expect(hourStart(change, "Australia/Lord_Howe")).toBe(change);
    expect(nextHour(change, "Australia/Lord_Howe")).toBe(change + hour / 2);
  });
});

describe("months", () => {
  test("an instant lies in its month, which is that of its day", () =>
    check((t, zone) => {
      const month = monthOf(t, zone);
      expect(month).toBe(latestDate(t, zone).slice(0, 7));
      expect(monthStart(month, zone)).toBeLessThanOrEqual(t);
      expect(monthEnd(month, zone)).toBeGreaterThan(t);
      expect(monthOf(monthStart(month, zone), zone)).toBe(month);
      expect(monthOf(monthEnd(month, zone) - 1, zone)).toBe(month);
      expect(monthStart(monthOf(monthEnd(month, zone), zone), zone)).toBe(monthEnd(month, zone));
    }));

  test("zones and months asked for in turn do not disturb each other", () => {
    const t = Date.UTC(2026, 11, 31, 23, 30);
    for (let i = 0; i < 3; i++) {
      expect(monthOf(t, "Europe/Berlin")).toBe("2027-01");
      expect(monthOf(t, "UTC")).toBe("2026-12");
      expect(monthOf(t - 365 * 24 * hour, "UTC")).toBe("2025-12");
    }
  });

  test("December ends with January", () => {
    expect(rfc3339(monthEnd("2026-12", "UTC"))).toBe("2027-01-01T00:00:00Z");
    expect(rfc3339(monthEnd("2026-12", "America/New_York"))).toBe("2027-01-01T05:00:00Z");
  });

  test.each(["", "2026", "2026-13", "2026-00", "2026-1", "26-01", "2026-01-01"])("%p is no month", (text) => {
    expect(() => monthEnd(text, "UTC")).toThrow("not a month");
  });
});

describe("instants as text", () => {
  test.each([
    ["2026-12-01", "UTC", "2026-12-01T00:00:00Z"],
    ["2026-12-01", "Asia/Kolkata", "2026-11-30T18:30:00Z"],
    ["2026-12-01T00:00:00Z", "Asia/Kolkata", "2026-12-01T00:00:00Z"],
    ["2026-12-01t01:02:03z", "UTC", "2026-12-01T01:02:03Z"],
    ["2026-12-01T00:00:00+05:30", "UTC", "2026-11-30T18:30:00Z"],
    ["2026-12-01T00:00:00-08:00", "UTC", "2026-12-01T08:00:00Z"],
    ["2026-12-01T00:00:00.5Z", "UTC", "2026-12-01T00:00:00.500Z"],
    ["2026-12-01T00:00:00.123999Z", "UTC", "2026-12-01T00:00:00.123Z"],
    ["2024-02-29", "UTC", "2024-02-29T00:00:00Z"],
    ["0001-01-01", "UTC", "0001-01-01T00:00:00Z"],
    ["9999-12-31", "UTC", "9999-12-31T00:00:00Z"],
  ])("%s in %s is %s", (text, zone, expected) => {
    expect(rfc3339(parseInstant(text, zone)!)).toBe(expected);
  });

  test.each([
    "",
    "2026-02-30",
    "2026-02-29",
    "2026-13-01",
    "2026-00-10",
    "2026-01-00",
    "2026-01-32",
    "2026-1-1",
    "2026-12-01T00:00:00",
    "2026-12-01T24:00:00Z",
    "2026-12-01T00:60:00Z",
    "2026-12-01T00:00Z",
    "2026-12-01 00:00:00Z",
    "2026-12-01T00:00:00+24:00",
    "2026-12-01T00:00:00+0100",
    " 2026-12-01",
    "2026-12-01\n",
    "1764547200",
    "+02026-12-01",
    "２０２６-12-01",
  ])("%p is none", (text) => {
    expect(parseInstant(text, "UTC")).toBeUndefined();
  });

  test("what is written reads back", () => check((t, zone) => expect(parseInstant(rfc3339(t), zone)).toBe(t)));

  test("a date means the start of its day", () =>
    check((t, zone) => {
      const start = dayStart(t, zone);
      expect(parseInstant(dateOf(start, zone), zone)).toBe(start);
    }));
});
