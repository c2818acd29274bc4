// Owns how a content lies in the file: nowhere but in pages of its own. SQLite overwrites a row that it deletes, but not the
// copies of rows that it left behind when it moved them from one page to another; such pages it never moves.

import type { Database } from "bun:sqlite";

/** Beyond what of a row stands in a shared page: the other columns and their lengths are in it too. */
const slackBytes = 64;

export interface ContentBlobs {
  /** Bytes of a column that begins with filling and ends where a page does. */
  pack(text: string): Uint8Array;
}

/** For a file with pages of the usual form, of any size. */
export function openContentBlobs(db: Database): ContentBlobs {
  const pageBytes = db.query<{ page_size: number }, []>("PRAGMA page_size").get()?.page_size ?? 4_096;
  // From the description of SQLite's file format: the least a row leaves in a shared page, when the rest fills whole ones.
  const sharedBytes = Math.floor(((pageBytes - 12) * 32) / 255) - 23;
  const ownBytes = pageBytes - 4;
  const start = sharedBytes + slackBytes;
  return {
    pack(text) {
      const data = Buffer.from(text, "utf8");
      const pages = Math.ceil((start + data.length - sharedBytes) / ownBytes);
      const blob = new Uint8Array(sharedBytes + pages * ownBytes);
      const view = new DataView(blob.buffer);
      view.setUint32(0, start);
      view.setUint32(4, data.length);
      blob.set(data, start);
      return blob;
    },
  };
}

/** The text that `pack` was given. */
export function unpackContent(blob: Uint8Array): string {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const start = view.getUint32(0);
  return Buffer.from(blob.subarray(start, start + view.getUint32(4))).toString("utf8");
}
