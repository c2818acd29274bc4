import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createLog } from "@anyray/shared/log";
import { createPriceBook } from "@anyray/shared/pricing";
import { openStore } from "@anyray/shared/store/open";
import type { SpendRow } from "@anyray/shared/store/spend-row";
import type { CapPolicy, Policy, Store, UserMonth } from "@anyray/shared/store/store";
import { spendRow } from "@anyray/shared/testing/spend-row";
import { createDirectory } from "../providers/directory";
import { Spool } from "../spool/spool";
import { temporaryDirectory } from "../spool/testing/spool-world";
import { applyPolicy, type PolicyTargets } from "./apply-policy";
import { Caps } from "./caps";

const month = "2026-11";
const users = ["ada", "bob", "__proto__", "2026-11 x"];
let place: ReturnType<typeof temporaryDirectory>;
let store: Store;
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  place = temporaryDirectory();
  store = await openStore({ dataDir: place.dir, timezone: "UTC" });
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  await store.close();
  place.remove();
});

const rowOf = (id: number, given: Partial<Omit<SpendRow, "id">> = {}) =>
  spendRow({ id, user: users[id % users.length]!, inputTokens: 1_000 + id, outputTokens: id % 7, ...given });

const policyOf = (revision: number, limit: number | null, names: readonly string[] = users): Policy => {
  const caps: CapPolicy[] = limit === null ? [] : names.map((user) => ({ user, monthlyTokens: limit }));
  return { revision, caps, prices: [], providers: [], settings: {} };
};

function setUp(over: Partial<Pick<Store, "recordSpend" | "readMonth">> = {}, queuedRowsMax = 50_000) {
  const recordSpend = over.recordSpend ?? store.recordSpend.bind(store);
  const readMonth = over.readMonth ?? store.readMonth.bind(store);
  const spool = new Spool({
    ...{ dir: place.dir, store: { recordSpend, ping: () => store.ping() }, fsync: "group", totalBytesMax: 1e9 },
    ...{ batchRows: 5, lingerMs: 1, segmentBytesMax: 4_000, ballastBytes: 0, backoffMs: [1], queuedRowsMax },
    log: createLog({ level: "error", service: "test", write: () => {} }),
  });
  closers.push(() => spool.close(10_000));
  const caps = new Caps({ timezone: "UTC", now: Date.now, waitMsMax: 100 });
  const targets: PolicyTargets = {
    ...{ caps, spool, store: { readMonth }, month: () => month },
    priceBook: createPriceBook({ overrides: [], now: Date.now }),
    directory: createDirectory(
      {
        ...{ urls: new Map(), keys: new Map(), onAbort: new Map(), defaultOnAbort: "cancel" },
        defaults: { openai: "openai", anthropic: "anthropic" },
      },
      () => null,
    ),
  };
  const used = () => Object.fromEntries([...caps.live(month)].map(([user, { usedTokens }]) => [user, usedTokens]));
  return { spool, caps, targets, used };
}

/** What each of the users really used. */
function sumOf(rows: readonly SpendRow[]): Record<string, number> {
  const sums = new Map(users.map((user) => [user, 0]));
  for (const { user, inputTokens, outputTokens } of rows) {
    if (user !== null && sums.has(user)) sums.set(user, sums.get(user)! + inputTokens + outputTokens);
  }
  return Object.fromEntries(sums);
}

describe("a newly capped user's month", () => {
  test("is what the store has and what has not reached it, at any moment of a batch's way", async () => {
    const { spool, targets, used, caps } = setUp();
    const rows: SpendRow[] = [];
    let revision = 0;
    for (let round = 0; round < 40; round++) {
      for (let n = 0; n < 13; n++) {
        const row = rowOf(rows.length);
        rows.push(row);
        void spool.end(row);
        // As settle does, for those that are capped by now.
        const { user, inputTokens, outputTokens } = row;
        caps.settle(null, { user, month, model: "m", inputTokens, outputTokens, isStated: true });
      }
      if (round % 3 === 0) await Bun.sleep(round % 5);
      await applyPolicy(policyOf(++revision, 1e9), targets);
      expect(used()).toEqual(sumOf(rows));
      await applyPolicy(policyOf(++revision, null), targets);
    }
    expect(await spool.flush(10_000)).toBe(true);
    await applyPolicy(policyOf(++revision, 1e9), targets);
    expect(used()).toEqual(sumOf(rows));
  });

  test("is right while calls end during the reading of it", async () => {
    const { spool, targets, used, caps } = setUp({
      async readMonth(...asked) {
        const answer = await store.readMonth(...asked);
        await Bun.sleep(5);
        return answer;
      },
    });
    const rows: SpendRow[] = [];
    const end = () => {
      const row = rowOf(rows.length);
      rows.push(row);
      void spool.end(row);
      const { user, inputTokens, outputTokens } = row;
      caps.settle(null, { user, month, model: "m", inputTokens, outputTokens, isStated: true });
    };
    const timer = setInterval(end, 0);
    for (let revision = 1; revision < 20; revision += 2) {
      await applyPolicy(policyOf(revision, 1e9), targets);
      expect(used()).toEqual(sumOf(rows));
      await applyPolicy(policyOf(revision + 1, null), targets);
    }
    clearInterval(timer);
  });

  test("counts rows once whose batch was stored though the store reported a failure", async () => {
    let lostAnswers = 2;
    const { spool, targets, used } = setUp({
      async recordSpend(rows) {
        const added = await store.recordSpend(rows);
        if (lostAnswers-- > 0) throw new Error("the answer was lost");
        return added;
      },
    });
    const rows = Array.from({ length: 8 }, (_, n) => rowOf(n));
    for (const row of rows) void spool.end(row);
    await Bun.sleep(3);
    await applyPolicy(policyOf(1, 1e9), targets);
    expect(used()).toEqual(sumOf(rows));
  });

  test("holds rows that wait on disk alone because memory holds enough of them", async () => {
    let isDown = true;
    const { spool, targets, used } = setUp(
      {
        recordSpend: (rows) => (isDown ? Promise.reject(new Error("away")) : store.recordSpend(rows)),
      },
      4,
    );
    const rows = Array.from({ length: 60 }, (_, n) => rowOf(n));
    for (const row of rows) void spool.end(row);
    await applyPolicy(policyOf(1, 1e9), targets);
    expect(used()).toEqual(sumOf(rows));
    await applyPolicy(policyOf(2, null), targets);
    isDown = false;
    expect(await spool.flush(10_000)).toBe(true);
    expect([...spool.unstoredTokens(month)]).toEqual([]);
    await applyPolicy(policyOf(3, 1e9), targets);
    expect(used()).toEqual(sumOf(rows));
  });

  test("leaves out other months, other users and rows without one", async () => {
    const { spool, targets, used } = setUp();
    const ours = [rowOf(0), rowOf(1)];
    for (const row of ours) void spool.end(row);
    void spool.end(rowOf(2, { month: "2026-10" }));
    void spool.end(rowOf(3, { user: null }));
    void spool.end(rowOf(4, { user: "carol" }));
    await applyPolicy(policyOf(1, 1e9), targets);
    expect(used()).toEqual(sumOf(ours));
  });

  test("is read for new users alone, and all at once", async () => {
    const asked: (readonly string[] | undefined)[] = [];
    const { targets } = setUp({
      async readMonth(_month, names): Promise<UserMonth[]> {
        asked.push(names);
        return [];
      },
    });
    await applyPolicy(policyOf(1, 10, ["ada"]), targets);
    await applyPolicy(policyOf(2, 20, ["ada"]), targets);
    await applyPolicy(policyOf(3, 20, ["ada", "bob", "carol"]), targets);
    expect(asked).toEqual([["ada"], ["bob", "carol"]]);
  });

  test("that cannot be read leaves everything as it was", async () => {
    const { targets, caps, spool } = setUp({ readMonth: () => Promise.reject(new Error("away")) });
    caps.adopt([{ user: "bob", monthlyTokens: 5 }], month, () => ({ usedTokens: 0, rejectedRequests: 0 }));
    await expect(applyPolicy(policyOf(1, 10), targets)).rejects.toThrow("away");
    expect([...caps.live(month).keys()]).toEqual(["bob"]);
    // And the spool goes on.
    void spool.end(rowOf(1));
    expect(await spool.flush(10_000)).toBe(true);
  });

  test("carries over the refusals of the store", async () => {
    const { targets, caps } = setUp();
    await store.recordRejections([{ user: "ada", month, rejected: 7, firstAt: 1, lastAt: 2 }]);
    await applyPolicy(policyOf(1, 0), targets);
    expect(caps.live(month).get("ada")).toMatchObject({ usedTokens: 0, rejectedRequests: 7 });
  });
});

test("prices and providers of the policy hold with it", async () => {
  const { targets } = setUp();
  const nothing = { cachedInputUsdPerMillion: null, cacheWriteUsdPerMillion: null, cacheWriteLongUsdPerMillion: null };
  const noTier = { longContextAboveTokens: null, longInputUsdPerMillion: null, longOutputUsdPerMillion: null };
  const noLong = { longCachedInputUsdPerMillion: null, longCacheWriteUsdPerMillion: null };
  const price = { provider: "mine", model: "own", inputUsdPerMillion: 3, outputUsdPerMillion: 4 };
  await applyPolicy(
    {
      ...policyOf(1, 5, ["ada"]),
      prices: [{ ...price, ...nothing, ...noTier, ...noLong, longCacheWriteLongUsdPerMillion: null }],
      providers: [
        { slug: "mine", kind: "openai-compatible", baseUrl: "http://127.0.0.1:1", sealedKey: null, onAbort: null },
      ],
    },
    targets,
  );
  expect(targets.priceBook.priceOf("mine", "own")).toMatchObject({ origin: "override" });
  expect(targets.directory.list().map(({ slug }) => slug)).toContain("mine");
});
