// Owns the anchor: where the audit log stood, kept in a file beside the database, so that a log cut at its end and an
// older copy of the database are seen. The same figures go to the process's log, which nobody can take back.

import { randomUUID } from "node:crypto";
import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import type { AuditHead, AuditKeys } from "./audit-chain";

/** `broken`: there is a file, and it is not one that this program wrote under a key it knows. */
export type FoundAnchor = { state: "missing" } | { state: "broken" } | { state: "found"; head: AuditHead; at: number };

/** In the data directory. */
export const anchorFile = "audit-anchor";

export function readAnchor(path: string, keys: AuditKeys): FoundAnchor {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    return { state: (error as NodeJS.ErrnoException).code === "ENOENT" ? "missing" : "broken" };
  }
  try {
    const { seq, hash, at, keyId, signature } = JSON.parse(text) as Record<string, unknown>;
    const isWhole =
      typeof seq === "number" &&
      typeof hash === "string" &&
      typeof at === "number" &&
      typeof keyId === "string" &&
      typeof signature === "string";
    if (!isWhole || !keys.isSigned(keyId, signedText({ seq, hash }, at), signature)) return { state: "broken" };
    return { state: "found", head: { seq, hash }, at };
  } catch {
    return { state: "broken" };
  }
}

/** Replaces the file, whole and on the disk, mode 0600. @throws Error when it cannot */
export function writeAnchor(path: string, keys: AuditKeys, head: AuditHead, at: number): void {
  const signature = keys.sign(signedText(head, at));
  const draft = `${path}.${randomUUID()}`;
  const file = openSync(draft, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
  try {
    writeFileSync(file, `${JSON.stringify({ ...head, at, keyId: keys.keyId, signature })}\n`);
    fsyncSync(file);
    renameSync(draft, path);
  } catch (error) {
    unlinkSync(draft);
    throw error;
  } finally {
    closeSync(file);
  }
  const directory = openSync(dirname(path), constants.O_RDONLY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function signedText({ seq, hash }: AuditHead, at: number): string {
  return JSON.stringify(["anchor", seq, hash, at]);
}
