import type { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { is, SQL } from "drizzle-orm";
import { getTableConfig, SQLiteSyncDialect, SQLiteTable } from "drizzle-orm/sqlite-core";
import { rowWith } from "./contract-samples";
import { openSqliteInline } from "./sqlite";
import * as schema from "./sqlite.schema";
import { exclusively, openFile } from "./sqlite-file";

const directory = mkdtempSync(join(tmpdir(), "anyray-file-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let made = 0;
const freshPath = () => join(directory, `${++made}`, "anyray.db");

function withFile<T>(use: (db: Database) => T): T {
  const db = openFile({ path: freshPath(), timezone: "UTC" });
  try {
    return use(db);
  } finally {
    db.close();
  }
}

const migrations = fileURLToPath(new URL("./migrations/sqlite", import.meta.url));
const all = <T>(db: Database, sql: string) => db.query<T, []>(sql).all();
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe("schema", () => {
  const tables = Object.values(schema)
    .filter((value) => is(value, SQLiteTable))
    .map((table) => getTableConfig(table));
  const dialect = new SQLiteSyncDialect();

  test("has the tables that the migrations make", () =>
    withFile((db) => {
      const found = all<{ name: string }>(db, "SELECT name FROM sqlite_schema WHERE type = 'table'").map(
        ({ name }) => name,
      );
      const expected = [...tables.map(({ name }) => name), "__drizzle_migrations"];
      expect(found.sort()).toEqual(expected.sort());
    }));

  test.each(tables)("$name agrees with the migrated table, column by column", ({ name, columns, primaryKeys }) =>
    withFile((db) => {
      interface Column {
        name: string;
        type: string;
        notnull: number;
        pk: number;
      }
      const found = all<Column>(db, `PRAGMA table_info(${name})`);
      const keys =
        primaryKeys[0]?.columns.map((column) => column.name) ??
        columns.filter(({ primary }) => primary).map((column) => column.name);
      const expected = columns.map((column) => ({
        name: column.name,
        type: column.getSQLType().toUpperCase(),
        // The integer key of a table is never null, though SQLite does not say so.
        notnull: column.notNull && !(column.primary && column.getSQLType() === "integer") ? 1 : 0,
        pk: keys.indexOf(column.name) + 1,
      }));
      expect(found.map(({ name, type, notnull, pk }) => ({ name, type, notnull, pk }))).toEqual(expected);
      const strict = all<{ strict: number }>(db, `SELECT strict FROM pragma_table_list('${name}')`);
      expect(strict).toEqual([{ strict: 1 }]);
    }),
  );

  test.each(tables)(
    "$name agrees with the migrated table in its indexes and references",
    ({ name, indexes, foreignKeys }) =>
      withFile((db) => {
        interface Index {
          name: string;
          unique: number;
          origin: string;
        }
        const found = all<Index>(db, `PRAGMA index_list(${name})`)
          .filter(({ origin }) => origin === "c")
          .map(({ name: index, unique }) => ({
            index,
            isUnique: unique === 1,
            columns: all<{ name: string }>(db, `PRAGMA index_info(${index})`).map((column) => column.name),
            where: all<{ sql: string }>(db, `SELECT sql FROM sqlite_schema WHERE name = '${index}'`)[0]?.sql.split(
              " WHERE ",
            )[1],
          }));
        const expected = indexes.map(({ config }) => ({
          index: config.name,
          isUnique: config.unique,
          columns: config.columns.map((column) => (is(column, SQL) ? "?" : column.name)),
          where: config.where && dialect.sqlToQuery(config.where).sql,
        }));
        const byName = (a: { index: string }, b: { index: string }) => (a.index < b.index ? -1 : 1);
        expect(found.sort(byName)).toEqual(expected.sort(byName));
        const references = all<{ from: string; table: string; to: string }>(db, `PRAGMA foreign_key_list(${name})`);
        expect(references.map(({ from, table, to }) => [from, table, to]).sort()).toEqual(
          foreignKeys
            .map((key) => {
              const { columns, foreignColumns, foreignTable } = key.reference();
              return [columns[0]!.name, getTableConfig(foreignTable).name, foreignColumns[0]!.name];
            })
            .sort(),
        );
      }),
  );
});

describe("opening", () => {
  test("makes the directory and the file for their owner only, with what SQLite puts beside it", () => {
    const path = freshPath();
    const store = openSqliteInline({ path, timezone: "UTC" });
    expect(mode(join(path, ".."))).toBe("700");
    for (const name of readdirSync(join(path, "..")))
      expect([name, mode(join(path, "..", name))]).toEqual([name, "600"]);
    return store.close();
  });

  test("takes rights from a file that others could read", () => {
    const path = freshPath();
    mkdirSync(join(path, ".."));
    writeFileSync(path, "", { mode: 0o644 });
    openFile({ path, timezone: "UTC" }).close();
    expect(mode(path)).toBe("600");
  });

  test("keeps what is stored when it is opened again, and migrates once", async () => {
    const path = freshPath();
    for (let i = 0; i < 3; i++) {
      const store = openSqliteInline({ path, timezone: "UTC" });
      expect(await store.recordSpend([rowWith({ id: "once" })])).toBe(i === 0 ? 1 : 0);
      await store.close();
    }
    const db = openFile({ path, timezone: "UTC" });
    const migrated = all(db, "SELECT created_at FROM __drizzle_migrations");
    expect(migrated).toEqual(all(db, "SELECT DISTINCT created_at FROM __drizzle_migrations"));
    expect(migrated).toHaveLength(readdirSync(migrations).filter((name) => name.endsWith(".sql")).length);
    db.close();
  });

  test("uses the pragmas that the store's promises rest on", () =>
    withFile((db) => {
      expect(all(db, "PRAGMA journal_mode")).toEqual([{ journal_mode: "wal" }]);
      expect(all(db, "PRAGMA synchronous")).toEqual([{ synchronous: 1 }]);
      expect(all(db, "PRAGMA foreign_keys")).toEqual([{ foreign_keys: 1 }]);
      expect(all(db, "PRAGMA busy_timeout")).toEqual([{ timeout: 5000 }]);
    }));

  test("refuses a file that is no database, a directory, and a file of a newer version", () => {
    const path = freshPath();
    mkdirSync(join(path, ".."));
    writeFileSync(path, "not a database, but long enough to be looked at as one ".repeat(10));
    expect(() => openFile({ path, timezone: "UTC" })).toThrow("not a database");
    expect(() => openFile({ path: join(path, ".."), timezone: "UTC" })).toThrow();
    const newer = freshPath();
    const db = openFile({ path: newer, timezone: "UTC" });
    db.run("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('x', 9e12)");
    db.close();
    expect(() => openFile({ path: newer, timezone: "UTC" })).toThrow("newer version");
  });

  test("refuses a time zone nobody knows, and makes nothing", () => {
    const path = freshPath();
    expect(() => openFile({ path, timezone: "Europe/Atlantis" })).toThrow();
    expect(existsSync(path)).toBe(false);
  });

  test("works for several processes that start at the same time on nothing, and writes of all are kept", async () => {
    const path = freshPath();
    const program = `
      import { openSqlite } from ${JSON.stringify(fileURLToPath(new URL("./sqlite.ts", import.meta.url)))};
      const rows = JSON.parse(process.argv[1]);
      const store = await openSqlite({ path: ${JSON.stringify(path)}, timezone: "UTC" });
      let added = 0;
      for (let i = 0; i < rows.length; i += 10) added += await store.recordSpend(rows.slice(i, i + 10));
      await store.close();
      console.log(added);
    `;
    const shared = Array.from({ length: 40 }, () => rowWith({}));
    const run = async () => {
      const own = Array.from({ length: 60 }, () => rowWith({}));
      const child = Bun.spawn([process.execPath, "-e", program, JSON.stringify([...shared, ...own])], {
        stderr: "pipe",
      });
      const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
      expect([err, code]).toEqual(["", 0]);
      return Number(out);
    };
    const added = await Promise.all([run(), run(), run()]);
    expect(added.reduce((a, b) => a + b)).toBe(40 + 3 * 60);
    const store = openSqliteInline({ path, timezone: "UTC" });
    expect((await store.readMonth("2026-11"))[0]?.requests).toBe(220);
    const { totals } = await store.summarize({
      from: 0,
      to: 4e12,
      groupBy: [],
      interval: null,
      limit: 1,
      cursor: null,
    });
    expect(totals.requests).toBe(220);
    await store.close();
  }, 30_000);
});

describe("exclusively", () => {
  test("undoes all of a function that throws, and lets the next one in", () =>
    withFile((db) => {
      const add = (key: string) => db.query("INSERT INTO setting VALUES (?, '1')").run(key);
      const fail = () =>
        exclusively(db, () => {
          add("a");
          throw new Error("no");
        });
      expect(fail).toThrow("no");
      exclusively(db, () => add("b"));
      expect(all(db, "SELECT key FROM setting")).toEqual([{ key: "b" }]);
      expect(db.inTransaction).toBe(false);
    }));
});

test("the journal names every migration beside it, oldest first", () => {
  const folder = migrations;
  const { entries } = JSON.parse(readFileSync(join(folder, "meta/_journal.json"), "utf8")) as {
    entries: { tag: string; when: number }[];
  };
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".sql"))
    .sort();
  expect(entries.map(({ tag }) => `${tag}.sql`)).toEqual(files);
  expect(entries.map(({ when }) => when)).toEqual(entries.map(({ when }) => when).toSorted((a, b) => a - b));
  expect(existsSync(join(folder, files[0] ?? ""))).toBe(true);
});
