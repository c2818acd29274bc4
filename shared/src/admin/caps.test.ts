import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../store/open";
import type { Store } from "../store/store";
import { spendRow } from "../testing/spend-row";
import { parseCaps, reportCaps, reportUsage, setCaps } from "./caps";

const now = Date.UTC(2026, 10, 15, 12);
const timeZone = "Europe/Berlin";
let dataDir: string;
let store: Store;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "anyray-caps-"));
  store = await openStore({ dataDir, timezone: timeZone });
});
afterEach(async () => {
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

test("both forms are read; null removes; the bounds are inside", () => {
  expect(parseCaps({ user: " Zoe\u0308", monthlyTokens: 0 })).toEqual([{ user: "Zo\u00eb", monthlyTokens: 0 }]);
  expect(parseCaps({ user: "a", monthlyTokens: -0 })).toEqual([{ user: "a", monthlyTokens: 0 }]);
  const caps = [
    { user: "a", monthlyTokens: 1e15 },
    { user: "b", monthlyTokens: null },
  ];
  expect(parseCaps({ caps })).toEqual(caps);
});

test("every fault of a body is told, with its place", () => {
  const caps = [
    { user: "", monthlyTokens: -1 },
    { user: "ada", monthlyTokens: 1.5, team: "x" },
    { user: "bob", monthlyTokens: 1 },
    { user: "bob ", monthlyTokens: 2 },
    { user: "eve" },
    7,
  ];
  let message = "";
  try {
    parseCaps({ caps, more: 1 });
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).toStartWith("8 faults: ");
  for (const fault of [
    'unknown field "more": accepted are caps',
    'caps[0].user="": accepted is',
    "caps[0].monthlyTokens=-1: accepted is a whole number from 0 to 10^15, or null",
    'unknown field "team" in caps[1]: accepted are user, monthlyTokens',
    "caps[1].monthlyTokens=1.5",
    'caps[3].user: "bob" is already in caps[2]',
    "caps[4].monthlyTokens=nothing",
    "caps[5] must be a JSON object with user, monthlyTokens",
  ]) {
    expect(message).toContain(fault);
  }
});

test("a list is bounded, and nothing but a list is one", () => {
  const many = (length: number) => Array.from({ length }, (_, at) => ({ user: `u${at}`, monthlyTokens: 1 }));
  expect(parseCaps({ caps: many(10_000) })).toHaveLength(10_000);
  for (const caps of [many(10_001), [], null, {}, "x"]) {
    expect(() => parseCaps({ caps })).toThrow("caps: accepted is a list of 1 to 10000 objects");
  }
  for (const body of [null, [], "x", 1, {}, { monthlyTokens: 1 }, { user: "a", monthlyTokens: "1" }]) {
    expect(() => parseCaps(body)).toThrow();
  }
  expect(() => parseCaps({ user: "a", monthlyTokens: 1e15 + 1 })).toThrow("monthlyTokens");
});

test("the states: ok, near from 80 %, over from the whole, and at once with a cap of 0", async () => {
  const users = new Map([
    ["ok", { usedTokens: 799, reservedTokens: 0, rejectedRequests: 0 }],
    ["near", { usedTokens: 800, reservedTokens: 150, rejectedRequests: 0 }],
    ["full", { usedTokens: 1000, reservedTokens: 0, rejectedRequests: 2 }],
    ["held", { usedTokens: 700, reservedTokens: 400, rejectedRequests: 0 }],
  ]);
  const source = { store, live: { month: "2026-11", users }, timeZone, now };
  const caps = [...users.keys()].map((user) => ({ user, monthlyTokens: 1000 }));
  const report = await reportCaps(source, [...caps, { user: "__proto__", monthlyTokens: 0 }]);
  expect(report).toMatchObject({ month: "2026-11", timezone: timeZone, resetsAt: "2026-11-30T23:00:00Z" });
  expect(report.caps.map(({ user, state, remainingTokens }) => [user, state, remainingTokens])).toEqual([
    ["__proto__", "over", 0],
    ["full", "over", 0],
    ["held", "ok", 0],
    ["near", "near", 50],
    ["ok", "ok", 201],
  ]);
  expect(report.caps.find(({ user }) => user === "full")?.rejectedRequests).toBe(2);
});

test("live counters win, and counters of another month count nothing", async () => {
  await store.recordSpend([
    spendRow({ id: 1, ts: now, user: "ada", inputTokens: 70, outputTokens: 30, costNanoUsd: 5_000 }),
    spendRow({ id: 2, ts: now, user: "ada", inputTokens: 1, outputTokens: 1, costNanoUsd: null }),
    spendRow({ id: 3, ts: now, user: "bob", inputTokens: 9, outputTokens: 0, costNanoUsd: 0 }),
  ]);
  await store.recordRejections([{ user: "ada", month: "2026-11", rejected: 4, firstAt: now, lastAt: now }]);
  const users = new Map([["ada", { usedTokens: 500, reservedTokens: 7, rejectedRequests: 3 }]]);
  const caps = [{ user: "ada", monthlyTokens: 1000 }];
  const live = { store, live: { month: "2026-11", users }, timeZone, now };
  expect(await reportUsage(live, caps, "ada")).toEqual({
    user: "ada",
    month: "2026-11",
    timezone: timeZone,
    resetsAt: "2026-11-30T23:00:00Z",
    usedTokens: 500,
    reservedTokens: 7,
    requests: 2,
    costUsd: 0.000005,
    rejectedRequests: 3,
    monthlyTokens: 1000,
    remainingTokens: 493,
    state: "ok",
  });
  const stale = { ...live, live: { month: "2026-10", users } };
  expect((await reportCaps(stale, caps)).caps[0]).toMatchObject({
    usedTokens: 102,
    reservedTokens: 0,
    rejectedRequests: 4,
  });
  expect(await reportUsage(live, caps, "bob")).toMatchObject({ usedTokens: 9, monthlyTokens: null, state: null });
  expect(await reportUsage(live, caps, "nobody")).toMatchObject({ usedTokens: 0, requests: 0, costUsd: 0 });
});

test("a change and its audit row are written together, and the caps are merged by user", async () => {
  const actor = { name: "admin", ip: "192.0.2.7", at: now };
  await setCaps(
    store,
    [
      { user: "ada", monthlyTokens: 10 },
      { user: "bob", monthlyTokens: 20 },
    ],
    actor,
  );
  const policy = await setCaps(store, [{ user: "bob", monthlyTokens: null }], actor);
  expect(policy.caps).toEqual([{ user: "ada", monthlyTokens: 10 }]);
  const [second, first] = await store.readAudit(null, 10);
  expect(first).toMatchObject({
    seq: 1,
    actor: "admin",
    ip: "192.0.2.7",
    action: "caps.set",
    object: "2 users",
    at: now,
  });
  expect(second).toMatchObject({ seq: 2, object: "bob", after: [{ user: "bob", monthlyTokens: null }] });
  expect(JSON.stringify(second?.before)).toContain("20");
});

test("more caps than one question to the store takes are all reported", async () => {
  const caps = Array.from({ length: 1_201 }, (_, at) => ({ user: `u${at}`, monthlyTokens: 10 }));
  await store.recordSpend([spendRow({ id: 1, ts: now, user: "u1200", inputTokens: 8, outputTokens: 0 })]);
  const report = await reportCaps({ store, live: { month: "", users: new Map() }, timeZone, now }, caps);
  expect(report.caps).toHaveLength(1_201);
  expect(report.caps.filter(({ usedTokens }) => usedTokens > 0)).toMatchObject([{ user: "u1200", state: "near" }]);
});
