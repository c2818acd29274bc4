// Owns what tests of kept things need: a fresh directory, keys, and a look at the bytes on disk.

import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface TemporaryDirectory extends Disposable {
  /** Of the one database file. */
  path: string;
  /** All bytes of all files, as Latin-1, so that any ASCII text can be looked for. */
  bytes(): string;
}

export function makeTemporaryDirectory(): TemporaryDirectory {
  const directory = mkdtempSync(join(tmpdir(), "anyray-kept-"));
  return {
    path: join(directory, "kept.db"),
    bytes: () =>
      readdirSync(directory)
        .map((name) => readFileSync(join(directory, name), "latin1"))
        .join(""),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

export function randomKey(): string {
  return randomBytes(32).toString("base64");
}
