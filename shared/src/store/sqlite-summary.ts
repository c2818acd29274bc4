// Owns summaries: totals, groups, series and outcomes of what a query matches, read in one state of the file.

import type { Database } from "bun:sqlite";
import { dayStart, hourStart } from "../time";
import { outcomes } from "./spend-row";
import { atOnce, checkZone } from "./sqlite-file";
import { rangeOf, selectKeys, whereSession } from "./sqlite-filter";
import { type Group, readGroups, readMembers } from "./sqlite-group";
import {
  groupTimings,
  readTimings,
  type Sampling,
  sampleTimings,
  samplingDefault,
  type Timing,
  type Timings,
} from "./sqlite-latency";
import { addSums, collectMatched, noSums, readIntervals, type Selection, type Sums, totalsOf } from "./sqlite-matched";
import { type Interval, splitIntervals } from "./sqlite-parts";
import { readDaysUntil } from "./sqlite-rollup";
import type { SpendQuery, SpendSummary } from "./store";

/** As SpendSummary, but fit for JSON. */
export interface SummaryParts extends Omit<SpendSummary, "outcomes"> {
  outcomes: [string, number][];
}

/** @throws Error when the page is not from 1 to 1000 groups, the series too long, or the file's time zone another */
export function summarize(db: Database, timezone: string, query: SpendQuery, sampling = samplingDefault): SummaryParts {
  const { limit, groupBy } = query;
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= 1000)) throw new Error("limit must be from 1 to 1000");
  return atOnce(db, () => {
    checkZone(db, timezone);
    const session = whereSession(query);
    const withSession = groupBy.includes("session");
    const selection: Selection = {
      ...rangeOf(query),
      where: { sql: selectKeys(db, query) + session.sql, values: session.values },
      withSession,
      rowsOnly: withSession || query.session !== undefined,
      timezone,
      daysUntil: readDaysUntil(db),
    };
    return readSummary(db, selection, query, sampling);
  });
}

function readSummary(db: Database, selection: Selection, query: SpendQuery, sampling: Sampling): SummaryParts {
  const { from, to, timezone } = selection;
  const intervals = query.interval === null ? [] : splitIntervals(from, to, query.interval, timezone);
  collectMatched(db, selection, query.groupBy.includes("strategy"));
  const byOutcome = db
    .query<Sums & { outcome: string }, []>(
      `SELECT k.outcome, ${totalsOf((column) => `m.${column}`)}
       FROM temp.matched m CROSS JOIN spend_key k ON k.id = m.key_id GROUP BY k.outcome`,
    )
    .all();
  const requests = new Map(byOutcome.map((found) => [found.outcome, found.requests]));
  const totals = byOutcome.reduce(addSums, noSums);
  const { groups, nextCursor } = readGroups(db, query);
  const series = readIntervals(db, selection, intervals);
  const sample = sampleTimings(db, selection, totals.requests, sampling);
  const all = groupTimings<null>();
  for (const timing of sample) all.add(null, timing);
  const byGroup = timeGroups(db, selection, query, groups, sample);
  const byStart = timeIntervals(db, selection, query.interval, series, sample);
  return {
    totals: { ...totals, ...all.percentilesOf(null) },
    groups: groups.map(({ id, key, sums }) => ({ key, figures: { ...sums, ...byGroup.percentilesOf(id) } })),
    series: series.map(({ start, sums }) => ({ start, figures: { ...sums, ...byStart.percentilesOf(start) } })),
    outcomes: outcomes.map((outcome) => [outcome, requests.get(outcome) ?? 0]),
    nextCursor,
  };
}

/** Timings of each group from the sample. A group it missed, which is then a small one, is read whole. */
function timeGroups(
  db: Database,
  selection: Selection,
  { groupBy }: SpendQuery,
  groups: readonly Group[],
  sample: readonly Timing[],
): Timings<string> {
  const timed = groupTimings<string>();
  const members = readMembers(
    db,
    groupBy,
    groups.map(({ id }) => id),
  );
  const groupsOf = ({ keyId, session }: Timing) => members.get(keyId)?.get(session) ?? [];
  for (const timing of sample) {
    for (const group of groupsOf(timing)) timed.add(group, timing);
  }
  const missed = new Set(groups.filter(({ id }) => !timed.has(id)).map(({ id }) => id));
  if (missed.size === 0) return timed;
  const keyIds = [...members].filter(([, bySession]) => [...bySession.values()].flat().some((id) => missed.has(id)));
  const where = {
    sql: `${selection.where.sql} AND key_id IN (SELECT value FROM json_each(?))`,
    values: [...selection.where.values, JSON.stringify(keyIds.map(([keyId]) => keyId))],
  };
  for (const timing of readTimings(db, { ...selection, where })) {
    for (const group of groupsOf(timing)) if (missed.has(group)) timed.add(group, timing);
  }
  return timed;
}

/** Timings of each interval, by its start, from the sample. An interval it missed is read whole. */
function timeIntervals(
  db: Database,
  selection: Selection,
  interval: SpendQuery["interval"],
  series: readonly (Interval & { sums: Sums })[],
  sample: readonly Timing[],
): Timings<number> {
  const timed = groupTimings<number>();
  if (interval === null) return timed;
  const startOf = interval === "hour" ? hourStart : dayStart;
  for (const timing of sample) timed.add(startOf(timing.ts, selection.timezone), timing);
  for (const { start, from, to, sums } of series) {
    if (sums.requests === 0 || timed.has(start)) continue;
    for (const timing of readTimings(db, { ...selection, from, to })) timed.add(start, timing);
  }
  return timed;
}
