// Owns rows of one kind on their way to the store: appended to a file, kept in memory while there is room, left on disk
// alone when there is not, and given to the store until it confirms them. Knows nothing of what a row says.

import type { Log } from "@anyray/shared/log";
import { type Disk, systemDisk } from "./disk";
import { Drain, type Queued } from "./drain";
import { scanFrames } from "./frame";
import { type Identified, quarantineRows, type RowStore } from "./quarantine";
import { leftSegments, type Segment } from "./segment";
import { type DiskAction, Writer } from "./writer";

export interface RowSpoolSettings<Row> {
  /** A directory this process holds the lock of; what a former one left there is not looked at. */
  dir: string;
  store: RowStore<Row>;
  log: Log;
  /** The store does not take rows now; they wait. */
  away(error: Error): void;
  /** The store is well and refuses this row; it is in quarantine.jsonl. */
  refused(row: Row, error: Error): void;
  /** Disk full, store away and memory full. */
  lost(row: Row): void;
  totalBytesMax: number;
  segmentBytesMax: number;
  ballastBytes: number;
  syncEveryMs: number;
  batchRows: number;
  lingerMs: number;
  backoffMs?: readonly number[];
  /** What rows in memory may weigh together; each weighs 1 where `weightOf` does not say otherwise. */
  queuedWeightMax: number;
  batchWeight?: number;
  weightOf?(row: Row): number;
  /** Longest row as JSON text; 262,144. */
  charactersMax?: number;
  disk?: Disk;
  synced?(durationMs: number): void;
  /** A row is left on disk alone; the same rows come back in the same order. */
  spilled?(row: Row): void;
  returned?(row: Row): void;
  /** Rows are in the store, and their files may have been deleted. */
  confirmed?(): void;
}

export interface RowSpoolState {
  pendingRows: number;
  pendingBytes: number;
  segments: number;
  lastSyncMs: number | null;
  quarantined: number;
  dropped: number;
  isStoreHealthy: boolean;
  isDiskHealthy: boolean;
}

/** Null for a row that has no place on disk because the disk is full: it lives in memory alone. */
export type Home = Segment | null;

export class RowSpool<Row extends Identified> {
  readonly writer: Writer;
  readonly #settings: RowSpoolSettings<Row>;
  readonly #drain: Drain<Row, Home>;
  readonly #disk: Disk;
  /** First row that was left on disk alone because memory holds enough of them. */
  #spilledFrom: { segment: Segment; offset: number } | null = null;
  #appended = 0;
  #confirmed = 0;
  #quarantined = 0;
  #dropped = 0;
  #lastSyncMs: number | null = null;
  #isDiskHealthy = true;

  constructor(settings: RowSpoolSettings<Row>) {
    this.#settings = settings;
    this.#disk = settings.disk ?? systemDisk;
    const { dir, segmentBytesMax, totalBytesMax, ballastBytes, syncEveryMs, charactersMax } = settings;
    this.writer = new Writer({
      disk: this.#disk,
      firstSeq: (leftSegments(this.#disk, dir).at(-1)?.seq ?? 0) + 1,
      ...{ dir, segmentBytesMax, totalBytesMax, ballastBytes, syncEveryMs },
      ...(charactersMax !== undefined && { charactersMax }),
      fault: (what, error) => this.#diskFault(what, error),
      synced: (durationMs) => {
        this.#lastSyncMs = durationMs;
        this.#isDiskHealthy = true;
        settings.synced?.(durationMs);
      },
    });
    const { store, batchRows, lingerMs, backoffMs, batchWeight, weightOf } = settings;
    this.#drain = new Drain<Row, Home>({
      ...{ store, batchRows, lingerMs },
      ...(backoffMs && { backoffMs }),
      ...(batchWeight !== undefined && { batchWeight }),
      ...(weightOf && { weightOf }),
      confirmed: (rows) => this.#onConfirmed(rows),
      quarantine: (refused) => this.#quarantine(refused),
      failed: settings.away,
    });
  }

  /** The file the row went to; null when it is in memory alone, or lost. */
  append(row: Row): Segment | null {
    this.#appended += 1;
    const segment = this.writer.append("end", JSON.stringify(row));
    if (segment) segment.pendingRows += 1;
    const hasRoom = this.#drain.weight < this.#settings.queuedWeightMax;
    if (segment && (!hasRoom || this.#spilledFrom)) this.#spill(row, segment);
    else if (segment || (hasRoom && !this.#drain.isClosed)) this.#drain.push({ row, home: segment });
    else this.#drop(row);
    return segment;
  }

  /** Resolves when all rows so far are in the store, or `timeoutMs` has passed; says which. */
  async flush(timeoutMs: number): Promise<boolean> {
    const goal = this.#appended;
    const deadline = performance.now() + timeoutMs;
    this.#drain.retry();
    while (this.#confirmed < goal) {
      if (performance.now() > deadline) return false;
      this.#drain.kick();
      this.#readSpilled();
      await Bun.sleep(2);
    }
    return true;
  }

  /** Rows in memory that no store has confirmed yet. */
  *waiting(): Generator<Row> {
    for (const { row } of this.#drain.waiting()) yield row;
  }

  /** Runs `read` at a moment when no row is both in the store and among those that wait. */
  whileStill<R>(read: () => Promise<R>): Promise<R> {
    return this.#drain.whileStill(read);
  }

  state(): RowSpoolState {
    return {
      pendingRows: this.#appended - this.#confirmed,
      pendingBytes: this.writer.totalBytes,
      segments: this.writer.segments.length,
      lastSyncMs: this.#lastSyncMs,
      quarantined: this.#quarantined,
      dropped: this.#dropped,
      isStoreHealthy: this.#drain.isHealthy,
      isDiskHealthy: this.#isDiskHealthy,
    };
  }

  /** Stores what it can within `timeoutMs`; the rest waits on disk for the next start. */
  async close(timeoutMs: number): Promise<void> {
    await this.flush(timeoutMs);
    this.#drain.close();
    for (const { row, home } of this.#drain.waiting()) {
      if (home) continue;
      const segment = this.writer.append("end", JSON.stringify(row));
      if (segment) segment.pendingRows += 1;
      else this.#drop(row);
    }
    await this.writer.close();
  }

  #onConfirmed(rows: readonly Queued<Row, Home>[]): void {
    this.#confirmed += rows.length;
    for (const { home } of rows) if (home) home.pendingRows -= 1;
    this.writer.removeSpent();
    this.#settings.confirmed?.();
    this.#readSpilled();
  }

  #spill(row: Row, segment: Segment): void {
    this.#spilledFrom ??= { segment, offset: segment.bytes - this.writer.lastFrameBytes };
    this.#settings.spilled?.(row);
    // Reading it back may have failed before.
    if (this.#drain.length === 0) this.#readSpilled();
  }

  /** Takes rows that were left on disk back into memory when it has none, a file at a time. */
  #readSpilled(): void {
    while (this.#spilledFrom && this.#drain.length === 0) {
      const { segment, offset } = this.#spilledFrom;
      const read = this.#readRows(segment, Math.max(offset, segment.ownFrom));
      if (!read) return;
      const segments = this.writer.segments;
      const next = segments[segments.indexOf(segment) + 1];
      this.#spilledFrom = next ? { segment: next, offset: 0 } : null;
      for (const row of read) {
        this.#settings.returned?.(row);
        this.#drain.push({ row, home: segment });
      }
    }
  }

  #readRows(segment: Segment, from: number): Row[] | null {
    try {
      const { frames } = scanFrames(this.#disk.readFileSync(segment.path), from, this.#settings.charactersMax);
      return frames.filter(({ type }) => type === "end").map(({ payload }) => JSON.parse(payload) as Row);
    } catch (error) {
      this.#diskFault("read", error as Error);
      return null;
    }
  }

  #quarantine(refused: readonly { row: Row; error: Error }[]): boolean {
    const { dir } = this.#settings;
    try {
      quarantineRows(
        this.#disk,
        dir,
        refused.map(({ row }) => row),
      );
    } catch (fault) {
      this.#diskFault("append", fault as Error);
      return false;
    }
    this.#quarantined += refused.length;
    for (const { row, error } of refused) this.#settings.refused(row, error);
    return true;
  }

  #diskFault(what: DiskAction, error: Error): void {
    if (this.#isDiskHealthy) {
      this.#settings.log.error("the spool's disk fails; rows go to the store from memory", {
        what,
        error: error.message,
      });
    }
    this.#isDiskHealthy = false;
  }

  #drop(row: Row): void {
    this.#dropped += 1;
    this.#confirmed += 1;
    this.#settings.lost(row);
  }
}
