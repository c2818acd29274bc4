import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { makeKey } from "../secrets";
import { type ChainedRow, createAuditKeys } from "./audit-chain";
import type { AuditAppended } from "./audit-step";
import {
  anchorPath,
  dir,
  entry,
  faultNow,
  leave,
  open,
  openHere,
  path,
  tamper,
  useAuditWorld,
  verifyAll,
  write,
  writeOld,
} from "./audit-world";
import { openSqlite, openSqliteInline } from "./sqlite";

useAuditWorld();

describe("a log as it was written", () => {
  test("verifies, empty too, in a worker too", async () => {
    expect(await faultNow()).toBeNull();
    await write(5);
    expect(await faultNow()).toBeNull();
    const store = await openSqlite({ path: path(), timezone: "UTC" });
    open.add(store);
    expect((await verifyAll(store)).rows).toBe(5);
  });

  test("verifies in bounded steps, and while rows are added", async () => {
    await writeOld(1_234);
    const store = openHere();
    const first = await store.verifyAudit(null);
    expect(first).toMatchObject({ rows: 500, isDone: false, fault: null, head: { seq: 1_234 } });
    await store.appendAudit(entry(1_235));
    const second = await store.verifyAudit(first.position);
    const third = await store.verifyAudit(second.position);
    expect(third).toMatchObject({ rows: 235, isDone: true, fault: null, position: { seq: 1_235 } });
  });

  test("holds texts of every kind, and changes of policy beside other rows", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ text: fc.string({ unit: "binary" }), value: fc.jsonValue() }), { maxLength: 8 }),
        async (made) => {
          const file = join(dir, Bun.randomUUIDv7(), "anyray.db");
          const store = openSqliteInline({ path: file, timezone: "UTC" });
          for (const [at, { text, value }] of made.entries()) {
            const one = { ...entry(at), actor: text, object: text, reason: text, after: value, ip: text };
            if (at % 2) await store.changePolicy({ kind: "setting", key: "x", value: at }, one);
            else await store.appendAudit({ ...one, before: value });
          }
          expect((await verifyAll(store)).fault).toBeNull();
          await store.close();
        },
      ),
      { numRuns: 25 },
    ));

  test("has its key and its anchor in files for the owner only, and tells every anchor", async () => {
    const told: AuditAppended[] = [];
    const store = openHere({ onAudit: (appended) => told.push(appended) });
    await store.appendAudit(entry(1));
    await store.changePolicy({ kind: "setting", key: "x", value: 1 }, entry(2));
    expect(told.map(({ seq, isAnchored }) => [seq, isAnchored])).toEqual([
      [1, true],
      [2, true],
    ]);
    expect(JSON.parse(readFileSync(anchorPath(), "utf8"))).toMatchObject({ seq: 2, hash: told[1]!.hash });
    for (const name of ["audit-anchor", "audit-key"]) expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
    expect(await store.verifyAudit(null, told[0])).toMatchObject({ fault: null });
    expect((await store.verifyAudit(null, { seq: 1, hash: told[1]!.hash })).fault?.kind).toBe("replayed");
  });

  test("is written by several processes at once", async () => {
    const stores = await Promise.all([1, 2, 3].map(() => openSqlite({ path: path(), timezone: "UTC" })));
    for (const store of stores) open.add(store);
    await Promise.all(stores.flatMap((store, s) => [1, 2, 3, 4].map((n) => store.appendAudit(entry(s * 10 + n)))));
    expect(await verifyAll(stores[0]!)).toMatchObject({ fault: null, rows: 12 });
    expect(JSON.parse(readFileSync(anchorPath(), "utf8")).seq).toBe(12);
  });
});

describe("keys", () => {
  test("one that replaces another goes on with the chain; one that is not known is said to be so", async () => {
    const [first, second] = [makeKey(), makeKey()];
    const early = openHere({ auditKeys: { active: first } });
    await early.appendAudit(entry(1));
    await leave(early);
    const rotated = openHere({ auditKeys: { active: second, former: [first] } });
    await rotated.appendAudit(entry(2));
    expect((await verifyAll(rotated)).fault).toBeNull();
    await leave(rotated);
    const without = openHere({ auditKeys: { active: second } });
    expect((await verifyAll(without)).fault).toMatchObject({ seq: 1, kind: "unknown-key" });
    expect(existsSync(join(dir, "audit-key"))).toBe(false);
  });

  test("no field can be moved into another, and no key makes another's hash", () => {
    const one = createAuditKeys({ active: makeKey() });
    const other = createAuditKeys({ active: makeKey() });
    const text = fc.string({ maxLength: 4 });
    const rows = fc.record<ChainedRow>({
      ...{ seq: fc.nat(3), id: text, at: fc.nat(3), actor: text, ip: fc.option(text), action: text, object: text },
      ...{ before: text, after: text, reason: fc.option(text), result: text, adopted: fc.nat(1) },
    });
    fc.assert(
      fc.property(rows, rows, (a, b) => {
        const same = one.hash(one.keyId, "p", a) === one.hash(one.keyId, "p", b);
        expect(same).toBe(Bun.deepEquals(a, b));
        expect(one.hash(one.keyId, "p", a)).not.toBe(one.hash(one.keyId, "q", a));
        expect(other.hash(one.keyId, "p", a)).toBeUndefined();
      }),
    );
  });
});

test("rows from before there was a chain are chained once, marked, and vouched for from then on", async () => {
  await writeOld(2);
  const store = openHere();
  await store.appendAudit(entry(3));
  expect(await verifyAll(store)).toMatchObject({ fault: null, rows: 3 });
  const db = new Database(path(), { readonly: true });
  expect(db.query("SELECT adopted FROM audit ORDER BY seq").values()).toEqual([[1], [1], [0]]);
  db.close();
  await leave(store);
  tamper("UPDATE audit SET actor = 'eve' WHERE seq = 2");
  expect(await faultNow()).toEqual({ seq: 2, kind: "edited" });
});
