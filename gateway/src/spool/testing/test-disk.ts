// Owns a disk for tests: real files, on which the n-th call of a function can be made to fail, and which loses at a
// power cut what no sync had covered.

import fs from "node:fs";
import { dirname } from "node:path";
import { type Disk, systemDisk } from "../disk";

export interface Fault {
  on: keyof Disk;
  /** From 1. */
  call: number;
  code: "EIO" | "ENOSPC";
  /** All later calls of all functions that write fail too. */
  isForGood?: boolean;
  /** The write that is hit does not fail but writes half of its bytes. */
  isShort?: boolean;
}

interface File {
  path: string;
  /** Bytes that a power cut leaves, but for the lost ones. */
  durableBytes: number;
  /** Ranges the kernel took for clean after a failed sync, and never wrote. */
  lost: [number, number][];
  isEntryDurable: boolean;
}

export interface TestDisk {
  disk: Disk;
  calls: Record<string, number>;
  isHit(): boolean;
  /** Paths in the order in which they were synced; a failed one is marked. */
  syncs: { path: string; isFailed: boolean }[];
  /** Bytes of a file that a power cut would leave. */
  durableBytes(path: string): number;
  /** Makes the files what they are after the power came back. */
  cutPower(): void;
  /** From now on nothing changes on the disk any more: the process that uses it is dead. */
  die(): void;
}

const writing = new Set<keyof Disk>([
  "writeSync",
  "writeFileSync",
  "fdatasync",
  "fdatasyncSync",
  "fsyncSync",
  "ftruncateSync",
]);

type Functions = Partial<Record<keyof Disk, (...args: never[]) => unknown>>;

/** Real files, of which it is known what a power cut would leave. */
function createPlatter() {
  const files = new Map<string, File>();
  const byFd = new Map<number, string>();
  const syncs: TestDisk["syncs"] = [];

  function sync(fd: number, bytes: number, isFailed: boolean): void {
    const path = byFd.get(fd) ?? "";
    syncs.push({ path, isFailed });
    const file = files.get(path);
    if (!file) return;
    if (isFailed) file.lost.push([file.durableBytes, bytes]);
    file.durableBytes = Math.max(file.durableBytes, bytes);
  }

  const functions = {
    openSync(path: string, flags: string, mode?: number) {
      const isNew = !fs.existsSync(path);
      const fd = fs.openSync(path, flags, mode);
      byFd.set(fd, path);
      if (isNew) files.set(path, { path, durableBytes: 0, lost: [], isEntryDurable: false });
      return fd;
    },
    closeSync(fd: number) {
      byFd.delete(fd);
      fs.closeSync(fd);
    },
    fdatasyncSync: (fd: number) => sync(fd, fs.fstatSync(fd).size, false),
    fsyncSync(fd: number) {
      const dir = byFd.get(fd);
      for (const file of files.values()) if (dirname(file.path) === dir) file.isEntryDurable = true;
    },
  } satisfies Functions;

  function cutPower(): void {
    for (const { path, durableBytes, lost, isEntryDurable } of files.values()) {
      if (!fs.existsSync(path)) continue;
      if (!isEntryDurable) {
        fs.rmSync(path);
        continue;
      }
      fs.truncateSync(path, Math.min(fs.statSync(path).size, durableBytes));
      const fd = fs.openSync(path, "r+");
      for (const [from, to] of lost) fs.writeSync(fd, Buffer.alloc(to - from), 0, to - from, from);
      fs.closeSync(fd);
    }
  }
  const closeAll = () => {
    for (const fd of byFd.keys()) fs.closeSync(fd);
    byFd.clear();
  };
  const durableBytes = (path: string) => files.get(path)?.durableBytes ?? 0;
  return { functions: functions as Functions, sync, syncs, cutPower, durableBytes, closeAll };
}

const errorOf = (name: string, { code }: Fault) => Object.assign(new Error(`${code}: ${name}`), { code });

export function createTestDisk(faults: readonly Fault[] = []): TestDisk {
  const platter = createPlatter();
  const calls: Record<string, number> = {};
  const hit = new Set<Fault>();
  let isDead = false;

  const faultOf = (name: keyof Disk): Fault | undefined => {
    calls[name] = (calls[name] ?? 0) + 1;
    const now = faults.find(({ on, call }) => on === name && call === calls[name]);
    if (now) hit.add(now);
    return now ?? [...hit].find(({ isForGood }) => isForGood && writing.has(name));
  };
  const call = (name: keyof Disk, args: never[]): unknown => {
    const real = platter.functions[name] ?? (systemDisk[name] as (...args: never[]) => unknown);
    if (isDead) throw new Error("dead");
    const fault = faultOf(name);
    if (!fault) return real(...args);
    if (fault.isShort && name === "writeSync" && calls[name] === fault.call) {
      const [fd, bytes, at, length] = args as unknown as [number, Buffer, number, number];
      return fs.writeSync(fd, bytes, at, Math.ceil(length / 2));
    }
    // What it was asked to close is closed all the same, as in the kernel.
    if (name === "closeSync") real(...args);
    throw errorOf(name, fault);
  };
  const disk = Object.fromEntries(
    Object.keys(allFunctions).map((name) => [name, (...args: never[]) => call(name as keyof Disk, args)]),
  ) as unknown as Disk;
  const fdatasync = (fd: number, done: (error: Error | null) => void) => {
    if (isDead) return;
    const fault = faultOf("fdatasync");
    // What is written from now on it does not cover.
    const bytes = fs.fstatSync(fd).size;
    setImmediate(() => {
      if (isDead) return;
      platter.sync(fd, bytes, fault !== undefined);
      done(fault ? errorOf("fdatasync", fault) : null);
    });
  };
  Object.assign(disk, { fdatasync });
  const die = () => {
    isDead = true;
    platter.closeAll();
  };
  const { syncs, cutPower, durableBytes } = platter;
  return { disk, calls, isHit: () => hit.size > 0, syncs, cutPower, durableBytes, die };
}

/** Each function of a disk, so that a new one cannot be left out. */
const allFunctions: Record<keyof Disk, true> = {
  openSync: true,
  writeSync: true,
  ftruncateSync: true,
  fdatasync: true,
  fdatasyncSync: true,
  fsyncSync: true,
  closeSync: true,
  readSync: true,
  readFileSync: true,
  writeFileSync: true,
  readdirSync: true,
  renameSync: true,
  rmSync: true,
  existsSync: true,
  statSync: true,
};
