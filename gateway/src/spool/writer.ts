// Owns appending to the spool: one write call a record, a group sync behind it, a new file now and then. Keeps what
// is not yet synced, because after a failed sync the kernel may have dropped it and the file cannot be trusted.

import { Ballast } from "./ballast";
import type { Disk } from "./disk";
import { encodeFrame, type FrameType, frameBufferBytes, frameBytes, payloadBytesMax } from "./frame";
import { appendTo, createSegment, isSpent, removeSegment, type Segment } from "./segment";

export type DiskAction = "append" | "sync" | "read" | "remove";

export interface WriterSettings {
  disk: Disk;
  dir: string;
  firstSeq: number;
  segmentBytesMax: number;
  totalBytesMax: number;
  syncEveryMs: number;
  /** Room kept free for the moment the disk is full. */
  ballastBytes: number;
  /** Longest record, in characters; 262,144. */
  charactersMax?: number;
  fault(what: DiskAction, error: Error): void;
  synced(durationMs: number): void;
}

type Unsynced = [FrameType, string];

/** Failed syncs in a row, each on a file of its own, after which nobody waits for the disk any longer. */
const syncTriesMax = 3;
const syncPauseMsMax = 5_000;
/** Characters of records kept for a rewrite; a disk that fails for so long gets the later half. */
const unsyncedMax = 32 * 1_048_576;

export class Writer {
  readonly #settings: WriterSettings;
  readonly #buffer = Buffer.allocUnsafe(frameBufferBytes);
  readonly #charactersMax: number;
  readonly #ballast: Ballast;
  readonly #sealed: Segment[] = [];
  #current: Segment;
  #lastSeq: number;
  /** Files with records that no sync covers yet. */
  #dirty = new Set<Segment>();
  /** Those records. */
  #unsynced: Unsynced[] = [];
  #unsyncedCharacters = 0;
  #appendedRecords = 0;
  #syncedRecords = 0;
  #failedSyncs = 0;
  #syncing: Promise<void> | null = null;
  #timer: Timer | null = null;
  #lastFrameBytes = 0;
  #isClosed = false;

  constructor(settings: WriterSettings) {
    this.#settings = settings;
    this.#charactersMax = settings.charactersMax ?? payloadBytesMax;
    this.#lastSeq = settings.firstSeq;
    this.#current = createSegment(settings.disk, settings.dir, settings.firstSeq);
    this.#ballast = new Ballast(settings.disk, settings.dir, settings.ballastBytes);
  }

  /** All files, oldest first. */
  get segments(): readonly Segment[] {
    return this.#isClosed ? this.#sealed : [...this.#sealed, this.#current];
  }

  /** As many files as there may be. */
  get segmentsMax(): number {
    return Math.floor(this.#settings.totalBytesMax / this.#settings.segmentBytesMax);
  }

  /** Length of the record that was appended last. */
  get lastFrameBytes(): number {
    return this.#lastFrameBytes;
  }

  get totalBytes(): number {
    return this.segments.reduce((bytes, segment) => bytes + segment.bytes, 0);
  }

  /** Appends a record; the segment it went to, or null when the disk takes no more. */
  append(type: FrameType, payload: string): Segment | null {
    // A broken file is replaced by the next sync, which also brings over what may be lost with it.
    if (this.#isClosed || this.#current.isBroken) return null;
    if (payload.length > this.#charactersMax) return this.#refuse("the record is too large");
    const [bytes, length] = this.#encode(type, payload);
    const isFull = this.#current.bytes > 0 && this.#current.bytes + length > this.#settings.segmentBytesMax;
    if (isFull) {
      if (!this.#hasRoom()) return null;
      // Where no new file can be begun, the full one goes on.
      this.#beginNext();
    }
    if (!this.#write(bytes, length)) return null;
    this.#lastFrameBytes = length;
    this.#appendedRecords += 1;
    this.#dirty.add(this.#current);
    this.#unsynced.push([type, payload]);
    this.#unsyncedCharacters += payload.length;
    if (this.#unsyncedCharacters > unsyncedMax) this.#forgetOldestUnsynced();
    this.#syncLater();
    return this.#current;
  }

  /** Resolves when everything appended so far is on the disk, or the disk has failed to take it several times. */
  async sync(): Promise<void> {
    const goal = this.#appendedRecords;
    while (this.#syncedRecords < goal && this.#failedSyncs < syncTriesMax) await this.#syncOnce();
  }

  /** Deletes files nothing is needed of, oldest first: a later file may hold the end of an earlier one's call. */
  removeSpent(): void {
    // Not under a running sync: a descriptor that is closed may be another file's by the time it is used.
    if (this.#syncing) return;
    for (let oldest = this.#sealed[0]; oldest && isSpent(oldest); oldest = this.#sealed[0]) {
      this.#sealed.shift();
      this.#dirty.delete(oldest);
      try {
        removeSegment(this.#settings.disk, oldest);
      } catch (error) {
        // Its rows are stored: found again by the next start, they change nothing.
        this.#settings.fault("remove", error as Error);
      }
    }
    this.#ballast.keep();
  }

  /** Goes on in another file, so that the one until now can be deleted when nothing is needed of it; deletes what can be. */
  retire(): void {
    if (!this.#isClosed && !this.#current.isBroken && this.#current.bytes > 0) this.#beginNext();
    this.removeSpent();
  }

  /** Syncs, deletes what is not needed and closes the rest. Appends are refused from then on. */
  async close(): Promise<void> {
    await this.sync();
    // One that others gave up waiting for.
    while (this.#syncing) await this.#syncing;
    this.#isClosed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#current.isSealed = true;
    this.#sealed.push(this.#current);
    this.#ballast.drop();
    this.removeSpent();
    for (const segment of this.#sealed) {
      try {
        this.#settings.disk.closeSync(segment.fd);
      } catch (error) {
        this.#settings.fault("sync", error as Error);
      }
    }
  }

  #refuse(reason: string): null {
    this.#settings.fault("append", new Error(reason));
    return null;
  }

  /** With each failure a longer pause. */
  #syncLater(): void {
    if (this.#timer || this.#syncing || this.#isClosed) return;
    const delayMs = Math.min(syncPauseMsMax, this.#settings.syncEveryMs * 4 ** this.#failedSyncs);
    this.#timer = setTimeout(() => void this.#syncOnce(), delayMs);
  }

  #syncOnce(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#syncing ??= this.#syncNow().then(() => {
      this.#syncing = null;
      this.removeSpent();
      if (this.#unsynced.length > 0 || this.#current.isBroken) this.#syncLater();
    });
    return this.#syncing;
  }

  async #syncNow(): Promise<void> {
    if (this.#current.isBroken) this.#moveOn();
    const goal = this.#appendedRecords;
    const covered = this.#unsynced;
    this.#unsynced = [];
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    const startedAt = performance.now();
    try {
      if (this.#current.isBroken) throw new Error("no new file can be begun");
      for (const segment of dirty) await datasync(this.#settings.disk, segment.fd);
    } catch (error) {
      this.#settings.fault("sync", error as Error);
      this.#failedSyncs += 1;
      this.#unsynced = [...covered, ...this.#unsynced];
      if (!this.#current.isBroken) this.#moveOn();
      return;
    }
    for (const [, payload] of covered) this.#unsyncedCharacters -= payload.length;
    this.#syncedRecords = goal;
    this.#failedSyncs = 0;
    this.#settings.synced(performance.now() - startedAt);
  }

  /** A failed sync is never tried again on the same file: the records in doubt are written to a new one. */
  #moveOn(): void {
    this.#current.isBroken = true;
    this.#dirty.clear();
    if (!this.#hasRoom() || !this.#beginNext()) return;
    for (const [type, payload] of this.#unsynced) {
      if (this.#write(...this.#encode(type, payload))) continue;
      this.#current.isBroken = true;
      break;
    }
    this.#current.ownFrom = this.#current.bytes;
    this.#dirty.add(this.#current);
  }

  #forgetOldestUnsynced(): void {
    const forgotten = this.#unsynced.splice(0, Math.ceil(this.#unsynced.length / 2));
    for (const [, payload] of forgotten) this.#unsyncedCharacters -= payload.length;
  }

  /** The one buffer holds all but records far larger than a row. */
  #encode(type: FrameType, payload: string): [Buffer, number] {
    const isLarge = payload.length > payloadBytesMax;
    const bytes = isLarge ? Buffer.allocUnsafe(frameBytes(payload)) : this.#buffer;
    return [bytes, encodeFrame(bytes, type, payload, this.#charactersMax)];
  }

  #write(bytes: Buffer, length: number): boolean {
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        appendTo(this.#settings.disk, this.#current, bytes, length);
        return true;
      } catch (error) {
        this.#settings.fault("append", error as Error);
        if (this.#current.isBroken || !this.#ballast.drop()) break;
      }
    }
    if (this.#current.isBroken) this.#syncLater();
    return false;
  }

  /** For another whole file. */
  #hasRoom(): boolean {
    const { segmentBytesMax, totalBytesMax } = this.#settings;
    if (this.totalBytes + segmentBytesMax <= totalBytesMax) return true;
    this.#refuse("the spool is as large as it may become");
    return false;
  }

  /** Seals the current file and begins another; what is unsynced in the sealed one goes with the next sync. */
  #beginNext(): boolean {
    const { disk, dir } = this.#settings;
    try {
      this.#lastSeq += 1;
      const next = createSegment(disk, dir, this.#lastSeq);
      this.#current.isSealed = true;
      this.#sealed.push(this.#current);
      this.#current = next;
      return true;
    } catch (error) {
      this.#settings.fault("append", error as Error);
      return false;
    }
  }
}

function datasync(disk: Disk, fd: number): Promise<void> {
  return new Promise((resolve, reject) => disk.fdatasync(fd, (error) => (error ? reject(error) : resolve())));
}
