// Owns the question "who spent what" as an admin asks it and as it is answered: parameters in, report out.
// Summing is the store's.

import { usdOfNano } from "../money";
import { type OptimizeOutcome, outcomes } from "../store/spend-row";
import {
  type GroupKey,
  groupKeys,
  type SpendFigures,
  type SpendFilter,
  type SpendQuery,
  type Store,
} from "../store/store";
import { parseInstant, rfc3339 } from "../time";
import { askStore } from "./audit";
import { readChoice, readInteger, readParameters, refuseFaults, shown } from "./request";

export interface FiguresReport {
  requests: number;
  inputTokens: number;
  outputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  reasoningTokens: number;
  /** input + output */
  totalTokens: number;
  costUsd: number;
  baselineCostUsd: number;
  savingsUsd: number;
  tokensSaved: number;
  errors: number;
  unpricedRequests: number;
  estimatedRequests: number;
  /** null, as `overheadMs`, when there were no rows. */
  latencyMs: { p50: number; p95: number; p99: number } | null;
  overheadMs: { p50: number; p99: number } | null;
}

export interface SpendReport {
  /** RFC 3339 */
  from: string;
  /** RFC 3339, exclusive */
  to: string;
  timezone: string;
  totals: FiguresReport;
  groups: ({ key: Partial<Record<GroupKey, string | number | null>> } & FiguresReport)[];
  /** Every interval of the range; empty when none was asked for. */
  series: ({ start: string } & FiguresReport)[];
  outcomes: Record<OptimizeOutcome, number>;
  nextCursor: string | null;
}

const dayMs = 86_400_000;
export const rangeDaysMax = 3660;
export const defaultRangeDays = 30;
/** The longest month, and the hour that the end of summer time adds, with an unaligned start. */
export const hoursMax = 31 * 24 + 25;
export const groupLimit = { min: 1, max: 1000, default: 100 };

export const filterParameters = ["user", "team", "model", "provider", "status", "endpoint", "session", "tool"] as const;
export const rangeParameters = ["from", "to"] as const;
export const spendParameters = [...rangeParameters, "groupBy", ...filterParameters, "interval", "limit", "cursor"];

/**
 * Reads GET /admin/spend's parameters.
 *
 * @throws AnyrayError `invalid_request` naming every fault and what is accepted
 */
export function parseSpendQuery(params: URLSearchParams, now: number, timeZone: string): SpendQuery {
  const faults: string[] = [];
  const given = readParameters(params, spendParameters, faults);
  const filter = parseFilter(given, now, timeZone, faults);
  const interval = readChoice(given, "interval", ["hour", "day"], null, faults);
  if (interval === "hour" && filter.to - filter.from > hoursMax * 3_600_000) {
    faults.push(`interval=hour: accepted for a range of at most ${hoursMax} hours`);
  }
  const groupBy = parseGroupBy(given.get("groupBy") ?? "", faults);
  const query = {
    ...filter,
    groupBy,
    interval,
    limit: readInteger(given, "limit", groupLimit, groupLimit.default, faults),
    cursor: readCursor(given.get("cursor"), groupBy, faults),
  };
  refuseFaults(faults);
  return query;
}

function parseGroupBy(text: string, faults: string[]): GroupKey[] {
  const keys = new Set<GroupKey>();
  for (const name of text === "" ? [] : text.split(",")) {
    const key = groupKeys.find((candidate) => candidate === name);
    if (key) keys.add(key);
    else faults.push(`groupBy=${shown(name)}: accepted is any of ${groupKeys.join(",")} separated by commas`);
  }
  return [...keys];
}

/**
 * The store's cursor behind a check sum over it and the grouping: one that was mangled, or belongs to another
 * grouping, would begin at the first page again, and a client that follows cursors would never end.
 */
function writeCursor(cursor: string, groupBy: readonly GroupKey[]): string {
  const sum = new Bun.CryptoHasher("sha256").update(`${groupBy.join()}\n${cursor}`).digest("hex");
  return `${sum.slice(0, 8)}.${cursor}`;
}

function readCursor(text: string | undefined, groupBy: readonly GroupKey[], faults: string[]): string | null {
  if (text === undefined) return null;
  const cursor = text.slice(text.indexOf(".") + 1);
  if (writeCursor(cursor, groupBy) === text) return cursor;
  faults.push("cursor: accepted is the nextCursor of an answer to the same groupBy");
  return null;
}

/** Range and filters, shared by the report and the rows. Faults leave a range that is in order. */
export function parseFilter(
  given: ReadonlyMap<string, string>,
  now: number,
  timeZone: string,
  faults: string[],
): SpendFilter {
  const from = parseTime(given, "from", timeZone, faults);
  // The end is exclusive: one millisecond more lets in a call that arrived this very instant.
  const to = parseTime(given, "to", timeZone, faults) ?? now + 1;
  const filter: SpendFilter = { from: from ?? to - defaultRangeDays * dayMs, to };
  if (filter.from >= filter.to) faults.push("from: must be before to, which is now when absent");
  if (filter.to - filter.from > rangeDaysMax * dayMs) faults.push(`from: at most ${rangeDaysMax} days before to`);
  for (const name of ["user", "team", "model", "session", "tool"] as const) {
    const value = given.get(name);
    if (value !== undefined) filter[name] = value === "" ? null : value.normalize("NFC");
  }
  for (const name of ["provider", "endpoint"] as const) {
    const value = given.get(name);
    if (value === "") faults.push(`${name}: every row has one, accepted is its exact value`);
    else if (value !== undefined) filter[name] = value;
  }
  const status = parseStatus(given.get("status"), faults);
  if (status !== undefined) filter.status = status;
  return filter;
}

function parseTime(
  given: ReadonlyMap<string, string>,
  name: "from" | "to",
  timeZone: string,
  faults: string[],
): number | undefined {
  const text = given.get(name);
  if (text === undefined) return undefined;
  // A "+" that nobody escaped in a URL arrives as a blank: "…T00:00:00 01:00".
  const instant = parseInstant(text.replace(/ (?=\d\d:\d\d$)/, "+"), timeZone);
  if (instant !== undefined) return instant;
  faults.push(`${name}=${shown(text)}: accepted is RFC 3339, for example 2026-11-21T13:45:00Z, or YYYY-MM-DD`);
  return undefined;
}

function parseStatus(text: string | undefined, faults: string[]): SpendFilter["status"] | undefined {
  if (text === undefined) return undefined;
  if (/^[1-5]\d\d$/.test(text)) return Number(text);
  const shape = (["1xx", "2xx", "3xx", "4xx", "5xx"] as const).find((candidate) => candidate === text);
  if (shape === undefined)
    faults.push(`status=${shown(text)}: accepted is a status, 100 to 599, or a class such as 4xx`);
  return shape;
}

/** @throws AnyrayError `store_unavailable` */
export async function reportSpend(store: Store, query: SpendQuery, timeZone: string): Promise<SpendReport> {
  const { totals, groups, series, outcomes: counts, nextCursor } = await askStore(store.summarize(query));
  return {
    from: rfc3339(query.from),
    to: rfc3339(query.to),
    timezone: timeZone,
    totals: reportFigures(totals),
    groups: groups.map(({ key, figures }) => ({ key, ...reportFigures(figures) })),
    series: series.map(({ start, figures }) => ({ start: rfc3339(start), ...reportFigures(figures) })),
    outcomes: Object.fromEntries(outcomes.map((name) => [name, counts.get(name) ?? 0])) as SpendReport["outcomes"],
    nextCursor: nextCursor === null ? null : writeCursor(nextCursor, query.groupBy),
  };
}

function reportFigures(figures: SpendFigures): FiguresReport {
  return {
    requests: figures.requests,
    inputTokens: figures.inputTokens,
    outputTokens: figures.outputTokens,
    cachedInputTokens: figures.cachedInputTokens,
    cacheWriteTokens: figures.cacheWriteTokens,
    reasoningTokens: figures.reasoningTokens,
    totalTokens: figures.inputTokens + figures.outputTokens,
    costUsd: usdOfNano(figures.costNanoUsd),
    baselineCostUsd: usdOfNano(figures.baselineCostNanoUsd),
    savingsUsd: usdOfNano(figures.savingsNanoUsd),
    tokensSaved: figures.tokensSaved,
    errors: figures.errors,
    unpricedRequests: figures.unpricedRequests,
    estimatedRequests: figures.estimatedRequests,
    latencyMs: figures.latencyMs,
    overheadMs: figures.overheadMs,
  };
}
