import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../store/open";
import type { Store } from "../store/store";
import { spendRow } from "../testing/spend-row";
import { parseSpendQuery, reportSpend } from "./spend";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const now = Date.UTC(2026, 10, 15, 12);
const parse = (query: string, timeZone = "UTC") => parseSpendQuery(new URLSearchParams(query), now, timeZone);
const faultsOf = (query: string): string => {
  try {
    parse(query);
  } catch (error) {
    return (error as Error).message;
  }
  return "";
};

test("without parameters: the last 30 days, this very millisecond included, nothing grouped", () => {
  expect(parse("")).toEqual({
    from: now + 1 - 30 * dayMs,
    to: now + 1,
    groupBy: [],
    interval: null,
    limit: 100,
    cursor: null,
  });
});

test("dates are of the reporting zone, instants carry their own offset, also when its + was not escaped", () => {
  expect(parse("from=2026-11-01&to=2026-11-02", "Europe/Berlin")).toMatchObject({
    from: Date.UTC(2026, 9, 31, 23),
    to: Date.UTC(2026, 10, 1, 23),
  });
  const from = Date.UTC(2026, 10, 1, 10, 30);
  for (const text of ["2026-11-01T10:30:00Z", "2026-11-01T12:30:00%2B02:00", "2026-11-01T12:30:00+02:00"]) {
    expect(parse(`from=${text}`).from).toBe(from);
  }
  expect(parse("to=2026-11-01")).toMatchObject({ from: Date.UTC(2026, 9, 2), to: Date.UTC(2026, 10, 1) });
});

test("filters: exact values, empty for rows without one, a status or its class", () => {
  const query = "user=Zoe%CC%88&team=&model=&session=s&tool=&provider=openai&endpoint=%2Fv1%2Fmessages&status=4xx";
  expect(parse(query)).toMatchObject({
    user: "Zo\u00eb",
    team: null,
    model: null,
    session: "s",
    tool: null,
    provider: "openai",
    endpoint: "/v1/messages",
    status: "4xx",
  });
  expect(parse("status=429").status).toBe(429);
  expect(parse("user=__proto__").user).toBe("__proto__");
  expect(Object.hasOwn(parse(""), "user")).toBe(false);
});

test("groups: any of the ten, in the order asked, each once", () => {
  const all = "user,team,model,provider,status,endpoint,session,tool,strategy,outcome";
  expect(parse(`groupBy=${all}`).groupBy).toEqual(all.split(",") as never);
  expect(parse("groupBy=model,user,model").groupBy).toEqual(["model", "user"]);
  expect(parse("groupBy=").groupBy).toEqual([]);
});

test("every fault is told, each with what is accepted", () => {
  const message = faultsOf(
    "from=yesterday&to=2026-02-30&groupBy=user,constructor,&status=600&interval=week&limit=0&cursor=&provider=&users=a",
  );
  expect(message).toStartWith("10 faults: ");
  for (const part of [
    'unknown parameter "users": accepted are from, to, groupBy, user, team, model, provider, status',
    'from="yesterday": accepted is RFC 3339',
    'to="2026-02-30": accepted is RFC 3339',
    'groupBy="constructor": accepted is any of user,team',
    'groupBy="": accepted',
    'status="600": accepted is a status, 100 to 599',
    'interval="week": accepted is hour or day',
    'limit="0": accepted is a whole number from 1 to 1000',
    "cursor: accepted is the nextCursor",
    "provider: every row has one",
  ]) {
    expect(message).toContain(part);
  }
});

test("the range is bounded and not empty", () => {
  expect(faultsOf("from=2026-11-02&to=2026-11-02")).toContain("from: must be before to");
  expect(faultsOf("from=2027-01-01")).toContain("from: must be before to");
  expect(faultsOf("from=2016-01-01&to=2026-11-01")).toContain("from: at most 3660 days before to");
  expect(faultsOf("from=2016-11-01&to=2026-11-01")).toBe("");
  expect(faultsOf("interval=hour&from=2026-10-01&to=2026-11-02T01:00:00Z")).toBe("");
  expect(faultsOf("interval=hour&from=2026-10-01&to=2026-11-02T01:00:01Z")).toContain("at most 769 hours");
  expect(faultsOf("interval=day&from=2016-11-01&to=2026-11-01")).toBe("");
});

let dataDir: string;
let store: Store;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "anyray-spend-"));
  store = await openStore({ dataDir, timezone: "UTC" });
  await store.recordSpend([
    spendRow({ id: 1, ts: now - 26 * hourMs, user: "ada", outcome: "optimized", savingsNanoUsd: -3, tokensSaved: -2 }),
    spendRow({ id: 2, ts: now - hourMs, user: null, costNanoUsd: null, baselineCostNanoUsd: null, estimated: true }),
    spendRow({ id: 3, ts: now, user: "__proto__", status: 429, costNanoUsd: 2_000_000_001 }),
  ]);
});
afterAll(async () => {
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

test("figures, groups, series and outcomes of what is stored", async () => {
  const query = parse("groupBy=user,status&interval=day&from=2026-11-13");
  const report = await reportSpend(store, query, "UTC");
  expect(report.totals).toEqual({
    requests: 3,
    inputTokens: 300,
    outputTokens: 30,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
    totalTokens: 330,
    costUsd: 2.000001001,
    baselineCostUsd: 0.000002,
    savingsUsd: -0.000000003,
    tokensSaved: -2,
    errors: 1,
    unpricedRequests: 1,
    estimatedRequests: 1,
    latencyMs: { p50: 12, p95: 12, p99: 12 },
    overheadMs: { p50: 1, p99: 1 },
  });
  expect(report).toMatchObject({ from: "2026-11-13T00:00:00Z", to: "2026-11-15T12:00:00.001Z", timezone: "UTC" });
  expect(report.groups.map(({ key, requests }) => [key, requests])).toEqual([
    [{ user: "__proto__", status: 429 }, 1],
    [{ user: "ada", status: 200 }, 1],
    [{ user: null, status: 200 }, 1],
  ]);
  expect(report.series.map(({ start, requests, latencyMs }) => [start, requests, latencyMs === null])).toEqual([
    ["2026-11-13T00:00:00Z", 0, true],
    ["2026-11-14T00:00:00Z", 1, false],
    ["2026-11-15T00:00:00Z", 2, false],
  ]);
  expect(report.outcomes).toEqual({
    optimized: 1,
    unchanged: 0,
    bypassed: 0,
    timeout: 0,
    unreachable: 0,
    error: 0,
    cache_hit: 0,
    off: 2,
  });
  expect(report.nextCursor).toBeNull();
});

test("nothing found: zeros, and null where there is nothing to measure", async () => {
  const report = await reportSpend(store, parse("user=nobody"), "UTC");
  expect(report.totals).toMatchObject({ requests: 0, costUsd: 0, latencyMs: null, overheadMs: null });
  expect(report).toMatchObject({ groups: [], series: [], nextCursor: null });
});

test("pages of groups hold each group once", async () => {
  const users: unknown[] = [];
  let cursor: string | null = null;
  do {
    const page = await reportSpend(store, parse(`groupBy=user&limit=1${cursor ? `&cursor=${cursor}` : ""}`), "UTC");
    for (const { key } of page.groups) users.push(key.user);
    cursor = page.nextCursor;
  } while (cursor);
  expect(users).toEqual(["__proto__", "ada", null]);
});

test("a cursor made up, mangled or of another grouping is a fault, not the first page again", async () => {
  const { nextCursor } = await reportSpend(store, parse("groupBy=user&limit=1"), "UTC");
  expect(faultsOf(`groupBy=user&cursor=${nextCursor}`)).toBe("");
  for (const cursor of ["", "x", ".", "made.up", `${nextCursor}A`, nextCursor?.slice(1), nextCursor?.split(".")[1]]) {
    expect(faultsOf(`groupBy=user&cursor=${cursor}`)).toStartWith("cursor: accepted is the nextCursor");
  }
  expect(faultsOf(`groupBy=model&cursor=${nextCursor}`)).toStartWith("cursor: ");
});
