import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { makeTemporaryDirectory } from "../testing/kept";
import { hourMs, openTestStash, owner, scope, writeOf } from "../testing/stash";

describe("who may have it", () => {
  test.each([
    [{ tenant: "t", user: "u" }, true, true],
    [{ tenant: "t", user: "v" }, false, true],
    [{ tenant: "t", user: "" }, false, true],
    [{ tenant: "x", user: "u" }, false, false],
    [{ tenant: "", user: "" }, false, false],
    [{ tenant: "t", user: "u\u0000" }, false, true],
    [null, true, true],
  ])("asker %j: of a user %p, of no user %p", (asker, ofUser, ofTenant) => {
    using directory = makeTemporaryDirectory();
    using kept = openTestStash(directory);
    const shared = { tenant: "t", user: "", session: "s" };
    const own = writeOf("own");
    const common = writeOf("common", { scope: shared });
    kept.stash.put(scope, [own]);
    kept.stash.put(shared, [common]);
    // Also once it is in memory.
    kept.read(own.handle);
    expect(kept.textOf(own.handle, asker)).toBe(ofUser ? "own" : null);
    expect(kept.textOf(common.handle, asker)).toBe(ofTenant ? "common" : null);
  });

  test("unknown, foreign, expired, deleted, switched off and malformed are one answer", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTestStash(directory);
    const write = writeOf("content");
    const old = writeOf("old");
    const gone = writeOf("gone", { scope: { ...scope, session: "gone" } });
    kept.stash.put(scope, [old]);
    kept.clock.advance(23 * hourMs);
    kept.stash.put(scope, [write]);
    kept.stash.put({ ...scope, session: "gone" }, [gone]);
    kept.clock.advance(2 * hourMs);
    kept.stash.deleteSession({ ...scope, session: "gone" });
    expect(kept.read("ctx_aaaaaaaaaaaaaaaa")).toBeNull();
    expect(kept.read("")).toBeNull();
    expect(kept.read("ctx_' OR 1=1 --")).toBeNull();
    expect(kept.read(old.handle)).toBeNull();
    expect(kept.read(old.handle, null)).toBeNull();
    expect(kept.read(gone.handle)).toBeNull();
    expect(kept.read(write.handle, { tenant: "x", user: "u" })).toBeNull();
    // A part that does not exist tells nothing to a stranger.
    expect(kept.read(write.handle, { tenant: "x", user: "u" }, { lines: [9, 9] })).toBeNull();
    expect(() => kept.read(write.handle, owner, { lines: [9, 9] })).toThrow("lines:");
    kept.stash.setEnabled(false);
    expect(kept.read(write.handle)).toBeNull();
  });

  test("for no two askers the same: no other tenant or user reads anything", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTestStash(directory);
    const name = fc.constantFrom("", "a", "b", "a/b", '","');
    fc.assert(
      fc.property(fc.tuple(name, name, name, name), fc.nat(5), ([tenant, user, otherTenant, otherUser], n) => {
        const whose = { tenant, user, session: "s" };
        const write = writeOf(`content ${n}`, { scope: whose });
        kept.stash.put(whose, [write]);
        const mayRead = tenant === otherTenant && (user === "" || user === otherUser);
        expect(kept.textOf(write.handle, { tenant: otherTenant, user: otherUser }) !== null).toBe(mayRead);
      }),
    );
  });
});
