import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { createKeyring } from "@anyray/shared/crypto";
import { createManualClock } from "@anyray/shared/testing/clock";
import { emptySession, type SessionMemory } from "./session";
import { openSessionStore, type SessionStoreOptions } from "./session-store";
import { makeTemporaryDirectory, randomKey } from "./testing/kept";

const contentKey = randomKey();
const hourMs = 3_600_000;

function open(options: Partial<SessionStoreOptions> & { path: string }) {
  const clock = createManualClock();
  const store = openSessionStore({
    keyring: createKeyring(contentKey),
    now: clock.now,
    after: clock.after,
    ...options,
  });
  return { store, clock, [Symbol.dispose]: () => store.close() };
}

function memoryOf(text: string): SessionMemory {
  return {
    ...emptySession(),
    calls: 3,
    lastCachedTokens: 12,
    sent: ["a", "b"],
    emitted: new Map([["a", { text, saved: { k: 5 }, claim: "k", handles: ["ctx_abcdefghijklmnop"] }]]),
    remembered: new Map<string, unknown>([["k", { kept: [1, 2], lone: "\ud800" }]]),
  };
}

describe("the memory of a session", () => {
  test("is there at once, on disk within a second, and after a restart", () => {
    using directory = makeTemporaryDirectory();
    using first = open(directory);
    expect(first.store.load("s")).toBeNull();
    const memory = memoryOf("one");
    first.store.save("s", memory);
    expect(first.store.load("s")).toBe(memory);
    first.clock.advance(1_000);
    // Another process on the file, while this one is as good as killed.
    using second = open(directory);
    expect(second.store.load("s")).toEqual(memory);
    expect(second.store.load("x")).toBeNull();
  });

  test("is the last one saved", () => {
    using directory = makeTemporaryDirectory();
    {
      using first = open(directory);
      first.store.save("s", memoryOf("one"));
      first.clock.advance(700);
      first.store.save("s", memoryOf("two"));
      first.store.save("t", memoryOf("three"));
    }
    using second = open(directory);
    expect(second.store.load("s")).toEqual(memoryOf("two"));
    expect(second.store.load("t")).toEqual(memoryOf("three"));
    expect(second.store.facts().sessions).toBe(2);
  });

  test("a thousand at once are all on disk a second later", () => {
    using directory = makeTemporaryDirectory();
    using first = open(directory);
    for (let n = 0; n < 1_000; n++) first.store.save(`s${n}`, memoryOf(`text ${n}`));
    first.clock.advance(1_000);
    expect(first.store.facts()).toMatchObject({ sessions: 1_000, failedWrites: 0 });
  });

  test("goes a day after its last save, from memory and from disk", () => {
    using directory = makeTemporaryDirectory();
    using kept = open(directory);
    kept.store.save("s", memoryOf("one"));
    kept.clock.advance(23 * hourMs);
    expect(kept.store.load("s")).not.toBeNull();
    kept.clock.advance(hourMs);
    expect(kept.store.load("s")).toBeNull();
    expect(kept.store.sweep()).toBe(1);
  });

  test("is bounded in memory, on disk and each by itself", () => {
    using directory = makeTemporaryDirectory();
    const limits = { memoryBytesMax: 50_000, bytesMax: 60_000, entryBytesMax: 30_000 };
    using kept = open({ path: directory.path, ...limits });
    const random = () => memoryOf(Buffer.from(crypto.getRandomValues(new Uint8Array(6_000))).toString("base64"));
    for (let n = 0; n < 12; n++) {
      kept.store.save(`s${n}`, random());
      kept.clock.advance(1_000);
    }
    expect(kept.store.facts().bytesInMemory).toBeLessThanOrEqual(50_000);
    expect(kept.store.facts().bytes).toBeLessThanOrEqual(60_000);
    expect(kept.store.load("s0")).toBeNull();
    expect(kept.store.load("s11")).not.toBeNull();
    kept.store.save("s11", memoryOf("x".repeat(40_000)));
    kept.clock.advance(1_000);
    expect(kept.store.load("s11")).toBeNull();
    expect(kept.store.facts().givenUp).toBe(1);
  });

  test("that cannot be read is none: damaged, of another key, of another version", () => {
    using directory = makeTemporaryDirectory();
    {
      using kept = open(directory);
      kept.store.save("damaged", memoryOf("one"));
      kept.store.save("good", memoryOf("two"));
      const { calls: _, ...older } = memoryOf("x");
      kept.store.save("older", older as SessionMemory);
      kept.store.save("other", { ...memoryOf("x"), remembered: [] } as unknown as SessionMemory);
    }
    {
      using wrong = open({ path: directory.path, keyring: createKeyring(randomKey()) });
      expect(wrong.store.load("good")).toBeNull();
      wrong.store.save("good", memoryOf("three"));
    }
    using kept = open(directory);
    for (const key of ["older", "other"]) expect(kept.store.load(key)).toBeNull();
    expect(kept.store.load("good")).toEqual(memoryOf("two"));
    using db = new Database(directory.path);
    db.run("UPDATE sessions SET sealed = substr(sealed, 1, length(sealed) - 3) || 'AAA'");
    using again = open(directory);
    expect(again.store.load("damaged")).toBeNull();
    expect(again.store.facts().unreadable).toBe(1);
  });

  test("stays usable and is tried again while the disk cannot be written", () => {
    using directory = makeTemporaryDirectory();
    using kept = open(directory);
    using blocker = new Database(directory.path);
    blocker.run("CREATE TRIGGER refuse BEFORE INSERT ON sessions BEGIN SELECT RAISE(ABORT, 'no'); END");
    const memory = memoryOf("one");
    kept.store.save("s", memory);
    kept.clock.advance(3_000);
    expect(kept.store.load("s")).toBe(memory);
    expect(kept.store.facts()).toMatchObject({ sessions: 0, failedWrites: 6 });
    expect(() => kept.store.flush()).toThrow();
    blocker.run("DROP TRIGGER refuse");
    kept.clock.advance(1_000);
    expect(kept.store.facts().sessions).toBe(1);
  });

  test("stays in memory while content is off", () => {
    using directory = makeTemporaryDirectory();
    using kept = open(directory);
    kept.store.save("before", memoryOf("one"));
    kept.store.setEnabled(false);
    kept.store.save("during", memoryOf("two"));
    kept.clock.advance(2_000);
    for (const key of ["before", "during"]) expect(kept.store.load(key)).not.toBeNull();
    expect(kept.store.facts().sessions).toBe(0);
    kept.store.setEnabled(true);
    kept.store.save("after", memoryOf("three"));
    kept.clock.advance(1_000);
    expect(kept.store.facts().sessions).toBe(1);
  });

  test("stands nowhere on the disk in the clear", () => {
    using directory = makeTemporaryDirectory();
    using kept = open(directory);
    kept.store.save("CANARY-KEY", memoryOf("CANARY-TEXT"), { tenant: "CANARY", user: "CANARY", session: "CANARY" });
    kept.store.flush();
    expect(kept.store.facts().sessions).toBe(1);
    expect(directory.bytes()).not.toContain("CANARY");
  });

  test("is deleted with its owner, written or not, and sealed anew after a change of keys", async () => {
    using directory = makeTemporaryDirectory();
    const next = randomKey();
    {
      using kept = open(directory);
      const owner = { tenant: "t", user: "u", session: "s" };
      kept.store.save("written", memoryOf("one"), owner);
      kept.clock.advance(1_000);
      kept.store.save("waiting", memoryOf("two"), { ...owner, session: "s2" });
      kept.store.save("other", memoryOf("three"), { ...owner, user: "v" });
      expect(kept.store.forget({ tenant: "t", user: "u" })).toBe(2);
      for (const key of ["written", "waiting"]) expect(kept.store.load(key)).toBeNull();
      kept.clock.advance(1_000);
      expect(kept.store.load("waiting")).toBeNull();
    }
    {
      using both = open({ path: directory.path, keyring: createKeyring(next, [contentKey]) });
      expect(await both.store.rewrapAll()).toEqual({ rewrapped: 1, unreadable: 0 });
    }
    using after = open({ path: directory.path, keyring: createKeyring(next) });
    expect(after.store.load("other")).toEqual(memoryOf("three"));
  });
});
