import { expect, test } from "bun:test";
import { createKeyring } from "@anyray/shared/crypto";
import { createManualClock } from "@anyray/shared/testing/clock";
import { noUsage } from "@anyray/shared/usage";
import fc from "fast-check";
import { makeTemporaryDirectory, randomKey } from "../testing/kept";
import { type AnswerCacheOptions, openAnswerCache } from "./answer-cache";

const contentKey = randomKey();

function open(options: Partial<AnswerCacheOptions> & { path: string }) {
  const clock = createManualClock();
  const cache = openAnswerCache({ keyring: createKeyring(contentKey), now: clock.now, ...options });
  return { cache, clock, [Symbol.dispose]: () => cache.close() };
}

const answer = { response: '{"id": "1",  "n": 1.0}', model: "m", usage: { ...noUsage, inputTokens: 7 } };

test("an answer comes back character by character, also after a restart, and hits are counted", () => {
  using directory = makeTemporaryDirectory();
  {
    using kept = open(directory);
    expect(kept.cache.get("k")).toBeNull();
    expect(kept.cache.put("k", answer)).toBe(true);
    expect(kept.cache.get("k")).toEqual(answer);
    expect(kept.cache.get("other")).toBeNull();
    expect(kept.cache.facts()).toMatchObject({ entries: 1, hits: 1, misses: 2, tooLarge: 0, unreadable: 0 });
  }
  using again = open(directory);
  expect(again.cache.get("k")).toEqual(answer);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (key, response) => {
      again.cache.put(key, { response, model: "m" });
      expect(again.cache.get(key)).toEqual({ response, model: "m" });
    }),
    { numRuns: 50 },
  );
});

test("it stays for its time, which use does not make longer", () => {
  using directory = makeTemporaryDirectory();
  using kept = open(directory);
  kept.cache.put("hour", answer);
  kept.cache.put("minute", answer, { ttlSeconds: 60 });
  kept.cache.put("never", answer, { ttlSeconds: 0 });
  expect(kept.cache.get("never")).toBeNull();
  kept.clock.advance(59_000);
  expect(kept.cache.get("minute")).toEqual(answer);
  kept.clock.advance(1_000);
  expect(kept.cache.get("minute")).toBeNull();
  for (let minute = 1; minute < 59; minute++) {
    kept.clock.advance(60_000);
    expect(kept.cache.get("hour")).toEqual(answer);
  }
  kept.clock.advance(60_000);
  expect(kept.cache.get("hour")).toBeNull();
  expect(kept.cache.sweep()).toBe(3);
});

test("a later answer takes the place of an earlier one, in memory too", () => {
  using directory = makeTemporaryDirectory();
  using kept = open(directory);
  using other = open(directory);
  kept.cache.put("k", answer);
  expect(kept.cache.get("k")).toEqual(answer);
  kept.cache.put("k", { response: "2", model: "m" });
  expect(kept.cache.get("k")?.response).toBe("2");
  other.clock.advance(5);
  other.cache.put("k", { response: "3", model: "m" });
  expect(kept.cache.get("k")?.response).toBe("3");
});

test("another generation finds nothing of an earlier one", () => {
  using directory = makeTemporaryDirectory();
  using kept = open({ path: directory.path, generation: "1" });
  kept.cache.put("k", answer);
  kept.cache.setGeneration("2");
  expect(kept.cache.get("k")).toBeNull();
  kept.cache.put("k", { response: "2", model: "m" });
  expect(kept.cache.get("k")?.response).toBe("2");
  kept.cache.setGeneration("1");
  expect(kept.cache.get("k")).toEqual(answer);
});

test("while content is off nothing is kept and nothing given back", () => {
  using directory = makeTemporaryDirectory();
  using kept = open(directory);
  kept.cache.put("k", answer);
  kept.cache.setEnabled(false);
  expect(kept.cache.get("k")).toBeNull();
  expect(kept.cache.put("l", answer)).toBe(false);
  expect(kept.cache.facts().entries).toBe(1);
  kept.cache.setEnabled(true);
  expect(kept.cache.get("k")).toEqual(answer);
});

test("one entry, and all together, have a limit", () => {
  using directory = makeTemporaryDirectory();
  using kept = open({ path: directory.path, entryBytesMax: 30_000, bytesMax: 100_000 });
  expect(kept.cache.put("k", { response: "x".repeat(30_000), model: "m" })).toBe(false);
  expect(kept.cache.facts().tooLarge).toBe(1);
  const random = () => Buffer.from(crypto.getRandomValues(new Uint8Array(15_000))).toString("base64");
  for (let n = 0; n < 10; n++) {
    kept.clock.advance(1_000);
    kept.cache.put(`k${n}`, { response: random(), model: "m" });
  }
  expect(kept.cache.facts().bytes).toBeLessThanOrEqual(100_000);
  expect(kept.cache.get("k9")).not.toBeNull();
  expect(kept.cache.get("k0")).toBeNull();
});

test("nothing of it stands on the disk in the clear, and another key reads nothing", () => {
  using directory = makeTemporaryDirectory();
  using kept = open(directory);
  kept.cache.put("CANARY-KEY", { response: "CANARY-RESPONSE", model: "CANARY-MODEL" });
  expect(directory.bytes()).not.toContain("CANARY");
  using wrong = open({ path: directory.path, keyring: createKeyring(randomKey()) });
  expect(wrong.cache.get("CANARY-KEY")).toBeNull();
});

test("an owner's answers can be deleted, and sealed anew after a change of keys", async () => {
  using directory = makeTemporaryDirectory();
  const next = randomKey();
  {
    using kept = open(directory);
    const owner = { tenant: "t", user: "u", session: "" };
    kept.cache.put("mine", answer, { owner });
    kept.cache.put("other", answer);
    expect(kept.cache.get("mine")).toEqual(answer);
    expect(kept.cache.forget({ user: "u" })).toBe(1);
    expect(kept.cache.get("mine")).toBeNull();
  }
  {
    using both = open({ path: directory.path, keyring: createKeyring(next, [contentKey]) });
    expect(await both.cache.rewrapAll()).toEqual({ rewrapped: 1, unreadable: 0 });
  }
  using after = open({ path: directory.path, keyring: createKeyring(next) });
  expect(after.cache.get("other")).toEqual(answer);
});
