// Owns one append-only file of the spool and the bookkeeping that says when it may be deleted.

import { join } from "node:path";
import type { Disk } from "./disk";

export interface Segment {
  seq: number;
  path: string;
  fd: number;
  bytes: number;
  /** Where its own records begin; before lie copies of records of earlier files that could not be synced. */
  ownFrom: number;
  /** Calls that started here and have not ended. */
  openStarts: number;
  /** Rows here that the store has not confirmed. */
  pendingRows: number;
  isSealed: boolean;
  /** The disk failed it: nothing more is written to it, and it is not synced again. */
  isBroken: boolean;
}

const nameOf = (seq: number) => `${String(seq).padStart(12, "0")}.log`;
const namePattern = /^(\d{12})\.log$/;

/** A new, empty segment; the directory entry is made durable with it. */
export function createSegment(disk: Disk, dir: string, seq: number): Segment {
  const path = join(dir, nameOf(seq));
  const fd = disk.openSync(path, "ax+", 0o600);
  try {
    syncDirectory(disk, dir);
  } catch (error) {
    disk.closeSync(fd);
    disk.rmSync(path, { force: true });
    throw error;
  }
  return { seq, path, fd, bytes: 0, ownFrom: 0, openStarts: 0, pendingRows: 0, isSealed: false, isBroken: false };
}

/** Segments a former process left behind, oldest first: those with a number below `beforeSeq`. */
export function leftSegments(
  disk: Disk,
  dir: string,
  beforeSeq: number = Number.POSITIVE_INFINITY,
): { seq: number; path: string }[] {
  if (!disk.existsSync(dir)) return [];
  const found: { seq: number; path: string }[] = [];
  for (const name of disk.readdirSync(dir)) {
    const seq = namePattern.exec(name)?.[1];
    if (seq && Number(seq) < beforeSeq) found.push({ seq: Number(seq), path: join(dir, name) });
  }
  return found.sort((a, b) => a.seq - b.seq);
}

/**
 * Appends whole or not at all: a short write is cut off again.
 *
 * @throws the system's error (ENOSPC, EIO, …)
 */
export function appendTo(disk: Disk, segment: Segment, bytes: Buffer, length: number): void {
  let written = 0;
  try {
    while (written < length) {
      const count = disk.writeSync(segment.fd, bytes, written, length - written);
      if (count === 0) throw Object.assign(new Error("short write"), { code: "ENOSPC" });
      written += count;
    }
  } catch (error) {
    if (written > 0) cutOff(disk, segment);
    throw error;
  }
  segment.bytes += length;
}

function cutOff(disk: Disk, segment: Segment): void {
  try {
    disk.ftruncateSync(segment.fd, segment.bytes);
  } catch {
    // Its end is not where `bytes` says any more.
    segment.isBroken = true;
  }
}

/** Nothing in it is needed any more. */
export function isSpent(segment: Segment): boolean {
  return segment.isSealed && segment.openStarts === 0 && segment.pendingRows === 0;
}

/** @throws the system's error; the file descriptor is closed all the same */
export function removeSegment(disk: Disk, segment: Segment): void {
  try {
    disk.closeSync(segment.fd);
  } finally {
    disk.rmSync(segment.path, { force: true });
  }
}

export function syncDirectory(disk: Disk, dir: string): void {
  const fd = disk.openSync(dir, "r");
  try {
    disk.fsyncSync(fd);
  } finally {
    disk.closeSync(fd);
  }
}
