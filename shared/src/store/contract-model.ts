// Owns the plain model of a store that the contract compares with: an array of rows and loops over it.

import { dayStart, hourStart, nextDay, nextHour } from "../time";
import { outcomes, type SpendRow } from "./spend-row";
import type { GroupKey, SpendFigures, SpendFilter, SpendQuery, SpendSummary } from "./store";

/** Whether a row is selected, said once more. */
export function matches(row: SpendRow, filter: SpendFilter): boolean {
  if (row.ts < filter.from || row.ts >= filter.to) return false;
  const { status: wanted } = filter;
  if (typeof wanted === "number" && row.status !== wanted) return false;
  if (typeof wanted === "string" && String(row.status)[0] !== wanted[0]) return false;
  const names = ["user", "team", "model", "provider", "endpoint", "session", "tool"] as const;
  return names.every((key) => filter[key] === undefined || filter[key] === row[key]);
}

function rank(values: number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil((percent / 100) * sorted.length) - 1] ?? Number.NaN;
}

export function figuresOf(found: SpendRow[], savedOf = (row: SpendRow) => row.tokensSaved): SpendFigures {
  const sum = (of: (row: SpendRow) => number) => found.reduce((total, row) => total + of(row), 0);
  const latency = found.map((row) => row.latencyMs);
  const overhead = found.map((row) => row.overheadMs);
  return {
    requests: found.length,
    inputTokens: sum((row) => row.inputTokens),
    outputTokens: sum((row) => row.outputTokens),
    cachedInputTokens: sum((row) => row.cachedInputTokens),
    cacheWriteTokens: sum((row) => row.cacheWriteTokens),
    reasoningTokens: sum((row) => row.reasoningTokens),
    tokensSaved: sum(savedOf),
    costNanoUsd: sum((row) => row.costNanoUsd ?? 0),
    baselineCostNanoUsd: sum((row) => row.baselineCostNanoUsd ?? 0),
    savingsNanoUsd: sum((row) => row.savingsNanoUsd),
    errors: found.filter((row) => row.status >= 400).length,
    unpricedRequests: found.filter((row) => row.costNanoUsd === null).length,
    estimatedRequests: found.filter((row) => row.estimated).length,
    latencyMs: found.length === 0 ? null : { p50: rank(latency, 50), p95: rank(latency, 95), p99: rank(latency, 99) },
    overheadMs: found.length === 0 ? null : { p50: rank(overhead, 50), p99: rank(overhead, 99) },
  };
}

/** The values a row has for a key: one, but for strategies, of which it has as many as there are, or null. */
function valuesOf(row: SpendRow, key: GroupKey): (string | number | null)[] {
  if (key !== "strategy") return [row[key]];
  const kinds = Object.keys(row.decisions ?? {});
  return kinds.length === 0 ? [null] : kinds;
}

/** Groups by key, as JSON: the text of the values in the order of `groupBy`. */
function groupRows(found: SpendRow[], groupBy: GroupKey[]): Map<string, SpendFigures> {
  const groups = new Map<string, SpendRow[]>();
  if (groupBy.length === 0) return new Map();
  for (const row of found) {
    let keys: (string | number | null)[][] = [[]];
    for (const key of groupBy) keys = keys.flatMap((start) => valuesOf(row, key).map((value) => [...start, value]));
    for (const key of keys) groups.set(JSON.stringify(key), [...(groups.get(JSON.stringify(key)) ?? []), row]);
  }
  const at = groupBy.indexOf("strategy");
  return new Map(
    [...groups].map(([key, inGroup]) => {
      const strategy: string | null = at === -1 ? null : JSON.parse(key)[at];
      return [
        key,
        figuresOf(inGroup, (row) => (strategy === null ? row.tokensSaved : (row.decisions?.[strategy] ?? 0))),
      ];
    }),
  );
}

/** What a summary has to be, its groups by their key as JSON. */
export function summarizeRows(stored: SpendRow[], query: SpendQuery, zone: string) {
  const found = stored.filter((row) => matches(row, query));
  const [startOf, endOf] = query.interval === "hour" ? [hourStart, nextHour] : [dayStart, nextDay];
  const series: SpendSummary["series"] = [];
  for (let at = query.from; query.interval !== null && at < query.to; at = endOf(at, zone)) {
    const start = startOf(at, zone);
    series.push({ start, figures: figuresOf(found.filter((row) => startOf(row.ts, zone) === start)) });
  }
  return {
    totals: figuresOf(found),
    groups: groupRows(found, query.groupBy),
    series,
    outcomes: new Map(
      outcomes.map((outcome) => [outcome as string, found.filter((row) => row.outcome === outcome).length]),
    ),
  };
}

/** Newest first. */
export function inOrder(stored: SpendRow[]): SpendRow[] {
  return stored.toSorted((a, b) => b.ts - a.ts || (a.id < b.id ? 1 : -1));
}
