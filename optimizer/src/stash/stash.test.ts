import { describe, expect, test } from "bun:test";
import { createKeyring } from "@anyray/shared/crypto";
import fc from "fast-check";
import { TableFull } from "../sealed/eviction";
import type { StashWrite } from "../strategy";
import { makeTemporaryDirectory, randomKey } from "../testing/kept";
import { contentKey, hourMs, openTestStash, owner, scope, writeOf } from "../testing/stash";
import type { RetrieveAnswer } from "./answer";
import { StashOff } from "./stash";

describe("an original", () => {
  test("is there as soon as it was put, for every process, after a restart, whole and in part", () => {
    using directory = makeTemporaryDirectory();
    const write = writeOf("one\ntwo\nthree");
    {
      using first = openTestStash(directory);
      using second = openTestStash(directory);
      first.stash.put(scope, [write]);
      expect(first.textOf(write.handle)).toBe("one\ntwo\nthree");
      expect(second.textOf(write.handle)).toBe("one\ntwo\nthree");
    }
    using again = openTestStash(directory);
    expect(again.read(write.handle, owner, { lines: [2, 2] })).toEqual({
      answer: {
        handle: write.handle,
        content: "two\n",
        totalChars: 13,
        lines: [2, 2],
        totalLines: 3,
        truncated: false,
      },
      record: { kind: "relevance_filter", class: "lines", toolName: "Bash", scope },
    });
  });

  test("comes back as it was, whatever it is", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTestStash(directory);
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: fc.constantFrom("\ud800", "\udc00", "\u0000", "\ufeff", "\r\n", "a"), maxLength: 40 }),
    );
    fc.assert(
      fc.property(fc.uniqueArray(text, { minLength: 1, maxLength: 3 }), text, (contents, user) => {
        const whose = { ...scope, user };
        const writes = contents.map((content) => writeOf(content, { scope: whose }));
        kept.stash.put(whose, writes);
        for (const { handle, content } of writes) {
          expect(kept.textOf(handle, { tenant: "t", user })).toBe(content);
          expect(kept.textOf(handle, null)).toBe(content);
        }
      }),
      { numRuns: 100 },
    );
  });

  test("of five million characters comes back in pages", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTestStash(directory);
    const content = Array.from({ length: 100_000 }, (_, n) => `${n} ${"\u00e9x".repeat(22)}`).join("\n");
    expect(content.length).toBeGreaterThan(5_000_000);
    const write = writeOf(content);
    kept.stash.put(scope, [write]);
    const pages: string[] = [];
    for (let offset: number | undefined = 0; offset !== undefined; ) {
      const answer: RetrieveAnswer | undefined = kept.read(write.handle, owner, { offset })?.answer;
      pages.push(answer?.content ?? "");
      offset = answer?.next?.offset;
    }
    expect(pages.join("") === content).toBe(true);
    expect(kept.read(write.handle, owner, { grep: "^99999 " })?.answer.matches).toBe(1);
    expect(kept.read(write.handle, owner, { lines: [50_001, 50_001] })?.answer.content).toStartWith("50000 ");
  });

  test("stands nowhere on the disk in the clear, nor does whose it is", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTestStash(directory);
    const whose = { tenant: "CANARY-T", user: "CANARY-U", session: "CANARY-S" };
    const index = { starts: [0], unit: "symbol" as const, symbols: { CANARY_SYMBOL: 0 } };
    const write = writeOf("CANARY-CONTENT", { scope: whose, kind: "CANARY-K", toolName: "CANARY-TOOL", index });
    kept.stash.put(whose, [write]);
    expect(kept.textOf(write.handle, null)).toBe("CANARY-CONTENT");
    expect(kept.stash.retrievals().length).toBe(1);
    expect(directory.bytes()).toContain(write.handle);
    expect(directory.bytes()).not.toContain("CANARY");
  });
});

describe("how long it is kept", () => {
  test("a day after the last use; a month when it is durable", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTestStash(directory);
    const [read, put, idle, durable] = ["read", "put", "idle", "durable"].map((text) => writeOf(text)) as [
      StashWrite,
      StashWrite,
      StashWrite,
      StashWrite,
    ];
    kept.stash.put(scope, [read, put, idle]);
    kept.stash.put(scope, [durable], "durable");
    kept.clock.advance(20 * hourMs);
    kept.read(read.handle);
    kept.stash.put(scope, [put, durable]);
    kept.clock.advance(20 * hourMs);
    expect([read, put, idle, durable].map(({ handle }) => kept.textOf(handle) !== null)).toEqual([
      true,
      true,
      false,
      true,
    ]);
    kept.clock.advance(25 * hourMs);
    expect([read, put, durable].map(({ handle }) => kept.textOf(handle) !== null)).toEqual([false, false, true]);
    expect(kept.stash.sweep()).toBe(3);
    expect(kept.stash.count()).toBe(1);
    kept.clock.advance(30 * 24 * hourMs);
    expect(kept.textOf(durable.handle)).toBeNull();
  });

  test("within its tenant's quota; what is in use stays", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTestStash({ path: directory.path, quotaBytes: 50_000 });
    const random = () => Buffer.from(crypto.getRandomValues(new Uint8Array(6_000))).toString("base64");
    const used = writeOf(random());
    const writes = Array.from({ length: 10 }, () => writeOf(random()));
    const foreign = { ...scope, tenant: "x" };
    kept.stash.put(foreign, [writeOf("foreign", { scope: foreign })]);
    for (const write of writes) {
      kept.clock.advance(2 * 60_000);
      kept.stash.put(scope, [used, write]);
    }
    expect(kept.textOf(used.handle)).toBe(used.content);
    expect(kept.textOf(writes.at(-1)?.handle ?? "")).not.toBeNull();
    expect(kept.textOf(writes[0]?.handle ?? "")).toBeNull();
    expect(kept.stash.bytes()).toBeLessThan(52_000);
    expect(kept.textOf(writeOf("foreign", { scope: foreign }).handle, { tenant: "x", user: "u" })).toBe("foreign");
    const tooMany = Array.from({ length: 10 }, () => writeOf(random()));
    expect(() => kept.stash.put(scope, tooMany)).toThrow(TableFull);
    expect(tooMany.map(({ handle }) => kept.textOf(handle))).toEqual(tooMany.map(() => null));
  });

  test("a full disk: all or nothing, and what is there can be read", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTestStash({ path: directory.path, fileBytesMax: 500_000 });
    const old = writeOf("old");
    kept.stash.put(scope, [old]);
    const random = () => Buffer.from(crypto.getRandomValues(new Uint8Array(30_000))).toString("base64");
    const many = Array.from({ length: 20 }, () => writeOf(random()));
    expect(() => kept.stash.put(scope, many)).toThrow("full");
    expect(kept.stash.count()).toBe(1);
    expect(many.map(({ handle }) => kept.textOf(handle))).toEqual(many.map(() => null));
    kept.clock.advance(2 * hourMs);
    expect(kept.textOf(old.handle)).toBe("old");
  });

  test("not while content is off", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTestStash(directory);
    const write = writeOf("content");
    kept.stash.setEnabled(false);
    expect(() => kept.stash.put(scope, [write])).toThrow(StashOff);
    expect(kept.stash.count()).toBe(0);
    kept.stash.setEnabled(true);
    kept.stash.put(scope, [write]);
    expect(kept.textOf(write.handle)).toBe("content");
  });
});

describe("deletion", () => {
  test("reaches memory and every process at once", () => {
    using directory = makeTemporaryDirectory();
    using one = openTestStash(directory);
    using two = openTestStash(directory);
    const write = writeOf("content");
    const other = writeOf("content", { scope: { ...scope, session: "s2" } });
    one.stash.put(scope, [write]);
    one.stash.put({ ...scope, session: "s2" }, [other]);
    expect(one.textOf(write.handle)).toBe("content");
    expect(one.stash.facts().bytesInMemory).toBeGreaterThan(0);
    expect(two.stash.deleteSession(scope)).toBe(1);
    expect(one.textOf(write.handle)).toBeNull();
    expect(one.textOf(other.handle)).toBe("content");
    expect(one.stash.deleteUser({ user: "u" })).toBe(1);
    expect(one.stash.facts()).toMatchObject({ records: 0, bytes: 0 });
    expect(one.textOf(other.handle)).toBeNull();
    one.stash.put(scope, [write]);
    expect(one.stash.deleteTenant("x")).toBe(0);
    expect(one.stash.deleteTenant("t")).toBe(1);
    expect(one.textOf(write.handle)).toBeNull();
  });
});

describe("keys", () => {
  test("another key reads nothing, says so, and does not stand in the way", () => {
    using directory = makeTemporaryDirectory();
    const write = writeOf("content");
    {
      using kept = openTestStash(directory);
      kept.stash.put(scope, [write]);
    }
    using wrong = openTestStash({ path: directory.path, key: randomKey() });
    expect(wrong.textOf(write.handle)).toBeNull();
    expect(wrong.textOf(write.handle, null)).toBeNull();
    expect(wrong.stash.facts().unreadable).toBe(1);
    wrong.stash.put(scope, [write]);
    expect(wrong.textOf(write.handle)).toBe("content");
  });

  test("after a change of keys all can be sealed anew, the counts too", async () => {
    using directory = makeTemporaryDirectory();
    const write = writeOf("content");
    const next = randomKey();
    {
      using kept = openTestStash(directory);
      kept.stash.put(scope, [write]);
      kept.read(write.handle);
    }
    {
      using both = openTestStash({ path: directory.path, keyring: createKeyring(next, [contentKey]) });
      expect(both.textOf(write.handle)).toBe("content");
      expect(await both.stash.rewrapAll()).toEqual({ rewrapped: 1, unreadable: 0 });
    }
    using after = openTestStash({ path: directory.path, key: next });
    expect(after.textOf(write.handle)).toBe("content");
    expect(after.stash.retrievals()).toEqual([
      { kind: "relevance_filter", class: "lines", toolName: "Bash", count: 3 },
    ]);
  });
});

test("retrievals are counted by strategy, tool and class, those that gave something", () => {
  using directory = makeTemporaryDirectory();
  using kept = openTestStash(directory);
  const lines = writeOf("lines");
  const json = writeOf("[1]", { class: "json", toolName: null, kind: "context_compression" });
  kept.stash.put(scope, [lines, json]);
  kept.read(json.handle);
  for (let n = 0; n < 3; n++) kept.read(lines.handle);
  kept.read(lines.handle, { tenant: "x", user: "u" });
  expect(() => kept.read(lines.handle, owner, { symbol: "none" })).toThrow();
  expect(kept.stash.retrievals()).toEqual([
    { kind: "relevance_filter", class: "lines", toolName: "Bash", count: 3 },
    { kind: "context_compression", class: "json", toolName: null, count: 1 },
  ]);
});

test.each(["", "ctx_short", "CTX_ABCDEFGHIJKLMNOP", "ctx_abcdefghijklmno1"])(
  "%p is no handle to keep under",
  (handle) => {
    using directory = makeTemporaryDirectory();
    using kept = openTestStash(directory);
    expect(() => kept.stash.put(scope, [writeOf("good"), writeOf("bad", { handle })])).toThrow("not a handle");
    expect(kept.stash.count()).toBe(0);
  },
);
