// Owns the form in which an original is kept: what it is, whose it is, where its units begin, and its text, every UTF-16
// unit of it. It is sealed as one: nothing of it stands in the clear.

import type { Scope } from "../handles";
import type { StashIndex, StashWrite } from "../strategy";

export interface StashRecord extends Omit<StashWrite, "handle"> {
  scope: Scope;
}

interface Head extends Omit<StashRecord, "content"> {
  version: 1;
  /** A text with a lone surrogate has no UTF-8. */
  encoding: "utf8" | "utf16le";
}

/**
 * A JSON head, its length before it, the text behind it.
 *
 * @throws TypeError for an index that does not fit the text
 */
export function encodeRecord(
  scope: Scope,
  { kind, class: textClass, toolName, content, index }: StashWrite,
): Uint8Array {
  if (index) checkIndex(index, content.length);
  const encoding = content.isWellFormed() ? "utf8" : "utf16le";
  const { tenant, user, session } = scope;
  const facts: Head = {
    version: 1,
    encoding,
    kind,
    class: textClass,
    toolName,
    index,
    scope: { tenant, user, session },
  };
  const head = Buffer.from(JSON.stringify(facts), "utf8");
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  return Buffer.concat([length, head, Buffer.from(content, encoding)]);
}

/** @throws SyntaxError, RangeError for anything but an encoded record */
export function decodeRecord(bytes: Uint8Array): StashRecord {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const contentAt = 4 + buffer.readUInt32LE(0);
  const head = JSON.parse(buffer.toString("utf8", 4, contentAt)) as Head;
  const { kind, class: textClass, toolName, index, scope, encoding } = head;
  return { kind, class: textClass, toolName, index, scope, content: buffer.toString(encoding, contentAt) };
}

function checkIndex({ starts, symbols }: StashIndex, length: number): void {
  let last = 0;
  for (const start of starts) {
    if (!Number.isInteger(start) || start < last || start > length) throw new TypeError("unit starts must ascend");
    last = start;
  }
  for (const unit of Object.values(symbols ?? {})) {
    if (!Number.isInteger(unit) || unit < 0 || unit >= starts.length) throw new TypeError("a symbol has no such unit");
  }
}
