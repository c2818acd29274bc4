// Owns taking down an answer on its way: its bytes one after the other in blocks that grow with it, up to a bound of its
// own and one that all answers share. Of an answer beyond that only a beginning is kept, and it says so.

/** What all tapes hold together. */
export interface Held {
  bytes: number;
  readonly bytesMax: number;
}

export interface TapeBounds {
  /** An answer up to here is kept whole. */
  bytesMax: number;
  /** Of a longer one so much. */
  headBytes: number;
}

const blockBytesMin = 1_024;
const blockBytesMax = 262_144;

export class ContentTape {
  readonly #held: Held;
  readonly #bounds: TapeBounds;
  #blocks: Uint8Array[] = [];
  /** Free bytes of the last block begin here. */
  #lastLength = 0;
  #length = 0;
  #isCut = false;

  constructor(held: Held, bounds: TapeBounds) {
    this.#held = held;
    this.#bounds = bounds;
  }

  /** Takes a copy: chunks are the caller's, and many small ones would cost more than their bytes. */
  push(chunk: Uint8Array): void {
    if (this.#isCut) return;
    const room = this.#bounds.bytesMax - this.#length;
    this.#append(room < chunk.length ? chunk.subarray(0, room) : chunk);
    if (room >= chunk.length) return;
    this.#isCut = true;
    this.#keepHead();
  }

  get length(): number {
    return this.#length;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** What was taken, in pieces; views, valid until `drop`. */
  parts(): Uint8Array[] {
    return this.#blocks.map((block, at) =>
      at < this.#blocks.length - 1 ? block : block.subarray(0, this.#lastLength),
    );
  }

  /** Gives its room back. */
  drop(): void {
    for (const block of this.#blocks) this.#held.bytes -= block.length;
    this.#blocks = [];
    this.#length = 0;
    this.#isCut = true;
  }

  #append(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      const last = this.#blocks.at(-1);
      if (!last || this.#lastLength === last.length) {
        if (this.#begin()) continue;
        this.#isCut = true;
        return;
      }
      const count = Math.min(bytes.length - at, last.length - this.#lastLength);
      last.set(at === 0 && count === bytes.length ? bytes : bytes.subarray(at, at + count), this.#lastLength);
      this.#lastLength += count;
      this.#length += count;
      at += count;
    }
  }

  /** False where others hold all there is. */
  #begin(): boolean {
    // As much again as there is, so that a short answer takes little and a long one has few blocks.
    const wanted = Math.min(blockBytesMax, Math.max(blockBytesMin, this.#length));
    if (this.#held.bytes + wanted > this.#held.bytesMax) return false;
    this.#held.bytes += wanted;
    this.#blocks.push(new Uint8Array(wanted));
    this.#lastLength = 0;
    return true;
  }

  #keepHead(): void {
    const { headBytes } = this.#bounds;
    let kept = 0;
    const count = this.#blocks.findIndex((block) => {
      kept += block.length;
      return kept >= headBytes;
    });
    if (count < 0) return;
    for (const block of this.#blocks.splice(count + 1)) this.#held.bytes -= block.length;
    const last = this.#blocks.at(-1)?.length ?? 0;
    this.#lastLength = Math.min(headBytes, this.#length) - (kept - last);
    this.#length = Math.min(headBytes, this.#length);
  }
}
