// Owns which functions of the file system the spool uses: all of them, so that tests can make each one fail.

import fs from "node:fs";

export type Disk = Pick<
  typeof fs,
  | "openSync"
  | "writeSync"
  | "ftruncateSync"
  | "fdatasync"
  | "fdatasyncSync"
  | "fsyncSync"
  | "closeSync"
  | "readSync"
  | "readFileSync"
  | "writeFileSync"
  | "readdirSync"
  | "renameSync"
  | "rmSync"
  | "existsSync"
  | "statSync"
>;

export const systemDisk: Disk = fs;
