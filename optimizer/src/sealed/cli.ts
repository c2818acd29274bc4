// Owns sealing the optimizer's files anew after a change of content keys, as `bun run content rewrap` has it done: beside
// a running optimizer or without one.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { dropFormerKeys } from "@anyray/shared/content-key";
import type { Keyring } from "@anyray/shared/crypto";
import { type Env, readEnv } from "@anyray/shared/env";
import { openStoreThere, readKeyringThere } from "@anyray/shared/offline";
import { openAnswerCache } from "../answer-cache/answer-cache";
import { openSimilarAnswers } from "../answer-cache/similar-answers";
import { openNetSavings } from "../net-savings";
import { openSessionStore } from "../session-store";
import { openStash } from "../stash/stash";
import { openSealedFile } from "./file";
import { rewrapEach } from "./rewrap";

/** Resolves with the exit code. */
export async function rewrapFiles(
  env: Env,
  dataDir: string,
  isDryRun: boolean,
): Promise<{ code: number; said: string }> {
  const path = join(dataDir, "optimizer.db");
  if (!existsSync(path)) return { code: 0, said: "optimizer: nothing is kept\n" };
  const keyring = readKeyringThere(env, dataDir);
  if (isDryRun) return { code: 0, said: `optimizer: ${countElsewhere(path, keyring)} rows to be sealed anew\n` };
  const files = { path, keyring, now: Date.now };
  const open = [
    ...[openStash(files), openAnswerCache(files), openSimilarAnswers(files)],
    ...[openSessionStore(files), openNetSavings(files)],
  ];
  try {
    const { rewrapped, unreadable } = await rewrapEach(open);
    if (unreadable === 0) await dropKeys(env, dataDir, keyring);
    const said = `optimizer: ${rewrapped} rows sealed anew; unreadable: ${unreadable}\n`;
    return { code: unreadable === 0 ? 0 : 1, said };
  } finally {
    for (const each of open) each.close();
  }
}

async function dropKeys(env: Env, dataDir: string, keyring: Keyring): Promise<void> {
  const store = await openStoreThere(env, dataDir);
  await dropFormerKeys(store, keyring, "optimizer").finally(() => store.close());
}

/** Of all tables whose rows name their key. */
function countElsewhere(path: string, { keyId }: Keyring): number {
  const db = openSealedFile({ path, sync: "normal" });
  try {
    const tables = db
      .query<{ name: string }, []>(
        `SELECT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c
         WHERE m.type = 'table' AND c.name = 'key_id'`,
      )
      .all();
    const count = (name: string) =>
      db.query<{ rows: number }, [string]>(`SELECT count(*) AS rows FROM "${name}" WHERE key_id <> ?`).get(keyId)?.rows;
    return tables.reduce((sum, { name }) => sum + (count(name) ?? 0), 0);
  } finally {
    db.close();
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { "data-dir": { type: "string" }, "dry-run": { type: "boolean" } } });
  try {
    const env = readEnv();
    const dataDir = values["data-dir"] ?? env.ANYRAY_DATA_DIR;
    const { code, said } = await rewrapFiles(env, dataDir, values["dry-run"] === true);
    process.stdout.write(said);
    process.exitCode = code;
  } catch (error) {
    process.stderr.write(`optimizer: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
