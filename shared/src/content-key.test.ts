import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { acceptContentKey, checkContentKey, dropFormerKeys, type KeyOwner } from "./content-key";
import { createKeyring, type Keyring, sealedUnder } from "./crypto";
import { makeKey } from "./secrets";
import { openSqlite, openSqliteInline } from "./store/sqlite";
import type { Store } from "./store/store";

const [first, second, third] = [makeKey(), makeKey(), makeKey()];
let dir: string;
let store: Store;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "anyray-key-"));
  store = openSqliteInline({ path: join(dir, "anyray.db"), timezone: "UTC" });
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

const check = (keyring: Keyring, owner: KeyOwner = "gateway") => checkContentKey(store, keyring, owner, () => 1);
const idOf = (key: string) => createKeyring(key).keyId;

test("the first key is taken, and from then on another one is the wrong one", async () => {
  expect(await check(createKeyring(first))).toEqual({ keyId: idOf(first), isKeyValid: true, missing: [], former: [] });
  expect(await check(createKeyring(first))).toMatchObject({ isKeyValid: true });
  const wrong = { isKeyValid: false, missing: [idOf(first)] };
  expect(await check(createKeyring(second))).toMatchObject(wrong);
  expect(await check(createKeyring(second, [third]))).toMatchObject(wrong);
  expect(await store.readKeyChecks()).toHaveLength(1);
});

test("a key beside the former ones is right; without them it is wrong until nothing is under them", async () => {
  await check(createKeyring(first));
  const rotated = createKeyring(second, [first]);
  expect(await check(rotated)).toMatchObject({ isKeyValid: true, former: [idOf(first)] });
  expect(await check(createKeyring(second))).toMatchObject({ isKeyValid: false, missing: [idOf(first)] });
  await dropFormerKeys(store, rotated, "gateway");
  expect(await check(createKeyring(second))).toMatchObject({ isKeyValid: true, former: [] });
});

describe("two that seal", () => {
  test("need the same key, and each gives up the former one when it is done", async () => {
    await check(createKeyring(first));
    expect(await check(createKeyring(second), "optimizer")).toMatchObject({ isKeyValid: false });
    await check(createKeyring(first), "optimizer");
    const rotated = createKeyring(second, [first]);
    await check(rotated);
    await check(rotated, "optimizer");
    await dropFormerKeys(store, rotated, "gateway");
    expect(await check(createKeyring(second))).toMatchObject({ isKeyValid: true });
    expect(await check(createKeyring(second), "optimizer")).toMatchObject({ isKeyValid: false });
  });

  test("at the same moment, each with a key of its own: one of them is right", async () => {
    const stores = await Promise.all([1, 2].map(() => openSqlite({ path: join(dir, "anyray.db"), timezone: "UTC" })));
    const states = await Promise.all(
      stores.map((each, i) => checkContentKey(each, createKeyring([first, second][i]!), "gateway", () => 1)),
    );
    expect(states.map(({ isKeyValid }) => isKeyValid).sort()).toEqual([false, true]);
    for (const each of stores) await each.close();
  });
});

test("a store from before there were such words is judged by its provider keys", async () => {
  const sealedKey = createKeyring(first).seal("sk-secret", "provider-key/vllm");
  const provider = { slug: "vllm", kind: "openai", baseUrl: "http://v", sealedKey, onAbort: null } as const;
  const entry = { id: "1", at: 1, actor: "a", ip: null, action: "a", object: "o", after: null, reason: null };
  await store.changePolicy({ kind: "provider", slug: "vllm", provider }, entry);
  expect(sealedUnder(sealedKey)).toBe(idOf(first));
  expect(await check(createKeyring(second))).toMatchObject({ isKeyValid: false, missing: [idOf(first)] });
  expect(await check(createKeyring(second, [first]))).toMatchObject({ isKeyValid: true });
});

test("a lost key can be given up by hand", async () => {
  await check(createKeyring(first));
  await check(createKeyring(first), "optimizer");
  expect(await acceptContentKey(store, createKeyring(second), () => 2)).toEqual([idOf(first)]);
  for (const owner of ["gateway", "optimizer"] as const) {
    expect(await check(createKeyring(second), owner)).toMatchObject({ isKeyValid: true, missing: [] });
    expect(await check(createKeyring(first), owner)).toMatchObject({ isKeyValid: false });
  }
  expect(await acceptContentKey(store, createKeyring(second), () => 3)).toEqual([]);
});

test("a word that was changed, or moved from another key, opens nothing", async () => {
  await check(createKeyring(first));
  const [own] = await store.readKeyChecks();
  await store.changeKeyChecks({ ...own!, keyId: `gateway/${idOf(second)}` }, [own!.keyId], [own!.keyId]);
  expect(await check(createKeyring(second, [first]))).toMatchObject({ isKeyValid: false });
});
