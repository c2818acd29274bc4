// The gateway's variables, and the secrets it makes for itself when none are set.

import { join } from "node:path";
import { createKeyring, type Keyring } from "@anyray/shared/crypto";
import { type Env, EnvError } from "@anyray/shared/env";
import type { Log } from "@anyray/shared/log";
import {
  acceptsKey,
  adminTokenFile,
  contentKeyFile,
  ensureSecret,
  makeAdminToken,
  makeKey,
  optimizerTokenFile,
} from "@anyray/shared/secrets";

export interface Config {
  env: Env;
  adminToken: string;
  /** Where the admin token is kept; null when a variable set it. */
  adminTokenPath: string | null;
  keyring: Keyring;
  /** The key that seals, for the threads that do. */
  contentKey: string;
  /** What the gateway shows the optimizer. */
  optimizerToken: string;
  spoolRoot: string;
  traceSpoolRoot: string;
}

/**
 * Reads or makes what the environment leaves open.
 *
 * @throws EnvError for a wish that cannot be met
 */
export function readConfig(env: Env, log: Log): Config {
  // Passing over it would put the rows where nobody looks for them.
  if (env.unknown.includes("ANYRAY_SPEND_DB_URL")) {
    throw new EnvError(["  ANYRAY_SPEND_DB_URL: accepted is nothing yet; rows are kept in ANYRAY_DATA_DIR"]);
  }
  const dataDir = env.ANYRAY_DATA_DIR;
  const token = env.ANYRAY_ADMIN_TOKEN
    ? { value: env.ANYRAY_ADMIN_TOKEN, path: null }
    : ensureSecret(dataDir, adminTokenFile, makeAdminToken, { log });
  const contentKey =
    env.ANYRAY_CONTENT_KEY ?? ensureSecret(dataDir, contentKeyFile, makeKey, { accepts: acceptsKey, log }).value;
  const optimizerToken =
    env.ANYRAY_OPTIMIZER_TOKEN ?? ensureSecret(dataDir, optimizerTokenFile, makeAdminToken, { log }).value;
  if (token.value.length < 32) log.warn("the admin token is short: use at least 32 characters");
  for (const name of env.unknown) log.warn("a variable that nobody reads: is it spelled right?", { variable: name });
  return {
    env,
    adminToken: token.value,
    adminTokenPath: token.path,
    keyring: createKeyring(contentKey, env.ANYRAY_CONTENT_KEYS_OLD),
    contentKey,
    optimizerToken,
    spoolRoot: join(dataDir, "spool"),
    traceSpoolRoot: join(dataDir, "trace-spool"),
  };
}

/** What a sealed provider key is bound to: it opens for no other slug. */
export function providerKeyPlace(slug: string): string {
  return `provider-key/${slug}`;
}
