// The contract of policy: changes, their audit, both or neither. On every adapter.

import { describe, expect, test } from "bun:test";
import { adapters, failureOf } from "./contract-adapters";
import { hostileNames } from "./contract-samples";
import type { AuditEntry, Policy, PolicyChange, PriceOverride, ProviderPolicy, Store } from "./store";

const empty: Policy = { revision: 0, caps: [], prices: [], providers: [], settings: {} };

let made = 0;
function by(actor = "admin", given: Partial<AuditEntry> = {}): Omit<AuditEntry, "before"> {
  made++;
  return {
    id: `audit-${made}`,
    at: made,
    actor,
    ip: "10.0.0.1",
    action: "x.set",
    object: "x",
    after: null,
    reason: null,
    ...given,
  };
}

const caps = (...given: [string, number | null][]): PolicyChange => ({
  kind: "caps",
  caps: given.map(([user, monthlyTokens]) => ({ user, monthlyTokens })),
});
const setting = (key: string, value: unknown): PolicyChange => ({ kind: "setting", key, value });

const price: PriceOverride = {
  provider: "openai",
  model: "gpt-5.1",
  inputUsdPerMillion: 1.25,
  outputUsdPerMillion: 10,
  cachedInputUsdPerMillion: 0.125,
  cacheWriteUsdPerMillion: null,
  cacheWriteLongUsdPerMillion: null,
  longContextAboveTokens: 200_000,
  longInputUsdPerMillion: 2.5,
  longOutputUsdPerMillion: null,
  longCachedInputUsdPerMillion: null,
  longCacheWriteUsdPerMillion: null,
  longCacheWriteLongUsdPerMillion: null,
};
const provider: ProviderPolicy = {
  slug: "vllm",
  kind: "openai-compatible",
  baseUrl: "http://10.0.0.5:8000/v1",
  sealedKey: "v1:sealed-secret",
  onAbort: "drain",
};

async function beforeOf(store: Store): Promise<unknown> {
  return (await store.readAudit(null, 1))[0]?.before;
}

describe.each(adapters)("$name", ({ withStore }) => {
  const inStore = (use: (store: Store) => Promise<void>) => withStore("UTC", use);

  test("a new store has no policy and no audit", () =>
    inStore(async (store) => {
      expect(await store.readPolicy()).toEqual(empty);
      expect(await store.readRevision()).toBe(0);
      expect(await store.readAudit(null, 10)).toEqual([]);
    }));

  test("a change makes the next revision and answers with the whole policy", () =>
    inStore(async (store) => {
      await store.changePolicy(setting("mode", "off"), by());
      const policy = await store.changePolicy(caps(["ann", 5], ["bob", 0]), by());
      expect(policy).toEqual({
        ...empty,
        revision: 2,
        caps: [
          { user: "ann", monthlyTokens: 5 },
          { user: "bob", monthlyTokens: 0 },
        ],
        settings: { mode: "off" },
      });
      expect(await store.readPolicy()).toEqual(policy);
      expect(await store.readRevision()).toBe(2);
    }));

  test("caps are merged by user, replaced, and deleted by null", () =>
    inStore(async (store) => {
      await store.changePolicy(caps(["ann", 5], ["bob", 6]), by());
      const { caps: left } = await store.changePolicy(caps(["bob", 1e15], ["ann", null], ["nobody", null]), by());
      expect(left).toEqual([{ user: "bob", monthlyTokens: 1e15 }]);
      expect(await beforeOf(store)).toEqual([
        { user: "bob", monthlyTokens: 6 },
        { user: "ann", monthlyTokens: 5 },
        { user: "nobody", monthlyTokens: null },
      ]);
    }));

  test("the last of several caps of a user in one change holds; before is what was found", () =>
    inStore(async (store) => {
      const { caps: left } = await store.changePolicy(caps(["ann", 1], ["ann", 2]), by());
      expect(left).toEqual([{ user: "ann", monthlyTokens: 2 }]);
      expect(await beforeOf(store)).toEqual([{ user: "ann", monthlyTokens: null }]);
    }));

  test("prices are replaced by provider and model, and deleted", () =>
    inStore(async (store) => {
      const other = { ...price, model: "gpt-5.1-mini" };
      const dearer = { ...price, inputUsdPerMillion: 2, longContextAboveTokens: null };
      await store.changePolicy({ kind: "prices", prices: [price, other] }, by());
      const { prices } = await store.changePolicy({ kind: "prices", prices: [dearer] }, by());
      expect(prices).toEqual([dearer, other]);
      expect(await beforeOf(store)).toEqual([price]);
      const gone = { provider: "openai", model: "gpt-5.1", delete: true } as const;
      expect((await store.changePolicy({ kind: "prices", prices: [gone] }, by())).prices).toEqual([other]);
      await store.changePolicy({ kind: "prices", prices: [price] }, by());
      expect(await beforeOf(store)).toEqual([gone]);
    }));

  test("providers are set and deleted by slug; the audit never holds the key, only whether there was one", () =>
    inStore(async (store) => {
      const set: PolicyChange = { kind: "provider", slug: "vllm", provider };
      expect((await store.changePolicy(set, by())).providers).toEqual([provider]);
      expect(await beforeOf(store)).toBeNull();
      const open = { ...provider, sealedKey: null, onAbort: null };
      expect((await store.changePolicy({ ...set, provider: open }, by())).providers).toEqual([open]);
      const { sealedKey: _, ...visible } = provider;
      expect(await beforeOf(store)).toEqual({ ...visible, hasKey: true });
      expect((await store.changePolicy({ ...set, provider: null }, by())).providers).toEqual([]);
      expect(await beforeOf(store)).toEqual({ ...visible, onAbort: null, hasKey: false });
      expect(JSON.stringify(await store.readAudit(null, 10))).not.toContain("sealed-secret");
    }));

  test("settings hold any JSON, and null deletes them", () =>
    inStore(async (store) => {
      const value = { a: [1, null, "x", { b: false }], "": 0.5 };
      expect((await store.changePolicy(setting("a", value), by())).settings).toEqual({ a: value });
      expect((await store.changePolicy(setting("a", false), by())).settings).toEqual({ a: false });
      expect(await beforeOf(store)).toEqual(value);
      expect((await store.changePolicy(setting("a", null), by())).settings).toEqual({});
      expect(await beforeOf(store)).toBe(false);
    }));

  test("hostile names are names like others", () =>
    inStore(async (store) => {
      for (const name of hostileNames) {
        await store.changePolicy(caps([name, name.length]), by());
        await store.changePolicy(setting(name, name), by());
        await store.changePolicy({ kind: "prices", prices: [{ ...price, provider: name, model: name }] }, by());
      }
      const policy = await store.readPolicy();
      const sorted = (names: string[]) => names.toSorted();
      expect(sorted(policy.caps.map(({ user }) => user))).toEqual(sorted(hostileNames));
      expect(sorted(policy.prices.map(({ model }) => model))).toEqual(sorted(hostileNames));
      expect(new Map(Object.entries(policy.settings))).toEqual(new Map(hostileNames.map((name) => [name, name])));
      expect(Object.getPrototypeOf(policy.settings)).toBe(Object.prototype);
    }));

  test("a change that cannot be audited is not made", () =>
    inStore(async (store) => {
      await store.changePolicy(caps(["ann", 5]), by("admin", { id: "taken" }));
      const before = [await store.readPolicy(), await store.readAudit(null, 10)];
      const entries = [
        by("admin", { id: "taken" }),
        by(null as unknown as string),
        by("admin", { at: undefined as never }),
      ];
      for (const entry of entries) {
        for (const change of [
          caps(["ann", null], ["bob", 1]),
          setting("a", 1),
          { kind: "provider", slug: "vllm", provider } as const,
        ]) {
          expect(await failureOf(store.changePolicy(change, entry))).toBeInstanceOf(Error);
        }
      }
      expect([await store.readPolicy(), await store.readAudit(null, 10)]).toEqual(before);
    }));

  const broken: [string, unknown][] = [
    ["a cap that is no number", caps(["ann", Number.NaN])],
    ["a negative cap", caps(["ann", -1])],
    ["a broken cap", caps(["ann", 0.5])],
    ["a cap above 1e15", caps(["ann", 1e15 + 1])],
    ["a second cap that is bad", caps(["ann", 1], ["bob", Number.POSITIVE_INFINITY])],
    ["a NUL in a user", caps(["a\0", 1])],
    ["a price that is no number", { kind: "prices", prices: [{ ...price, longInputUsdPerMillion: Number.NaN }] }],
    ["a negative price", { kind: "prices", prices: [{ ...price, outputUsdPerMillion: -1 }] }],
    ["a provider of another slug", { kind: "provider", slug: "other", provider }],
  ];
  test.each(broken)("refuses %s and changes nothing", (_, change) =>
    inStore(async (store) => {
      expect(await failureOf(store.changePolicy(change as PolicyChange, by()))).toBeInstanceOf(Error);
      expect(await store.readPolicy()).toEqual(empty);
      expect(await store.readAudit(null, 10)).toEqual([]);
    }),
  );

  test("the audit counts 1, 2, 3 … without gaps, also after changes that failed and changes made at once", () =>
    inStore(async (store) => {
      await store.changePolicy(caps(["u0", 0]), by("admin", { id: "taken" }));
      await Promise.allSettled(
        Array.from({ length: 30 }, (_, i) =>
          store.changePolicy(caps([`u${i}`, i]), by("admin", i % 3 === 0 ? { id: "taken" } : {})),
        ),
      );
      const rows = await store.readAudit(null, 100);
      expect(rows.map(({ seq }) => seq)).toEqual(Array.from({ length: 21 }, (_, i) => 21 - i));
      expect(await store.readRevision()).toBe(21);
    }));

  test("the audit is read newest first, page by page, as it was written", () =>
    inStore(async (store) => {
      const entries = Array.from({ length: 7 }, (_, i) =>
        by(`actor ${i}`, {
          ip: i % 2 ? null : "::1",
          after: { i, nested: ["x"] },
          reason: i ? "why" : null,
        }),
      );
      for (const entry of entries) await store.changePolicy(setting("x", entry.at), entry);
      const read = [];
      for (let beforeSeq: number | null = null; ; ) {
        const page = await store.readAudit(beforeSeq, 3);
        read.push(...page);
        if (page.length < 3) break;
        beforeSeq = page.at(-1)!.seq;
      }
      expect(read.map(({ seq }) => seq)).toEqual([7, 6, 5, 4, 3, 2, 1]);
      expect(read.map(({ seq: _, before: __, ...entry }) => entry)).toEqual(
        entries.toReversed().map((entry) => ({ ...entry, result: "done" })),
      );
      expect(await store.readAudit(1, 3)).toEqual([]);
    }));
});
