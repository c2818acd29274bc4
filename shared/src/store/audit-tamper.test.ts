import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AuditFault } from "./audit-step";
import {
  anchorPath,
  dir,
  entry,
  faultNow,
  leave,
  openHere,
  path,
  tamper,
  useAuditWorld,
  verifyAll,
  write,
} from "./audit-world";

useAuditWorld();

describe("tampering is seen and named", () => {
  const forged = `'forged', 3, 'eve', NULL, 'caps.set', 'eve', 'null', 'null', NULL, 'done', 0`;
  const columns = `id, at, actor, ip, action, object, "before", "after", reason, result, adopted, prev, hash, key_id`;
  const swap = (one: number, other: number) => [
    `UPDATE audit SET seq = -1 WHERE seq = ${one}`,
    `UPDATE audit SET seq = ${one} WHERE seq = ${other}`,
    `UPDATE audit SET seq = ${other} WHERE seq = -1`,
  ];
  const shift = (from: number, to: number, by: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => (by > 0 ? to - i : from + i)).map(
      (seq) => `UPDATE audit SET seq = ${seq + by} WHERE seq = ${seq}`,
    );
  const headAt = (seq: number) =>
    `UPDATE audit_chain SET seq = ${seq}, hash = (SELECT hash FROM audit WHERE seq = ${seq})`;

  test.each<[string, string[], number, AuditFault["kind"]]>([
    ["a text", ["UPDATE audit SET actor = 'eve' WHERE seq = 3"], 3, "edited"],
    ["a value", [`UPDATE audit SET "after" = '{"n":4}' WHERE seq = 6`], 6, "edited"],
    ["a reason that is taken away", ["UPDATE audit SET reason = NULL WHERE seq = 1"], 1, "edited"],
    ["a hash", ["UPDATE audit SET hash = replace(hash, substr(hash, 1, 1), 'g') WHERE seq = 2"], 2, "edited"],
    ["a mark", ["UPDATE audit SET adopted = 1 WHERE seq = 2"], 2, "edited"],
    ["the head", [`UPDATE audit_chain SET hash = '${"0".repeat(64)}'`], 6, "edited"],
    ["a head that is set back", [headAt(4)], 4, "edited"],
    ["a row that is deleted", ["DELETE FROM audit WHERE seq = 3"], 3, "deleted"],
    ["the first row", ["DELETE FROM audit WHERE seq = 1"], 1, "deleted"],
    ["several rows", ["DELETE FROM audit WHERE seq IN (2, 3, 5)"], 2, "deleted"],
    [
      "a row deleted and the rest moved up",
      ["DELETE FROM audit WHERE seq = 3", ...shift(4, 6, -1), headAt(5)],
      3,
      "deleted",
    ],
    ["two rows in each other's place", swap(3, 4), 3, "reordered"],
    ["two rows far from each other", swap(2, 6), 2, "reordered"],
    ["a row moved behind the others", ["UPDATE audit SET seq = 7 WHERE seq = 2"], 2, "reordered"],
    [
      "a row pushed in",
      [
        ...shift(3, 6, 1),
        `INSERT INTO audit (seq, ${columns}) SELECT 3, ${forged}, prev, hash, key_id FROM audit WHERE seq = 2`,
        headAt(7),
      ],
      3,
      "inserted",
    ],
    [
      "a row put behind",
      [
        `INSERT INTO audit (seq, ${columns}) SELECT 7, ${forged}, hash, hash, key_id FROM audit WHERE seq = 6`,
        headAt(7),
      ],
      7,
      "inserted",
    ],
    [
      "a row without a hash",
      [`INSERT INTO audit (seq, ${columns}) VALUES (7, ${forged}, NULL, NULL, NULL)`],
      7,
      "inserted",
    ],
    ["the end cut off", ["DELETE FROM audit WHERE seq > 4"], 5, "truncated"],
    ["everything cut off", ["DELETE FROM audit"], 1, "truncated"],
    ["the end cut off, head and all", ["DELETE FROM audit WHERE seq > 4", headAt(4)], 5, "replayed"],
    [
      "all hashes taken away, to have them made anew",
      [
        "UPDATE audit SET actor = 'eve' WHERE seq = 3",
        "UPDATE audit SET prev = NULL, hash = NULL, key_id = NULL",
        `UPDATE audit_chain SET seq = 0, hash = '${"0".repeat(64)}', adopted_until = NULL`,
      ],
      6,
      "replayed",
    ],
  ])("%s", async (_, statements, seq, kind) => {
    await write(6);
    expect(await faultNow()).toBeNull();
    tamper(...statements);
    expect(await faultNow()).toEqual({ seq, kind });
  });

  test("stays seen when rows are added after it, and the anchor keeps what it said", async () => {
    await write(6);
    const anchor = readFileSync(anchorPath(), "utf8");
    tamper("DELETE FROM audit WHERE seq > 4", headAt(4));
    const store = openHere();
    await store.appendAudit(entry(7));
    await store.appendAudit(entry(8));
    await leave(store);
    expect(readFileSync(anchorPath(), "utf8")).toBe(anchor);
    expect(await faultNow()).toEqual({ seq: 6, kind: "replayed" });
  });

  test("an older copy of the database, and one that went on from there", async () => {
    await write(3);
    copyFileSync(path(), join(dir, "copy"));
    const store = openHere();
    for (let n = 4; n <= 6; n++) await store.appendAudit(entry(n));
    await leave(store);
    rmSync(`${path()}-wal`, { force: true });
    rmSync(`${path()}-shm`, { force: true });
    copyFileSync(join(dir, "copy"), path());
    expect(await faultNow()).toEqual({ seq: 4, kind: "replayed" });
    const later = openHere();
    for (let n = 4; n <= 9; n++) await later.appendAudit(entry(n + 100));
    await leave(later);
    expect(await faultNow()).toEqual({ seq: 6, kind: "replayed" });
  });

  test("an anchor that is missing or changed", async () => {
    await write(3);
    const text = readFileSync(anchorPath(), "utf8");
    writeFileSync(anchorPath(), text.replace('"seq":3', '"seq":2'));
    expect(await faultNow()).toEqual({ seq: 3, kind: "unanchored" });
    rmSync(anchorPath());
    expect(await faultNow()).toEqual({ seq: 3, kind: "unanchored" });
    const store = openHere();
    await store.appendAudit(entry(4));
    expect(existsSync(anchorPath())).toBe(false);
    await store.acceptAudit({ ...entry(5), action: "audit.accept" });
    expect((await verifyAll(store)).fault).toBeNull();
    expect((await store.readAudit(null, 1))[0]?.action).toBe("audit.accept");
  });

  test("through the store's own connection the database itself refuses", async () => {
    await write(2);
    const db = new Database(path());
    db.run("PRAGMA busy_timeout = 5000");
    expect(() => db.run("UPDATE audit SET actor = 'eve'")).toThrow("insert-only");
    expect(() => db.run("DELETE FROM audit")).toThrow("insert-only");
    expect(() => db.run(`INSERT INTO audit (seq, ${columns}) VALUES (3, ${forged}, NULL, NULL, NULL)`)).toThrow(
      "chained",
    );
    db.close();
  });
});
