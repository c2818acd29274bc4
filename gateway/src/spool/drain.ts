// Owns moving finished rows into the store: in batches, again and again until the store confirms them. One writer,
// one batch in flight. Knows nothing of files.

import { isWell, type RowStore, siftRows } from "./quarantine";

/** A row and what to tell when it is safe in the store. */
export interface Queued<Row, T> {
  row: Row;
  /** Where it lies on disk meanwhile. */
  home: T;
}

export interface DrainSettings<Row, T> {
  store: RowStore<Row>;
  batchRows: number;
  /** Where rows differ much in size: a row's weight, and what a batch of several may weigh. */
  weightOf?(row: Row): number;
  batchWeight?: number;
  /** Longest time a row waits for company. */
  lingerMs: number;
  /** Pauses after the first, second … failure in a row; the last one holds for all further ones. */
  backoffMs?: readonly number[];
  confirmed(rows: readonly Queued<Row, T>[]): void;
  /** Rows the store refuses although it is well. False = they could not be set aside and are to be kept. */
  quarantine(refused: readonly { row: Row; error: Error }[]): boolean;
  failed(error: Error): void;
}

const defaultBackoffMs = [100, 200, 500, 1_000, 2_000, 5_000];
/** Refusals of one batch by a store that is otherwise well, before its rows are tried one by one. */
const refusalsMax = 3;

export class Drain<Row, T> {
  readonly #settings: DrainSettings<Row, T>;
  readonly #backoffMs: readonly number[];
  #queue: Queued<Row, T>[] = [];
  #sending: readonly Queued<Row, T>[] = [];
  /** Resolves when the batch on its way is decided. */
  #sent: Promise<void> = Promise.resolve();
  #timer: Timer | null = null;
  #weight = 0;
  #failures = 0;
  #refusals = 0;
  /** Readers that no batch may overtake. */
  #readers = 0;
  /** A row the store has: to give it again changes nothing, and shows whether the store is well. */
  #known: Row | null = null;
  #isClosed = false;

  constructor(settings: DrainSettings<Row, T>) {
    this.#settings = settings;
    this.#backoffMs = settings.backoffMs ?? defaultBackoffMs;
  }

  get length(): number {
    return this.#queue.length + this.#sending.length;
  }

  /** Of all rows that no store has confirmed yet; their number where rows have no weights. */
  get weight(): number {
    return this.#weight;
  }

  get isHealthy(): boolean {
    return this.#failures === 0;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  push(queued: Queued<Row, T>): void {
    this.#queue.push(queued);
    this.#weight += this.#weightOf(queued);
    if (this.#sending.length > 0) return;
    if (this.#queue.length >= this.#settings.batchRows) this.kick();
    else if (!this.#timer) this.#later(this.#settings.lingerMs);
  }

  /** Starts sending now, unless a batch is on its way or the store just failed. */
  kick(): void {
    if (this.#failures === 0) this.retry();
  }

  /** Starts sending now, even to a store that just failed. */
  retry(): void {
    if (this.#readers === 0) this.#send();
  }

  /**
   * Runs `read` while no batch is on its way, and none of which it is unknown whether the store has it: what the
   * store says then and what waits here do not overlap. Rejects when `read` does.
   */
  async whileStill<R>(read: () => Promise<R>): Promise<R> {
    this.#readers += 1;
    try {
      await this.#sent;
      for (let attempt = 0; this.#failures > 0 && attempt <= refusalsMax; attempt++) {
        this.#send();
        await this.#sent;
        // It is away, and will tell `read` so.
        if (this.#refusals === 0) break;
      }
      return await read();
    } finally {
      this.#readers -= 1;
      this.#next();
    }
  }

  /** Rows that no store has confirmed yet. */
  *waiting(): Generator<Queued<Row, T>> {
    yield* this.#sending;
    yield* this.#queue;
  }

  /** What is on its way may still reach the store, but nobody is told. */
  close(): void {
    this.#isClosed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #later(delayMs: number): void {
    if (this.#isClosed) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.retry();
    }, delayMs);
  }

  #send(): void {
    if (this.#sending.length > 0 || this.#queue.length === 0 || this.#isClosed) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#sending = this.#queue.slice(0, this.#batchLength());
    this.#queue = this.#queue.slice(this.#sending.length);
    this.#sent = this.#attempt(this.#sending).then(() => this.#next());
  }

  #weightOf({ row }: Queued<Row, T>): number {
    return this.#settings.weightOf?.(row) ?? 1;
  }

  #batchLength(): number {
    const { batchRows, batchWeight = Number.POSITIVE_INFINITY } = this.#settings;
    let weight = 0;
    for (let count = 0; count < batchRows; count++) {
      const next = this.#queue[count];
      if (!next) return count;
      weight += this.#weightOf(next);
      // One row goes, however heavy.
      if (weight > batchWeight && count > 0) return count;
    }
    return batchRows;
  }

  #next(): void {
    if (this.#queue.length === 0 || this.#sending.length > 0 || this.#readers > 0) return;
    const { batchRows, lingerMs } = this.#settings;
    if (this.#failures > 0) this.#later(this.#backoffMs[Math.min(this.#failures, this.#backoffMs.length) - 1] ?? 0);
    else if (this.#queue.length >= batchRows) this.#send();
    else if (!this.#timer) this.#later(lingerMs);
  }

  async #attempt(rows: readonly Queued<Row, T>[]): Promise<void> {
    const { store, failed } = this.#settings;
    const error = await store.record(rows.map(({ row }) => row)).then(
      () => null,
      (thrown: Error) => thrown,
    );
    if (!error) {
      this.#finish(rows, []);
      return;
    }
    this.#failures += 1;
    failed(error);
    this.#refusals = (await isWell(store, this.#known)) ? this.#refusals + 1 : 0;
    // The outcome is unknown: the same rows go again. A store that answers but refuses them is given them singly.
    if (this.#refusals < refusalsMax) this.#finish([], rows);
    else await this.#sift(rows);
  }

  async #sift(rows: readonly Queued<Row, T>[]): Promise<void> {
    const { store, quarantine } = this.#settings;
    const { stored, refused, left } = await siftRows(rows, store, this.#known);
    if (this.#isClosed) return;
    if (refused.length === rows.length && rows.length > 1 && !this.#known) {
      // Whether it is all of the rows or the store after all can be told when it takes another: those go first.
      this.#refusals = 0;
      this.#sending = [];
      this.#queue = [...this.#queue, ...rows];
      return;
    }
    const rest = refused.map(({ item }) => item);
    if (quarantine(refused.map(({ item, error }) => ({ row: item.row, error })))) {
      this.#finish([...stored, ...rest], left, stored);
    } else this.#finish(stored, [...left, ...rest], stored);
  }

  /** Ends a batch: `done` is safe, `again` goes before all others. */
  #finish(done: readonly Queued<Row, T>[], again: readonly Queued<Row, T>[], stored = done): void {
    if (this.#isClosed) return;
    this.#sending = [];
    this.#queue = [...again, ...this.#queue];
    this.#known = stored.at(-1)?.row ?? this.#known;
    if (again.length === 0) {
      this.#failures = 0;
      this.#refusals = 0;
    }
    for (const queued of done) this.#weight -= this.#weightOf(queued);
    if (done.length > 0) this.#settings.confirmed(done);
  }
}
