// Owns secrets that Anyray makes for itself: made once, kept in the data directory for its owner's eyes, the same
// for every process that starts. Refuses to replace a file it does not understand.

import { randomBytes, randomUUID } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Log } from "./log";
import { keyBytes } from "./variables";

export interface Secret {
  value: string;
  /** True when this call made it: the moment to print it. */
  generated: boolean;
  path: string;
}

export interface SecretOptions {
  /** Whether a stored value is whole; default: at least 32 characters. */
  accepts?: (value: string) => boolean;
  log?: Log;
}

/** Names of the files in the data directory. */
export const adminTokenFile = "admin-token";
export const contentKeyFile = "content-key";
export const optimizerTokenFile = "optimizer-token";
export const auditKeyFile = "audit-key";

/** 43 characters A-Z a-z 0-9 - _: 32 random bytes. */
export function makeAdminToken(): string {
  return randomBytes(32).toString("base64url");
}

/** 32 random bytes as base64. */
export function makeKey(): string {
  return randomBytes(32).toString("base64");
}

/** Whether a stored text is a whole 32-byte key, as `ANYRAY_CONTENT_KEY` accepts them. */
export function acceptsKey(value: string): boolean {
  return keyBytes(value) !== undefined;
}

const secretLengthMin = 32;
const secretFileBytesMax = 4_096;

/**
 * The secret in `dataDir/name`, made by `make` when there is none. Of several processes that start at once one
 * stores its value and all return that one. The file has mode 0600; a wider one is corrected and logged.
 *
 * @param name file name: a-z, 0-9 and -
 * @throws Error naming the file, when it is empty, truncated, too large or not to be read or written
 */
export function ensureSecret(dataDir: string, name: string, make: () => string, options: SecretOptions = {}): Secret {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) throw new Error(`"${name}" is no name for a secret's file`);
  const accepts = options.accepts ?? ((value: string) => value.length >= secretLengthMin);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, name);
  const stored = readSecret(path, accepts, options.log);
  if (stored !== undefined) return { value: stored, generated: false, path };
  const value = make();
  if (storeIfAbsent(path, value)) return { value, generated: true, path };
  const winner = readSecret(path, accepts, options.log);
  if (winner === undefined) throw new Error(`${path} was removed while it was being read`);
  return { value: winner, generated: false, path };
}

function readSecret(path: string, accepts: (value: string) => boolean, log: Log | undefined): string | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { mode, size } = fstatSync(file);
    if (size > secretFileBytesMax) throw new Error(`${path} is too large to hold a secret (${size} bytes)`);
    if ((mode & 0o077) !== 0) {
      chmodSync(path, 0o600);
      log?.warn("a secret's file was open to others, its mode is now 0600", {
        path,
        modeBefore: (mode & 0o777).toString(8).padStart(4, "0"),
      });
    }
    const value = readFileSync(file, "utf8").trim();
    if (value === "") throw new Error(`${path} is empty: restore it, or remove it to have a new one made`);
    if (accepts(value)) return value;
    throw new Error(`${path} holds no whole secret: restore it, or remove it to have a new one made`);
  } finally {
    closeSync(file);
  }
}

/** A file appears under its name only when it is whole and on disk, so no other process can read half of it. */
function storeIfAbsent(path: string, value: string): boolean {
  const draft = `${path}.${randomUUID()}`;
  const file = openSync(draft, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
  try {
    writeFileSync(file, `${value}\n`);
    fsyncSync(file);
    // Unlike a rename, a link fails when the name is taken.
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    closeSync(file);
    unlinkSync(draft);
    syncDirectory(path);
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(join(path, ".."), constants.O_RDONLY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
