// Owns how the optimizer's files are opened: modes, pragmas, waiting for others. Knows nothing of what is in them.

import { Database } from "bun:sqlite";
import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";

export interface SealedFile {
  path: string;
  /**
   * `full`: what a transaction wrote survives a loss of power once it returns. `normal`: it survives the death of the
   * process, and a loss of power may take the last transactions, whole ones.
   */
  sync: "full" | "normal";
  /** Hard limit of the file; a write beyond it throws. Default: none. */
  fileBytesMax?: number;
}

const openBusyMs = 5_000;
const busyMsDefault = 500;

/**
 * Opens the file, making it (mode 0600) and its directory (0700) where they are missing. Several processes may have it
 * open.
 *
 * @throws Error when it cannot be opened or is no database
 */
export function openSealedFile({ path, sync, fileBytesMax }: SealedFile): Database {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  const db = new Database(path, { readwrite: true, create: false, strict: true });
  try {
    db.run(`PRAGMA busy_timeout = ${openBusyMs}`);
    // Counts only for a file without tables, and only before the change to WAL.
    db.run("PRAGMA auto_vacuum = INCREMENTAL");
    changeToWal(db);
    db.run(`PRAGMA synchronous = ${sync}`);
    db.run("PRAGMA temp_store = MEMORY");
    db.run("PRAGMA cache_size = -8192");
    db.run("PRAGMA journal_size_limit = 16777216");
    if (fileBytesMax !== undefined) {
      const page = db.query<{ page_size: number }, []>("PRAGMA page_size").get()?.page_size ?? 4_096;
      db.query(`PRAGMA max_page_count = ${Math.max(1, Math.floor(fileBytesMax / page))}`).get();
    }
  } catch (error) {
    db.close();
    throw error;
  }
  return db;
}

/**
 * To be called when all tables are made: from now on a write that finds others writing waits this long, then throws. It
 * holds up the whole process meanwhile, so that it must be short.
 */
export function limitWaiting(db: Database, busyMs: number = busyMsDefault): void {
  db.run(`PRAGMA busy_timeout = ${busyMs}`);
}

/** The one lock that SQLite's own busy timeout does not wait for. */
function changeToWal(db: Database): void {
  const deadline = performance.now() + openBusyMs;
  for (;;) {
    try {
      db.run("PRAGMA journal_mode = WAL");
      return;
    } catch (error) {
      const isBusy = String((error as { code?: string }).code).startsWith("SQLITE_BUSY");
      if (!isBusy || performance.now() > deadline) throw error;
      Bun.sleepSync(5);
    }
  }
}
