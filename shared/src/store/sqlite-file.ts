// Owns the database file: its permissions, its pragmas, its migrations and the time zone its roll-ups are in. Refuses
// to go on as a process whose time zone is no longer that of the file.

import { Database } from "bun:sqlite";
import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { dayStart } from "../time";
import type { AuditKeyTexts } from "./audit-chain";
import { rebuildRollUps } from "./sqlite-rollup";

export interface SqliteFile {
  path: string;
  /** Zone of the roll-ups, IANA. */
  timezone: string;
  /** What the audit log is chained under; default: a key of its own in a file beside this one. */
  auditKeys?: AuditKeyTexts;
}

const migrationsFolder = fileURLToPath(new URL("./migrations/sqlite", import.meta.url));
/** How long an opener waits for others that migrate or rebuild. */
const openWaitMs = 60_000;

/**
 * Opens the file, making it (mode 0600) and its directory (0700) where they are missing, and brings it up to date. Several
 * processes may open it at the same time.
 *
 * @throws Error when it cannot be opened, is no database of ours, stays locked for a minute, or the zone is unknown
 */
export function openFile({ path, timezone }: SqliteFile): Database {
  // Throws for a zone nobody knows, before it can be stored.
  dayStart(0, timezone);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  const db = new Database(path, { readwrite: true, create: false, strict: true });
  try {
    db.run("PRAGMA busy_timeout = 5000");
    // What is deleted is overwritten, and free pages can be given back: of files made from now on, before their first table.
    db.run("PRAGMA secure_delete = ON");
    db.run("PRAGMA auto_vacuum = INCREMENTAL");
    waitForLock(() => db.run("PRAGMA journal_mode = WAL"));
    db.run("PRAGMA synchronous = NORMAL");
    db.run("PRAGMA foreign_keys = ON");
    db.run("PRAGMA temp_store = MEMORY");
    db.run("PRAGMA cache_size = -32768");
    db.run("PRAGMA journal_size_limit = 67108864");
    waitForLock(() => exclusively(db, () => migrate(db)));
    waitForLock(() => exclusively(db, () => adoptZone(db, timezone)));
  } catch (error) {
    db.close();
    throw error;
  }
  return db;
}

/**
 * Runs a synchronous function in a transaction that no other writer can be in. Never give it an asynchronous one: what
 * comes after its first await would run outside.
 */
export function exclusively<T>(db: Database, run: () => T): T {
  db.run("BEGIN IMMEDIATE");
  try {
    const result = run();
    db.run("COMMIT");
    return result;
  } catch (error) {
    // Some faults, a full disk among them, have already rolled back.
    if (db.inTransaction) db.run("ROLLBACK");
    throw error;
  }
}

/** Runs a synchronous function that sees one state of the file throughout. */
export function atOnce<T>(db: Database, run: () => T): T {
  db.run("BEGIN");
  try {
    return run();
  } finally {
    if (db.inTransaction) db.run("COMMIT");
  }
}

/** @throws Error when another process has opened the file with another time zone since */
export function checkZone(db: Database, timezone: string): void {
  const found = db.query<{ timezone: string }, []>("SELECT timezone FROM store_state").get()?.timezone;
  if (found !== timezone) {
    throw new Error(`the store is in time zone ${found}, this process in ${timezone}: start all with the same zone`);
  }
}

/** SQLite does not wait for every lock by itself: the change to WAL, for one, fails at once. */
function waitForLock(run: () => void): void {
  const deadline = performance.now() + openWaitMs;
  for (;;) {
    try {
      run();
      return;
    } catch (error) {
      const isBusy = String((error as { code?: string }).code).startsWith("SQLITE_BUSY");
      if (!isBusy || performance.now() > deadline) throw error;
      Bun.sleepSync(10 + Math.random() * 20);
    }
  }
}

/** Like drizzle's migrator, in its table, but reads what was applied inside the transaction that applies the rest. */
function migrate(db: Database): void {
  db.run(
    "CREATE TABLE IF NOT EXISTS __drizzle_migrations (id INTEGER PRIMARY KEY, hash TEXT NOT NULL, created_at NUMERIC)",
  );
  const last =
    db.query<{ at: number | null }, []>("SELECT max(created_at) AS at FROM __drizzle_migrations").get()?.at ?? 0;
  const migrations = readMigrationFiles({ migrationsFolder });
  const newest = migrations.at(-1)?.folderMillis ?? 0;
  if (last > newest) throw new Error("the store was written by a newer version");
  for (const { sql, hash, folderMillis } of migrations) {
    if (folderMillis <= last) continue;
    for (const statement of sql) db.run(statement);
    db.query("INSERT INTO __drizzle_migrations (hash, created_at) VALUES (?, ?)").run(hash, folderMillis);
  }
}

function adoptZone(db: Database, timezone: string): void {
  const found = db.query<{ timezone: string | null }, []>("SELECT timezone FROM store_state").get()?.timezone;
  if (found === timezone) return;
  if (found) rebuildRollUps(db, timezone);
  db.query("UPDATE store_state SET timezone = ?").run(timezone);
}
