import { describe, expect, test } from "bun:test";
import { createKeyring } from "@anyray/shared/crypto";
import type { Scope } from "../handles";
import { makeTemporaryDirectory, randomKey } from "../testing/kept";
import { openTable, tableKey, textOf } from "../testing/sealed-table";

describe("an owner's rows", () => {
  const owners: Scope[] = ["t1", "t2"].flatMap((tenant) =>
    ["u1", "u2"].flatMap((user) => ["s1", "s2"].map((session) => ({ tenant, user, session }))),
  );
  const nameOf = ({ tenant, user, session }: Scope) => [tenant, user, session].join("-");

  test.each([
    [{ tenant: "t1" }, 4],
    [{ user: "u1" }, 4],
    [{ tenant: "t1", user: "u1" }, 2],
    [{ tenant: "t1", user: "u1", session: "s1" }, 1],
    [{ tenant: "t3" }, 0],
  ])("%j are forgotten, and no others", (owned, count) => {
    using directory = makeTemporaryDirectory();
    using kept = openTable(directory);
    kept.table.put(owners.map((owner) => kept.entry(nameOf(owner), { owner })));
    const gone = kept.table.forget(owned);
    const isOwned = (owner: Scope) =>
      Object.entries(owned).every(([part, value]) => owner[part as keyof Scope] === value);
    expect(gone.sort()).toEqual(owners.filter(isOwned).map(nameOf).sort());
    expect(gone.length).toBe(count);
    expect(kept.table.usage().rows).toBe(owners.length - count);
  });

  test("leave no byte of theirs on the disk", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTable(directory);
    kept.table.put([kept.entry("a", { size: 20_000 }), kept.entry("b")]);
    const { sealed } = kept.db.query<{ sealed: string }, []>("SELECT sealed FROM things WHERE id = 'a'").get()!;
    expect(directory.bytes()).toContain(sealed.slice(100, 200));
    kept.table.forget({ user: "u" });
    expect(directory.bytes()).not.toContain(sealed.slice(100, 200));
  });
});

describe("keys", () => {
  test("a change of keys: the former one reads, all is sealed anew, then the former one can go", async () => {
    using directory = makeTemporaryDirectory();
    const next = randomKey();
    {
      using before = openTable(directory);
      before.table.put(Array.from({ length: 50 }, (_, n) => before.entry(`e${n}`, { text: `text ${n}` })));
    }
    {
      using during = openTable({ path: directory.path, keyring: createKeyring(next, [tableKey]) });
      expect(textOf(during.table.open("e7"))).toBe("text 7");
      expect(during.table.findByAccess([during.tags.tag("e7")])?.id).toBe("e7");
      expect(await during.table.rewrapAll()).toEqual({ rewrapped: 50, unreadable: 0 });
      expect(await during.table.rewrapAll()).toEqual({ rewrapped: 0, unreadable: 0 });
    }
    using after = openTable({ path: directory.path, keyring: createKeyring(next) });
    expect(textOf(after.table.open("e49"))).toBe("text 49");
    expect(after.table.findByAccess([after.tags.tag("e49")])?.id).toBe("e49");
    const { bytes } = after.db.query<{ bytes: number }, []>("SELECT sum(bytes) AS bytes FROM things").get()!;
    expect(after.table.usage().bytes).toBe(bytes);
  });

  test("a change of keys goes on where it was broken off, by whichever process", async () => {
    using directory = makeTemporaryDirectory();
    const next = randomKey();
    {
      using before = openTable(directory);
      before.table.put(Array.from({ length: 100 }, (_, n) => before.entry(`e${n}`)));
    }
    using one = openTable({ path: directory.path, keyring: createKeyring(next, [tableKey]) });
    using two = openTable({ path: directory.path, keyring: createKeyring(next, [tableKey]) });
    const begun = one.table.rewrapAll();
    await Bun.sleep(0);
    const underway = two.db.query("SELECT 1 FROM things WHERE key_id = ?").all(createKeyring(next).keyId).length;
    expect(underway).toBeGreaterThan(0);
    expect(underway).toBeLessThan(100);
    const [first, second] = await Promise.all([begun, two.table.rewrapAll()]);
    expect(first.rewrapped + second.rewrapped).toBe(100);
    expect(textOf(two.table.open("e99"))).toBe("e99");
  });

  test("under another key nothing is found, nothing is lost, and writing goes on", () => {
    using directory = makeTemporaryDirectory();
    {
      using before = openTable(directory);
      before.table.put([before.entry("a", { text: "one", isReplacing: false }), before.entry("b")]);
    }
    {
      using wrong = openTable({ path: directory.path, keyring: createKeyring(randomKey()) });
      expect(wrong.table.open("b")).toBeNull();
      expect(wrong.table.findByAccess([wrong.tags.tag("b")])).toBeNull();
      expect(wrong.table.usage().unreadable).toBe(1);
      wrong.table.put([wrong.entry("a", { text: "two", isReplacing: false })]);
      expect(textOf(wrong.table.open("a"))).toBe("two");
    }
    using after = openTable(directory);
    expect(textOf(after.table.open("b"))).toBe("b");
    expect(after.table.open("a")).toBeNull();
  });

  test.each(["sealed", "user", "session", "access", "tenant"])("a row with another's %s cannot be opened", (column) => {
    using directory = makeTemporaryDirectory();
    using kept = openTable(directory);
    const owner = { tenant: "t2", user: "u2", session: "s2" };
    kept.table.put([kept.entry("a"), kept.entry("b", { owner })]);
    kept.db.run(`UPDATE things SET ${column} = (SELECT ${column} FROM things WHERE id = 'b') WHERE id = 'a'`);
    expect(kept.table.open("a")).toBeNull();
    expect(kept.table.usage().unreadable).toBe(1);
    expect(textOf(kept.table.open("b"))).toBe("b");
    // It can never be read: it makes room for a good one.
    kept.table.put([kept.entry("a", { isReplacing: false })]);
    expect(textOf(kept.table.open("a"))).toBe("a");
  });
});
