// Owns the calendar of the reporting time zone: months, days and hours as half-open ranges of epoch milliseconds,
// and the two ways an instant is written. Pure; refuses to know what time it is now.

const hourMs = 3_600_000;
const dayMs = 86_400_000;
/** No zone changed its clock before, so the first offset holds for all earlier instants. */
const firstChangeMs = Date.UTC(1800, 0, 1);
/** Longer than any jump of a clock plus any distance of a zone from UTC. */
const reachMs = 36 * hourMs;

interface Zone {
  format: Intl.DateTimeFormat;
  /** UTC day → the offset that holds all that day, or null where the clock is changed. */
  offsets: Map<number, number | null>;
  month: { text: string; start: number; end: number };
}

const zones = new Map<string, Zone>();
let lastName = "";
let lastZone: Zone | undefined;

function zoneOf(name: string): Zone {
  if (lastZone && name === lastName) return lastZone;
  let zone = zones.get(name);
  if (!zone) {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    zone = { format, offsets: new Map(), month: { text: "", start: 0, end: 0 } };
    zones.set(name, zone);
  }
  lastName = name;
  lastZone = zone;
  return zone;
}

/** What the zone's clock shows, less UTC, in milliseconds. */
function readOffset(zone: Zone, epochMs: number): number {
  const second = Math.floor(Math.max(epochMs, firstChangeMs) / 1000) * 1000;
  const parts = zone.format.format(second).match(/\d+/g) ?? [];
  const [month = 1, day = 1, year = 1970, hour = 0, minute = 0, at = 0] = parts.map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, at) - second;
}

function offsetAt(zone: Zone, epochMs: number): number {
  const day = Math.floor(epochMs / dayMs);
  let offset = zone.offsets.get(day);
  if (offset === undefined) {
    if (zone.offsets.size >= 10_000) zone.offsets.clear();
    const atStart = readOffset(zone, day * dayMs);
    offset = atStart === readOffset(zone, (day + 1) * dayMs) ? atStart : null;
    zone.offsets.set(day, offset);
  }
  return offset ?? readOffset(zone, epochMs);
}

/** The first instant in (after, until] with the offset of `until`, where the offset of `after` is another. */
function findChange(zone: Zone, after: number, until: number): number {
  const old = offsetAt(zone, after);
  let low = after;
  let high = until;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (readOffset(zone, middle) === old) low = middle;
    else high = middle;
  }
  return high;
}

/** The first instant at which the date is day `day` (counted from 1970-01-01) or a later one. */
function startOfDay(zone: Zone, day: number): number {
  const midnight = day * dayMs;
  const before = midnight - reachMs;
  const old = offsetAt(zone, before);
  const start = midnight - old;
  if (offsetAt(zone, start) === old) return start;
  const change = findChange(zone, before, start);
  // The clock jumps over this midnight, or comes to it by the new offset.
  return Math.max(change, midnight - offsetAt(zone, change));
}

/**
 * Days from 1970-01-01 to the date of an instant. Where a clock is put back over midnight the new date stays: a
 * date that has begun does not end again, so that days are ranges.
 */
function dayNumber(zone: Zone, epochMs: number): number {
  const shown = Math.floor((epochMs + offsetAt(zone, epochMs)) / dayMs);
  return startOfDay(zone, shown + 1) <= epochMs ? shown + 1 : shown;
}

/** Start of the day that holds an instant: its local midnight, or the moment a clock jumps over midnight. */
export function dayStart(epochMs: number, zone: string): number {
  const found = zoneOf(zone);
  return startOfDay(found, dayNumber(found, epochMs));
}

/** Start of the first day after the one that holds an instant; 23, 24 or 25 hours after its start, rarely others. */
export function nextDay(epochMs: number, zone: string): number {
  const found = zoneOf(zone);
  return startOfDay(found, dayNumber(found, epochMs) + 1);
}

/** Start of the hour of the clock that holds an instant. A change of the clock begins a new hour. */
export function hourStart(epochMs: number, zone: string): number {
  const found = zoneOf(zone);
  const offset = offsetAt(found, epochMs);
  const start = Math.floor((epochMs + offset) / hourMs) * hourMs - offset;
  return offsetAt(found, start) === offset ? start : findChange(found, start, epochMs);
}

/** End of the hour of the clock that holds an instant, which is the start of the next one. */
export function nextHour(epochMs: number, zone: string): number {
  const found = zoneOf(zone);
  const offset = offsetAt(found, epochMs);
  const next = (Math.floor((epochMs + offset) / hourMs) + 1) * hourMs - offset;
  return offsetAt(found, next) === offset ? next : findChange(found, epochMs, next);
}

/** Calendar month of an instant, "YYYY-MM". Two comparisons as long as the month is that of the call before. */
export function monthOf(epochMs: number, zone: string): string {
  const found = zoneOf(zone);
  const { month } = found;
  if (epochMs >= month.start && epochMs < month.end) return month.text;
  const text = new Date(dayNumber(found, epochMs) * dayMs).toISOString().slice(0, 7);
  found.month = { text, start: monthStart(text, zone), end: monthEnd(text, zone) };
  return text;
}

/** First instant of a month "YYYY-MM". @throws Error when the text is no month */
export function monthStart(month: string, zone: string): number {
  return startOfDay(zoneOf(zone), firstDay(month, 0));
}

/** First instant of the month after "YYYY-MM". @throws Error when the text is no month */
export function monthEnd(month: string, zone: string): number {
  return startOfDay(zoneOf(zone), firstDay(month, 1));
}

function firstDay(month: string, monthsLater: number): number {
  const match = /^(\d{4})-(0[1-9]|1[0-2])$/.exec(month);
  if (!match) throw new Error(`not a month (YYYY-MM): ${JSON.stringify(month.slice(0, 40))}`);
  return utcOf(Number(match[1]), Number(match[2]) - 1 + monthsLater, 1) / dayMs;
}

/** Like Date.UTC, which takes the years 0 to 99 for 1900 to 1999. */
function utcOf(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month, day);
}

const instantShape =
  /^(\d{4})-(\d\d)-(\d\d)(?:T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d+))?(?:(Z)|([+-])([01]\d|2[0-3]):([0-5]\d)))?$/i;

/**
 * An instant as people and programs write it: RFC 3339 with an offset ("2026-12-01T00:00:00+01:00"; what is finer
 * than a millisecond is cut off), or a date ("2026-12-01"), which means the start of that day in the zone.
 *
 * @returns epoch milliseconds, or undefined when the text is neither or names a day that does not exist
 */
export function parseInstant(text: string, zone: string): number | undefined {
  const match = instantShape.exec(text);
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0] = match.slice(1, 4).map(Number);
  const date = utcOf(year, month - 1, day);
  if (new Date(date).getUTCMonth() !== month - 1) return undefined;
  if (match[4] === undefined) return startOfDay(zoneOf(zone), date / dayMs);
  const [hour = 0, minute = 0, second = 0] = match.slice(4, 7).map(Number);
  const ms = Number((match[7] ?? "").slice(0, 3).padEnd(3, "0"));
  const local = date + hour * hourMs + minute * 60_000 + second * 1000 + ms;
  if (match[8]) return local;
  const offset = Number(match[10]) * hourMs + Number(match[11]) * 60_000;
  return match[9] === "-" ? local + offset : local - offset;
}

/** An instant in UTC, "2026-12-01T00:00:00Z", with milliseconds only where there are some. */
export function rfc3339(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(".000Z", "Z");
}
