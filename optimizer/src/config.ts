// The optimizer's variables, and the secrets it makes for itself, or finds made by the gateway, when none are set.

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
  optimizerToken: string;
  keyring: Keyring;
}

/**
 * Reads or makes what the environment leaves open.
 *
 * @throws EnvError for a wish that cannot be met
 */
export function readConfig(env: Env, log: Log): Config {
  // The gateway keeps its rows and its policy elsewhere than asked then, and so would the optimizer.
  if (env.unknown.includes("ANYRAY_SPEND_DB_URL")) {
    throw new EnvError(["  ANYRAY_SPEND_DB_URL: accepted is nothing yet; rows are kept in ANYRAY_DATA_DIR"]);
  }
  const dataDir = env.ANYRAY_DATA_DIR;
  const made = (name: string) => ensureSecret(dataDir, name, makeAdminToken, { log }).value;
  const optimizerToken = env.ANYRAY_OPTIMIZER_TOKEN ?? made(optimizerTokenFile);
  const contentKey =
    env.ANYRAY_CONTENT_KEY ?? ensureSecret(dataDir, contentKeyFile, makeKey, { accepts: acceptsKey, log }).value;
  if (optimizerToken.length < 32) log.warn("the optimizer token is short: use at least 32 characters");
  return {
    env,
    adminToken: env.ANYRAY_ADMIN_TOKEN ?? made(adminTokenFile),
    optimizerToken,
    keyring: createKeyring(contentKey, env.ANYRAY_CONTENT_KEYS_OLD),
  };
}
