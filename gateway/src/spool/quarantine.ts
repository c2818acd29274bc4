// Owns where rows go that the store refuses although it is well, and how they are told from an unwell store.

import { join } from "node:path";
import type { Disk } from "./disk";
import { syncDirectory } from "./segment";

/** What the spool needs of a row: the store takes it once, however often it is given. */
export interface Identified {
  id: string;
}

/** A store as the spool knows it: for rows of one kind. */
export interface RowStore<Row> {
  /** All or none; rows it has already change nothing. Resolves with the number of new ones. */
  record(rows: readonly Row[]): Promise<number>;
  /** Rejects when it cannot take a write now. */
  ping(): Promise<void>;
}

const lineEnd = 0x0a;

/**
 * Adds rows to `quarantine.jsonl` and brings them to the disk, all or none.
 *
 * @throws the system's error; the file is as it was before then
 */
export function quarantineRows(disk: Disk, dir: string, rows: readonly Identified[]): void {
  if (rows.length === 0) return;
  const path = join(dir, "quarantine.jsonl");
  const before = disk.existsSync(path) ? disk.statSync(path).size : 0;
  const fd = disk.openSync(path, "a+", 0o600);
  try {
    // A line that a crash cut short would swallow the next one.
    const isTorn = before > 0 && lastByte(disk, fd, before) !== lineEnd;
    const lines = rows.map((row) => `${JSON.stringify(row)}\n`).join("");
    const bytes = Buffer.from(isTorn ? `\n${lines}` : lines);
    for (let at = 0; at < bytes.length; ) {
      const count = disk.writeSync(fd, bytes, at, bytes.length - at);
      if (count === 0) throw Object.assign(new Error("short write"), { code: "ENOSPC" });
      at += count;
    }
    disk.fdatasyncSync(fd);
    if (before === 0) syncDirectory(disk, dir);
  } catch (error) {
    disk.ftruncateSync(fd, before);
    throw error;
  } finally {
    disk.closeSync(fd);
  }
}

function lastByte(disk: Disk, fd: number, size: number): number | undefined {
  const byte = Buffer.alloc(1);
  disk.readSync(fd, byte, 0, 1, size - 1);
  return byte[0];
}

export interface Sifted<T> {
  stored: T[];
  /** The store refuses these, and is well: it took or knew others. */
  refused: { item: T; error: Error }[];
  /** Not decided: the store failed meanwhile. */
  left: T[];
  /** Rows the store did not have yet. */
  newRows: number;
}

/** Stores rows one by one. `known` is a row the store has. Never rejects. */
export async function siftRows<Row, T extends { row: Row }>(
  items: readonly T[],
  store: RowStore<Row>,
  known: Row | null,
): Promise<Sifted<T>> {
  const sifted: Sifted<T> = { stored: [], refused: [], left: [], newRows: 0 };
  for (const [index, item] of items.entries()) {
    let error: Error | null = null;
    // Twice, with a well store after each: what failed for a moment is no fault of the row.
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        sifted.newRows += await store.record([item.row]);
        error = null;
        break;
      } catch (thrown) {
        error = thrown as Error;
      }
      if (await isWell(store, sifted.stored.at(-1)?.row ?? known)) continue;
      sifted.left = items.slice(index);
      return sifted;
    }
    if (error) sifted.refused.push({ item, error });
    else sifted.stored.push(item);
  }
  return sifted;
}

/** Whether the store takes writes, and a row too: one that it has already, which changes nothing. */
export async function isWell<Row>(store: RowStore<Row>, known: Row | null): Promise<boolean> {
  try {
    await store.ping();
    if (known) await store.record([known]);
    return true;
  } catch {
    return false;
  }
}
