// Owns the bytes of the spool: [payload length u32][crc32 of type and payload u32][type u8][payload, JSON], all
// little-endian. A frame is whole or it is nothing.

/** `start`: a call is about to reach its provider. `end`: its row. `drop`: it ended without one. */
export type FrameType = "start" | "end" | "drop";

const types: readonly FrameType[] = ["start", "end", "drop"];
const headerBytes = 9;
const openingBrace = 0x7b;
const closingBrace = 0x7d;
/** Characters. A row is a few hundred bytes; its largest labels still fit many times over. */
export const payloadBytesMax = 262_144;

export interface Frame {
  type: FrameType;
  payload: string;
  /** Position of the frame and of what follows it. */
  start: number;
  end: number;
}

/**
 * Writes a frame into `into` at 0; returns its length. The payload is a JSON object.
 *
 * @throws RangeError for a payload of more than `charactersMax`
 */
export function encodeFrame(
  into: Buffer,
  type: FrameType,
  payload: string,
  charactersMax: number = payloadBytesMax,
): number {
  if (payload.length > charactersMax) throw new RangeError("spool payload too large");
  const bytes = into.write(payload, headerBytes, "utf8");
  into[8] = types.indexOf(type);
  into.writeUInt32LE(bytes, 0);
  into.writeUInt32LE(Bun.hash.crc32(into.subarray(8, headerBytes + bytes)), 4);
  return headerBytes + bytes;
}

/** Large enough for any frame: JSON may take three bytes a character. */
export const frameBufferBytes = headerBytes + 3 * payloadBytesMax;

/** Bytes that a frame of this payload takes. */
export function frameBytes(payload: string): number {
  return headerBytes + Buffer.byteLength(payload);
}

/** Position after a frame that begins at `start` by what its header says, or null when that is no header. */
function endOf(bytes: Buffer, start: number, charactersMax: number): number | null {
  if (start + headerBytes > bytes.length) return null;
  const length = bytes.readUInt32LE(start);
  const isHeader = (bytes[start + 8] ?? 255) < types.length && length >= 2 && length <= 3 * charactersMax;
  return isHeader ? start + headerBytes + length : null;
}

/** The frame that begins at `start`, or null when there is none, or not a whole one. */
function decodeFrame(bytes: Buffer, start: number, charactersMax: number): Frame | null {
  const end = endOf(bytes, start, charactersMax);
  const type = types[bytes[start + 8] ?? 255];
  if (!type || end === null || end > bytes.length) return null;
  // A payload is a JSON object. Seen before the checksum is made, or a file of noise would take hours.
  if (bytes[start + headerBytes] !== openingBrace || bytes[end - 1] !== closingBrace) return null;
  if (Bun.hash.crc32(bytes.subarray(start + 8, end)) !== bytes.readUInt32LE(start + 4)) return null;
  return { type, payload: bytes.toString("utf8", start + headerBytes, end), start, end };
}

export interface Scan {
  frames: Frame[];
  /** Bytes inside the file that belong to no frame: a damaged record each run of them. */
  damagedRuns: number;
  /** Bytes after the last whole frame: a write that a crash cut short. */
  tornBytes: number;
}

/**
 * Every whole frame from `from` on; looks past damage for the next whole one. A payload cannot be mistaken for a frame:
 * JSON has no control characters, and every header has some.
 */
export function scanFrames(bytes: Buffer, from = 0, charactersMax: number = payloadBytesMax): Scan {
  const frames: Frame[] = [];
  let damagedRuns = 0;
  let at = from;
  let goodEnd = from;
  while (at < bytes.length) {
    const frame = decodeFrame(bytes, at, charactersMax);
    if (frame) {
      if (at > goodEnd) damagedRuns += 1;
      frames.push(frame);
      at = frame.end;
      goodEnd = frame.end;
    } else at += 1;
  }
  // A last frame that has all its bytes was written whole and is not whole any more.
  const lastEnd = endOf(bytes, goodEnd, charactersMax);
  if (lastEnd === null || lastEnd > bytes.length) return { frames, damagedRuns, tornBytes: bytes.length - goodEnd };
  return { frames, damagedRuns: damagedRuns + 1, tornBytes: 0 };
}
