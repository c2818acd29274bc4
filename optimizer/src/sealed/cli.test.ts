import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkContentKey } from "@anyray/shared/content-key";
import { createKeyring } from "@anyray/shared/crypto";
import { readEnv } from "@anyray/shared/env";
import { makeKey } from "@anyray/shared/secrets";
import { openStore } from "@anyray/shared/store/open";
import { openAnswerCache } from "../answer-cache/answer-cache";
import { rewrapFiles } from "./cli";

const [old, fresh, foreign] = [makeKey(), makeKey(), makeKey()];
const owner = { tenant: "", user: "ann", session: "" };
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "anyray-rewrap-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const openAnswers = (key: string, ...former: string[]) =>
  openAnswerCache({ path: join(dir, "optimizer.db"), keyring: createKeyring(key, former), now: Date.now });
const rewrap = (isDryRun: boolean) =>
  rewrapFiles(readEnv({ ANYRAY_CONTENT_KEY: fresh, ANYRAY_CONTENT_KEYS_OLD: old }), dir, isDryRun);

async function checkKey(...keys: string[]) {
  const store = await openStore({ dataDir: dir, timezone: "UTC" });
  const [active = "", ...former] = keys;
  const state = await checkContentKey(store, createKeyring(active, former), "optimizer", Date.now);
  await store.close();
  return state.isKeyValid;
}

function put(keys: [string, ...string[]], name: string): void {
  const answers = openAnswers(...keys);
  answers.setGeneration("g");
  expect(answers.put(name.repeat(64), { response: `{"said":"${name}"}`, model: "m" }, { owner })).toBe(true);
  answers.close();
}

test("what is under the former key is counted, then sealed anew, and the former key is needed no more", async () => {
  expect(await rewrap(false)).toEqual({ code: 0, said: "optimizer: nothing is kept\n" });
  expect(await checkKey(old)).toBe(true);
  put([old], "a");
  put([old], "b");
  expect(await checkKey(fresh, old)).toBe(true);
  expect(await checkKey(fresh)).toBe(false);
  expect((await rewrap(true)).said).toContain("2 rows to be sealed anew");
  expect(await rewrap(false)).toEqual({ code: 0, said: "optimizer: 2 rows sealed anew; unreadable: 0\n" });
  expect((await rewrap(true)).said).toContain("0 rows to be sealed anew");
  expect(await checkKey(fresh)).toBe(true);
  const answers = openAnswers(fresh);
  answers.setGeneration("g");
  expect(answers.get("a".repeat(64))?.response).toBe('{"said":"a"}');
  answers.close();
});

test("what no key opens stays, is counted, and keeps the former key needed", async () => {
  await checkKey(old);
  put([old], "a");
  put([foreign], "b");
  await checkKey(fresh, old);
  expect(await rewrap(false)).toEqual({ code: 1, said: "optimizer: 1 rows sealed anew; unreadable: 1\n" });
  expect(await checkKey(fresh)).toBe(false);
});
