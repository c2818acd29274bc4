// Owns which directory a process spools into: the first of the numbered slots that no living process holds. A
// lock dies with its process, however it dies, so a crashed process's slot is free for the next one.

import { Database } from "bun:sqlite";
import fs from "node:fs";
import { join } from "node:path";

const slotsMax = 256;

export interface Slot {
  dir: string;
  release(): void;
}

/**
 * The lock is SQLite's own file lock, because Bun offers no `flock`: an exclusive transaction that is never
 * committed. Null while another process holds it.
 */
export function lockSlot(dir: string): Slot | null {
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  const database = new Database(join(dir, "lock"), { create: true });
  try {
    database.run("PRAGMA busy_timeout = 0");
    database.run("BEGIN EXCLUSIVE");
  } catch {
    database.close();
    return null;
  }
  return { dir, release: () => database.close() };
}

/**
 * @throws Error when every slot is taken
 */
export function takeSlot(root: string): Slot {
  for (let number = 0; number < slotsMax; number++) {
    const slot = lockSlot(join(root, String(number)));
    if (slot) return slot;
  }
  throw new Error(`all ${slotsMax} spool slots in ${root} are taken by running processes`);
}

/** The directories under a spool root, in the order in which processes take them. */
export function slotDirectories(root: string): string[] {
  if (!fs.existsSync(root)) return [];
  return fs
    .readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^\d+$/.test(entry.name))
    .map(({ name }) => name)
    .sort((a, b) => Number(a) - Number(b))
    .map((name) => join(root, name));
}

/** Slots of processes that are gone, each locked until released. */
export function* orphanSlots(root: string): Generator<Slot> {
  for (const dir of slotDirectories(root)) {
    const slot = lockSlot(dir);
    if (slot) yield slot;
  }
}
