// Owns the byte-level view of server-sent events: where events end, and which bytes belong to which. Knows
// nothing of any provider's JSON.

const lf = 0x0a;
const cr = 0x0d;
const blankLf = Buffer.from("\n\n");
const blankCrLf = Buffer.from("\n\r\n");

type Bytes = Uint8Array<ArrayBuffer>;

/** Position of `needle` at or after `from`, or -1: native search, without wrapping the bytes in a Buffer first. */
export function find(bytes: Uint8Array, needle: Buffer, from = 0): number {
  return Buffer.prototype.indexOf.call(bytes, needle, from);
}

function findLast(bytes: Uint8Array, needle: Buffer): number {
  return Buffer.prototype.lastIndexOf.call(bytes, needle);
}

/** Position just after the last whole event in `bytes`; 0 when there is none. */
export function endOfEvents(bytes: Uint8Array): number {
  const length = bytes.length;
  // Nearly every chunk of every provider ends with a whole event.
  if (length >= 2 && bytes[length - 1] === lf && bytes[length - 2] === lf) return length;
  const plain = findLast(bytes, blankLf);
  const windows = findLast(bytes, blankCrLf);
  return Math.max(plain < 0 ? 0 : plain + 2, windows < 0 ? 0 : windows + 3);
}

/** Position just after the event that begins at `from`; the length of `bytes` when it does not end there. */
export function endOfEvent(bytes: Uint8Array, from: number): number {
  // Line by line, so that nothing behind the event is searched.
  for (let at = bytes.indexOf(lf, from); at >= 0; at = bytes.indexOf(lf, at + 1)) {
    if (bytes[at + 1] === lf) return at + 2;
    if (bytes[at + 1] === cr && bytes[at + 2] === lf) return at + 3;
  }
  return bytes.length;
}

/** The events in `bytes`, which hold whole events only, as [start, end) pairs. */
export function* eventsOf(bytes: Uint8Array): Generator<[number, number]> {
  let start = 0;
  while (start < bytes.length) {
    const end = endOfEvent(bytes, start);
    yield [start, end];
    start = end;
  }
}

const decoder = new TextDecoder();

/** The first `length` bytes of an event as text. */
export function headOf(bytes: Uint8Array, start: number, end: number, length = 200): string {
  return decoder.decode(bytes.subarray(start, Math.min(end, start + length)));
}

/** The event's `data:` lines joined as the standard says, or "" when it has none. */
export function dataOf(bytes: Uint8Array, start: number, end: number): string {
  let data = "";
  for (const line of decoder.decode(bytes.subarray(start, end)).split(/\r\n|\n|\r/)) {
    if (!line.startsWith("data:")) continue;
    const value = line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5);
    data = data ? `${data}\n${value}` : value;
  }
  return data;
}

export function joinBytes(parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Bytes at the end that may be the first ones of an empty line. */
function halfBlankLine(bytes: Uint8Array): number {
  const { length } = bytes;
  if (bytes[length - 1] === lf) return 1;
  return bytes[length - 1] === cr && bytes[length - 2] === lf ? 2 : 0;
}

/**
 * Cuts a stream of chunks into whole events. `push` returns the bytes that complete events, or null while an
 * event is still open; `rest` gives what is left at the end. An open event over `heldMax` bytes is let through
 * in pieces (`push` then returns pieces that end anywhere but within an empty line), so that memory stays bounded.
 */
export function createEventCutter(heldMax: number) {
  let held: Uint8Array[] = [];
  let heldBytes = 0;

  const take = (): Bytes => {
    const bytes = held.length === 1 ? (held[0] as Bytes) : joinBytes(held);
    held = [];
    heldBytes = 0;
    return bytes;
  };

  /** What ends an event goes on; an open one is kept, unless it is too large to be. */
  const cut = (bytes: Bytes): Bytes | null => {
    let to = endOfEvents(bytes);
    if (bytes.length - to > heldMax) to = Math.max(to, bytes.length - halfBlankLine(bytes));
    if (to === bytes.length) return bytes;
    held.push(to > 0 ? bytes.slice(to) : bytes);
    heldBytes = bytes.length - to;
    return to > 0 ? bytes.subarray(0, to) : null;
  };

  /** Whether a blank line may be complete with this chunk: the cheap question, asked before joining anything. */
  const mayComplete = (chunk: Uint8Array): boolean => chunk[0] === lf || chunk[0] === cr || endOfEvents(chunk) > 0;

  return {
    push(chunk: Bytes): Bytes | null {
      if (heldBytes === 0) return cut(chunk);
      // The joined form is looked at only when this chunk can end an event; else many small pieces of one large
      // event would be joined again and again.
      held.push(chunk);
      heldBytes += chunk.length;
      if (heldBytes <= heldMax && !mayComplete(chunk)) return null;
      return cut(take());
    },
    rest(): Bytes | null {
      return heldBytes > 0 ? take() : null;
    },
  };
}
