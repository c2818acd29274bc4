import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { statSync } from "node:fs";
import fc from "fast-check";
import { makeTemporaryDirectory } from "../testing/kept";
import { hourMs, openTable, textOf } from "../testing/sealed-table";
import { TableFull } from "./eviction";
import { openSealedFile } from "./file";

describe("a sealed table", () => {
  test("gives back what was put, also after the file is opened again", () => {
    using directory = makeTemporaryDirectory();
    {
      using first = openTable(directory);
      first.table.put([first.entry("a", { text: "one" }), first.entry("b", { text: "" })]);
    }
    using again = openTable(directory);
    expect(textOf(again.table.open("a"))).toBe("one");
    expect(textOf(again.table.open("b"))).toBe("");
    expect(again.table.open("c")).toBeNull();
    expect(again.table.findByAccess([again.tags.tag("x"), again.tags.tag("a")])?.id).toBe("a");
  });

  test("shows nothing in the clear, and its files to nobody else", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTable(directory);
    const owner = { tenant: "CANARY-TENANT", user: "CANARY-USER", session: "CANARY-SESSION" };
    kept.table.put([kept.entry("id-1", { text: "CANARY-CONTENT", owner })]);
    expect(directory.bytes()).toContain("id-1");
    expect(directory.bytes()).not.toContain("CANARY");
    expect(statSync(directory.path).mode & 0o777).toBe(0o600);
    expect(statSync(`${directory.path}-wal`).mode & 0o777).toBe(0o600);
  });

  test("forgets what has expired, and keeps longer what is used", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTable(directory);
    const { table, clock, entry } = kept;
    table.put([entry("a"), entry("b")]);
    clock.advance(hourMs / 2);
    const a = table.findById("a");
    if (a) table.touch(a, clock.now() + hourMs);
    clock.advance(hourMs / 2);
    expect(table.findById("a")?.id).toBe("a");
    expect(table.findById("b")).toBeNull();
    expect(table.findByAccess([kept.tags.tag("b")])).toBeNull();
    expect(table.sweep()).toBe(1);
    expect(table.usage()).toMatchObject({ rows: 1 });
    // Never shortened.
    table.put([entry("a", { isReplacing: false, expiresAt: clock.now() + 1 })]);
    clock.advance(1_000);
    expect(table.findById("a")?.id).toBe("a");
  });

  test("an id belongs to whom it was first given to", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTable(directory);
    kept.table.put([kept.entry("a", { isReplacing: false })]);
    const foreign = kept.entry("a", { isReplacing: false, access: kept.tags.tag("other") });
    expect(() => kept.table.put([kept.entry("b"), foreign])).toThrow("belongs to somebody else");
    expect(kept.table.findById("b")).toBeNull();
  });

  test("what is kept already is not asked for again", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTable(directory);
    kept.table.put([kept.entry("a", { isReplacing: false, text: "one" })]);
    const content = (): never => {
      throw new Error("not needed");
    };
    kept.table.put([kept.entry("a", { isReplacing: false, content })]);
    expect(textOf(kept.table.open("a"))).toBe("one");
  });

  test("the longest unused go first when a tenant, or all, have too much", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTable({ ...directory, path: directory.path, tenantBytesMax: 60_000, bytesMax: 100_000 });
    const { table, clock, entry } = kept;
    const put = (id: string, tenant: string) => {
      clock.advance(70_000);
      table.put([entry(id, { size: 15_000, owner: { tenant, user: "", session: "" } })]);
    };
    const isKept = (id: string) => table.findById(id) !== null;
    put("a1", "a");
    put("a2", "a");
    clock.advance(70_000);
    const a1 = table.findById("a1");
    if (a1) table.touch(a1, clock.now() + hourMs);
    put("a3", "a");
    expect(["a1", "a2", "a3"].map(isKept)).toEqual([true, false, true]);
    for (const id of ["b1", "c1", "d1"]) put(id, id);
    expect(["a1", "a3", "b1", "c1", "d1"].map(isKept)).toEqual([false, true, true, true, true]);
    expect(table.usage().bytes).toBeLessThanOrEqual(100_000);
  });

  test("more than the quota at once is refused whole", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTable({ path: directory.path, tenantBytesMax: 30_000 });
    kept.table.put([kept.entry("old")]);
    const many = [1, 2, 3].map((n) => kept.entry(`new-${n}`, { size: 10_000 }));
    expect(() => kept.table.put(many)).toThrow(TableFull);
    expect(kept.table.ids()).toEqual(["old"]);
  });

  test("a full disk leaves nothing half-written", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTable({ path: directory.path, fileBytesMax: 400_000 });
    kept.table.put([kept.entry("old", { text: "still there" })]);
    const many = Array.from({ length: 40 }, (_, n) => kept.entry(`new-${n}`, { size: 20_000 }));
    expect(() => kept.table.put(many)).toThrow("full");
    expect(kept.table.ids()).toEqual(["old"]);
    expect(textOf(kept.table.open("old"))).toBe("still there");
    kept.table.put([kept.entry("small")]);
    expect(kept.table.usage().rows).toBe(2);
    expect(kept.db.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  });

  test("a sweep is bounded and gives pages back", () => {
    using directory = makeTemporaryDirectory();
    using kept = openTable(directory);
    kept.table.put(Array.from({ length: 100 }, (_, n) => kept.entry(`e${n}`, { size: 4_000 })));
    kept.clock.advance(hourMs * 2);
    const pages = () => kept.db.query<{ page_count: number }, []>("PRAGMA page_count").get()!.page_count;
    const before = pages();
    expect(kept.table.sweep(60)).toBe(60);
    expect(kept.table.sweep(60)).toBe(40);
    expect(kept.table.sweep(60)).toBe(0);
    expect(pages()).toBeLessThan(before / 2);
  });
});

test("two processes that open a new file at once agree on its tags", () => {
  using directory = makeTemporaryDirectory();
  using one = openTable(directory);
  using two = openTable(directory);
  expect(one.tags.tag("a", "b")).toBe(two.tags.tag("a", "b"));
  expect(one.tags.tag("a", "b")).not.toBe(one.tags.tag("ab", ""));
  expect(one.tags.tag("\ud800")).not.toBe(one.tags.tag("\ud801"));
  one.table.put([one.entry("x")]);
  expect(textOf(two.table.open("x"))).toBe("x");
});

test("a file that is no database is refused", async () => {
  using directory = makeTemporaryDirectory();
  await Bun.write(directory.path, "not a database, but long enough to be taken for one ".repeat(100));
  expect(() => openSealedFile({ path: directory.path, sync: "full" })).toThrow("not a database");
});

test("usage is the sum of the rows, whatever happens", () => {
  const step = fc.oneof(
    fc.record({ act: fc.constant("put" as const), id: fc.nat(6), tenant: fc.nat(2), size: fc.nat(2_000) }),
    fc.record({ act: fc.constantFrom("remove" as const, "touch" as const), id: fc.nat(6) }),
    fc.record({ act: fc.constant("forget" as const), tenant: fc.nat(2) }),
    fc.record({ act: fc.constant("wait" as const), minutes: fc.nat(90) }),
    fc.record({ act: fc.constant("sweep" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      using directory = makeTemporaryDirectory();
      using kept = openTable({ path: directory.path, tenantBytesMax: 6_000, bytesMax: 10_000 });
      const { table, clock, entry } = kept;
      for (const one of steps) {
        if (one.act === "put") {
          const owner = { tenant: `t${one.tenant}`, user: "u", session: "s" };
          table.put([entry(`e${one.id}`, { size: one.size, owner })]);
        } else if (one.act === "remove") table.remove(`e${one.id}`);
        else if (one.act === "forget") table.forget({ tenant: `t${one.tenant}` });
        else if (one.act === "wait") clock.advance(one.minutes * 60_000);
        else if (one.act === "sweep") table.sweep();
        else {
          const found = table.findById(`e${one.id}`);
          if (found) table.touch(found, clock.now() + hourMs);
        }
        const sum = kept.db
          .query<{ bytes: number; rows: number }, []>("SELECT total(bytes) AS bytes, count(*) AS rows FROM things")
          .get()!;
        expect(table.usage()).toMatchObject(sum);
        expect(sum.bytes).toBeLessThanOrEqual(10_000);
      }
    }),
    { numRuns: 40 },
  );
});

test("the file stays readable to SQLite", () => {
  using directory = makeTemporaryDirectory();
  {
    using kept = openTable(directory);
    kept.table.put([kept.entry("a")]);
  }
  using db = new Database(directory.path, { readonly: true });
  expect(db.query("SELECT id FROM things").all()).toEqual([{ id: "a" }]);
});
