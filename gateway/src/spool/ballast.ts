// Owns room kept on the disk for the moment it is full: enough for tens of thousands of rows.

import { join } from "node:path";
import type { Disk } from "./disk";
import { syncDirectory } from "./segment";

/** A full disk is not asked for room more often. */
const pauseMs = 10_000;

export class Ballast {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #path: string;
  readonly #bytes: number;
  #isThere = false;
  #triedAt = Number.NEGATIVE_INFINITY;

  constructor(disk: Disk, dir: string, bytes: number) {
    this.#disk = disk;
    this.#dir = dir;
    this.#path = join(dir, "ballast");
    this.#bytes = bytes;
    this.keep();
  }

  /** Takes the room if it is not taken. */
  keep(): void {
    if (this.#isThere || performance.now() - this.#triedAt < pauseMs) return;
    this.#triedAt = performance.now();
    try {
      const isWhole = this.#disk.existsSync(this.#path) && this.#disk.statSync(this.#path).size === this.#bytes;
      if (!isWhole) this.#disk.writeFileSync(this.#path, Buffer.alloc(this.#bytes), { mode: 0o600 });
      this.#isThere = true;
    } catch {
      this.#remove();
    }
  }

  /** Gives the room back; whether there was any. */
  drop(): boolean {
    if (!this.#isThere) return false;
    this.#isThere = false;
    this.#triedAt = performance.now();
    return this.#remove();
  }

  #remove(): boolean {
    try {
      this.#disk.rmSync(this.#path, { force: true });
    } catch {
      return false;
    }
    try {
      // Some file systems give the room to others only then.
      syncDirectory(this.#disk, this.#dir);
    } catch {
      // They may have it all the same.
    }
    return true;
  }
}
