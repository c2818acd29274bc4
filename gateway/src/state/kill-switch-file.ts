// Owns the file `kill-switch` in the data directory: that it is there engages the kill switch, whatever is in it. One
// that this program wrote says whose decision it keeps; any other was made by hand and is left alone.

import { open, readFile, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { asKillSwitchSetting, type KillSwitchSetting } from "@anyray/shared/admin/kill-switch";

/** An admin's decision as the file keeps it. */
export interface KeptDecision {
  decision: KillSwitchSetting;
  actor: string;
  ip: string | null;
  /** It is in the store, with its audit row. */
  audited: boolean;
}

/** `kept` is null for a file that was made by hand. */
export type FoundFile = { isThere: false } | { isThere: true; kept: KeptDecision | null };

/** What cannot be looked at counts as there: the switch fails to the safe side. */
export async function lookAtFile(path: string): Promise<FoundFile> {
  try {
    const handle = await open(path, "r");
    try {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(4_096), 0, 4_096, 0);
      return { isThere: true, kept: readKept(buffer.toString("utf8", 0, bytesRead)) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" || code === "ENOTDIR" ? { isThere: false } : { isThere: true, kept: null };
  }
}

function readKept(text: string): KeptDecision | null {
  try {
    const value = JSON.parse(text) as Partial<Record<keyof KeptDecision, unknown>> | null;
    const decision = asKillSwitchSetting(value?.decision);
    const { actor, ip = null, audited } = value ?? {};
    if (!decision?.engaged || typeof actor !== "string" || typeof audited !== "boolean") return null;
    return { decision, actor, ip: typeof ip === "string" ? ip : null, audited };
  } catch {
    return null;
  }
}

/** Writes or replaces the file, whole and on the disk; one that was made by hand stays. Rejects when it cannot. */
export async function keepInFile(path: string, kept: KeptDecision): Promise<void> {
  const found = await lookAtFile(path);
  if (found.isThere && found.kept === null) return;
  const draft = `${path}.${kept.decision.id}`;
  try {
    const file = await open(draft, "w", 0o600);
    await file
      .writeFile(`${JSON.stringify(kept)}\n`)
      .then(() => file.sync())
      .finally(() => file.close());
    await rename(draft, path);
  } catch (error) {
    await unlink(draft).catch(() => {});
    throw error;
  }
  const directory = await open(dirname(path), "r");
  await directory.sync().finally(() => directory.close());
}

/** Removes the file if it keeps a decision made no later than `at`. Rejects when it cannot. */
export async function removeFile(path: string, at: number): Promise<void> {
  const text = await readFile(path, "utf8").catch(() => null);
  const kept = text === null ? null : readKept(text);
  if (kept && kept.decision.at <= at) await unlink(path);
}
