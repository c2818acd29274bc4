// Owns the traces that wait for their export: bounded in number and in bytes, given out in batches in the order they
// came. Refuses what does not fit; knows nothing of how they are sent.

import type { ExportItem } from "./encode";

export interface WaitingLimits {
  itemsMax: number;
  bytesMax: number;
  batchItemsMax: number;
  /** A batch is filled up to this; a larger trace makes a batch of its own. */
  batchBytesMax: number;
}

export class Waiting {
  readonly #limits: WaitingLimits;
  #items: { item: ExportItem; bytes: number }[] = [];
  #head = 0;
  #bytes = 0;

  constructor(limits: WaitingLimits) {
    this.#limits = limits;
  }

  /** What was kept of it: content is given up before the trace is. */
  add(item: ExportItem): "all" | "without_content" | "nothing" {
    if (this.count >= this.#limits.itemsMax) return "nothing";
    if (this.#push(item)) return "all";
    return item.contents && this.#push({ ...item, contents: null }) ? "without_content" : "nothing";
  }

  #push(item: ExportItem): boolean {
    const bytes = bytesOf(item);
    if (this.#bytes + bytes > this.#limits.bytesMax) return false;
    this.#items.push({ item, bytes });
    this.#bytes += bytes;
    return true;
  }

  /** The next batch, which waits no more; empty when nothing does. */
  take(): ExportItem[] {
    const { batchItemsMax, batchBytesMax } = this.#limits;
    const batch: ExportItem[] = [];
    let bytes = 0;
    for (let next = this.#items[this.#head]; next; next = this.#items[this.#head]) {
      if (batch.length >= batchItemsMax || (batch.length > 0 && bytes + next.bytes > batchBytesMax)) break;
      bytes += next.bytes;
      batch.push(next.item);
      this.#head += 1;
    }
    this.#bytes -= bytes;
    // Not at each take: moving everything that waits up by one batch would cost more than the memory does.
    if (this.#head > 1_024 || this.#head === this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return batch;
  }

  get count(): number {
    return this.#items.length - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }
}

/** An upper estimate of what one holds in memory. */
function bytesOf({ trace, contents }: ExportItem): number {
  const texts = contents ? Object.values(contents) : [];
  const characters = texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
  return 2_000 + 300 * (trace.spans.length + trace.decisions.length) + 2 * characters;
}
