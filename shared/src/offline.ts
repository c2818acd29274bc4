// Owns what the programs that work beside a running gateway need to begin: a store that is there already, and keys that
// are there already. Refuses to make either: a mistyped directory must not look like an empty store.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createKeyring, type Keyring } from "./crypto";
import { auditKeysOf, type Env } from "./env";
import { acceptsKey, auditKeyFile, contentKeyFile } from "./secrets";
import type { AuditAppended } from "./store/audit-step";
import { openStore } from "./store/open";
import type { Store } from "./store/store";

/** For a person to read. */
export class OfflineError extends Error {
  override name = "OfflineError";
}

/**
 * The store in a data directory.
 *
 * @throws OfflineError where there is none, or the key that chains its audit log is not there
 */
export async function openStoreThere(
  env: Env,
  dataDir: string,
  onAudit: (appended: AuditAppended) => void = () => {},
): Promise<Store> {
  if (!existsSync(join(dataDir, "anyray.db"))) {
    throw new OfflineError(`there is no store in ${dataDir}: set ANYRAY_DATA_DIR or --data-dir`);
  }
  const keyPath = join(dataDir, auditKeyFile);
  const hasKey = env.ANYRAY_AUDIT_KEY !== undefined || existsSync(keyPath);
  const store = await openStore({ dataDir, timezone: env.ANYRAY_REPORT_TZ, ...auditKeysOf(env), onAudit });
  if (hasKey || (await store.readAudit(null, 1)).length === 0) return store;
  await store.close();
  throw new OfflineError(`the audit log's key is not there: neither ANYRAY_AUDIT_KEY nor ${keyPath}`);
}

/** @throws OfflineError where there is no content key, or none that is whole */
export function readKeyringThere(env: Env, dataDir: string): Keyring {
  const active = env.ANYRAY_CONTENT_KEY ?? readKeyFile(join(dataDir, contentKeyFile));
  return createKeyring(active, env.ANYRAY_CONTENT_KEYS_OLD);
}

function readKeyFile(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch {
    throw new OfflineError(`there is no content key: neither ANYRAY_CONTENT_KEY nor ${path} can be read`);
  }
  if (!acceptsKey(text)) throw new OfflineError(`${path} holds no whole key`);
  return text;
}
