// Owns the ledger in front of the store: every call that reaches a provider is written down before it does, and its
// row before the last byte of its answer. The hot path appends to a file and returns; the store follows.

import type { Log } from "@anyray/shared/log";
import type { SpendRow } from "@anyray/shared/store/spend-row";
import type { Store } from "@anyray/shared/store/store";
import { type Disk, systemDisk } from "./disk";
import { Drain, type Queued } from "./drain";
import { scanFrames } from "./frame";
import { quarantineRows } from "./quarantine";
import type { StartRecord } from "./records";
import { leftSegments, type Segment } from "./segment";
import { TokenSums } from "./token-sums";
import { type DiskAction, Writer } from "./writer";

export interface SpoolSettings {
  /** A directory this process holds the lock of, already replayed. */
  dir: string;
  store: Pick<Store, "recordSpend" | "ping">;
  log: Log;
  fsync: "group" | "always";
  totalBytesMax: number;
  /** For tests; 8 MiB or a quarter of `totalBytesMax`, 16 MiB, 50 ms, 500 rows, 100 ms, 50,000 rows. */
  segmentBytesMax?: number;
  ballastBytes?: number;
  syncEveryMs?: number;
  batchRows?: number;
  lingerMs?: number;
  queuedRowsMax?: number;
  backoffMs?: readonly number[];
  disk?: Disk;
  synced?(durationMs: number): void;
}

export interface SpoolState {
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
type Home = Segment | null;

/** A call in progress. */
interface Started {
  record: StartRecord;
  home: Home;
}

export class Spool {
  readonly #settings: SpoolSettings;
  readonly #writer: Writer;
  readonly #drain: Drain<Home>;
  readonly #disk: Disk;
  readonly #queuedRowsMax: number;
  readonly #starts = new Map<string, Started>();
  /** First row that was left on disk alone because memory holds enough of them. */
  #spilledFrom: { segment: Segment; offset: number } | null = null;
  /** Of all rows from there on. */
  readonly #spilledTokens = new TokenSums();
  #appended = 0;
  #confirmed = 0;
  #quarantined = 0;
  #dropped = 0;
  #lastSyncMs: number | null = null;
  #isDiskHealthy = true;

  constructor(settings: SpoolSettings) {
    this.#settings = settings;
    this.#disk = settings.disk ?? systemDisk;
    this.#queuedRowsMax = settings.queuedRowsMax ?? 50_000;
    this.#writer = new Writer({
      disk: this.#disk,
      dir: settings.dir,
      firstSeq: (leftSegments(this.#disk, settings.dir).at(-1)?.seq ?? 0) + 1,
      segmentBytesMax: settings.segmentBytesMax ?? Math.min(8 * 1_048_576, Math.floor(settings.totalBytesMax / 4)),
      totalBytesMax: settings.totalBytesMax,
      ballastBytes: settings.ballastBytes ?? 16 * 1_048_576,
      syncEveryMs: settings.syncEveryMs ?? 50,
      fault: (what, error) => this.#diskFault(what, error),
      synced: (durationMs) => {
        this.#lastSyncMs = durationMs;
        this.#isDiskHealthy = true;
        settings.synced?.(durationMs);
      },
    });
    this.#drain = new Drain<Home>({
      store: settings.store,
      batchRows: settings.batchRows ?? 500,
      lingerMs: settings.lingerMs ?? 100,
      ...(settings.backoffMs && { backoffMs: settings.backoffMs }),
      confirmed: (rows) => this.#onConfirmed(rows),
      quarantine: (refused) => this.#quarantine(refused),
      failed: (error) =>
        settings.log.warn("spend store does not take rows; they wait in the spool", { error: error.message }),
    });
  }

  /** Before the first byte goes to a provider. */
  start(record: StartRecord): void {
    const segment = this.#writer.append("start", JSON.stringify(record));
    if (segment) segment.openStarts += 1;
    this.#starts.set(record.id, { record, home: segment });
  }

  /**
   * The row of a call, before the last byte of its answer goes to the caller. The promise is for `always` only: it
   * resolves when the row is on the disk, or the disk has failed to take it several times.
   */
  end(row: SpendRow): Promise<void> | undefined {
    this.#closeStart(row.id);
    this.#appended += 1;
    const segment = this.#writer.append("end", JSON.stringify(row));
    if (segment) segment.pendingRows += 1;
    const hasRoom = this.#drain.length < this.#queuedRowsMax;
    if (segment && (!hasRoom || this.#spilledFrom)) this.#spill(row, segment);
    else if (segment || (hasRoom && !this.#drain.isClosed)) this.#drain.push({ row, home: segment });
    else this.#drop(row);
    return this.#settings.fsync === "always" && segment ? this.#writer.sync() : undefined;
  }

  /** The call ended and leaves no row. */
  drop(id: string): void {
    if (!this.#starts.has(id)) return;
    this.#writer.append("drop", JSON.stringify({ id }));
    this.#closeStart(id);
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

  /** Tokens of a month's rows, by user, that no store has confirmed yet. */
  unstoredTokens(month: string): Map<string, number> {
    const sums = new TokenSums(this.#spilledTokens);
    for (const { row } of this.#drain.waiting()) sums.add(row);
    return sums.of(month);
  }

  /** Runs `read` at a moment when no row is both in the store and among those of `unstoredTokens`. */
  whileStill<R>(read: () => Promise<R>): Promise<R> {
    return this.#drain.whileStill(read);
  }

  state(): SpoolState {
    return {
      pendingRows: this.#appended - this.#confirmed,
      pendingBytes: this.#writer.totalBytes,
      segments: this.#writer.segments.length,
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
      const segment = this.#writer.append("end", JSON.stringify(row));
      if (segment) segment.pendingRows += 1;
      else this.#drop(row);
    }
    await this.#writer.close();
  }

  #closeStart(id: string): void {
    const home = this.#starts.get(id)?.home;
    if (home) home.openStarts -= 1;
    this.#starts.delete(id);
  }

  /** A call that runs for hours would keep every later file: its start is written again, to the newest one. */
  #carryStarts(): void {
    const [oldest, ...later] = this.#writer.segments;
    if (!oldest || later.length < this.#writer.segmentsMax / 2 || oldest.pendingRows > 0) return;
    let carried = 0;
    for (const start of this.#starts.values()) {
      if (start.home !== oldest) continue;
      const segment = this.#writer.append("start", JSON.stringify(start.record));
      if (!segment) break;
      segment.openStarts += 1;
      start.home = segment;
      carried += 1;
    }
    if (carried === 0) return;
    // The old one stays until the new one is on the disk.
    void this.#writer.sync().then(() => {
      oldest.openStarts -= carried;
    });
  }

  #onConfirmed(rows: readonly Queued<Home>[]): void {
    this.#confirmed += rows.length;
    for (const { home } of rows) if (home) home.pendingRows -= 1;
    this.#writer.removeSpent();
    this.#carryStarts();
    this.#readSpilled();
  }

  #spill(row: SpendRow, segment: Segment): void {
    this.#spilledFrom ??= { segment, offset: segment.bytes - this.#writer.lastFrameBytes };
    this.#spilledTokens.add(row);
    // Reading it back may have failed before.
    if (this.#drain.length === 0) this.#readSpilled();
  }

  /** Takes rows that were left on disk back into memory when it has none, a file at a time. */
  #readSpilled(): void {
    while (this.#spilledFrom && this.#drain.length === 0) {
      const { segment, offset } = this.#spilledFrom;
      const read = this.#readRows(segment, Math.max(offset, segment.ownFrom));
      if (!read) return;
      const segments = this.#writer.segments;
      const next = segments[segments.indexOf(segment) + 1];
      this.#spilledFrom = next ? { segment: next, offset: 0 } : null;
      for (const row of read) {
        this.#spilledTokens.take(row);
        this.#drain.push({ row, home: segment });
      }
    }
  }

  #readRows(segment: Segment, from: number): SpendRow[] | null {
    try {
      const { frames } = scanFrames(this.#disk.readFileSync(segment.path), from);
      return frames.filter(({ type }) => type === "end").map(({ payload }) => JSON.parse(payload) as SpendRow);
    } catch (error) {
      this.#diskFault("read", error as Error);
      return null;
    }
  }

  #quarantine(refused: readonly { row: SpendRow; error: Error }[]): boolean {
    const { dir, log } = this.#settings;
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
    for (const { row, error } of refused) {
      log.error("the store refuses a row; it is kept in quarantine.jsonl", { id: row.id, error: error.message });
    }
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

  #drop(row: SpendRow): void {
    this.#dropped += 1;
    this.#confirmed += 1;
    this.#settings.log.error("a spend row is lost: disk full, store away and memory full", { id: row.id });
  }
}
