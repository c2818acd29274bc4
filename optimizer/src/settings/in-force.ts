// Owns which settings hold in this process now, and how they are changed: through the store, together with an audit
// row or not at all.

import { type Actor, changeAudited } from "@anyray/shared/admin/audit";
import type { Log } from "@anyray/shared/log";
import type { Policy, Store } from "@anyray/shared/store/store";
import { type Compiled, compileConfig } from "./compile";
import type { Config, Registry } from "./config";
import { readConfig } from "./parse";

/** Where the policy keeps them. */
export const settingsKey = "optimizer";

export interface Settings {
  current(): Compiled;
  /** What is wrong with the stored config, for example a kind that this version does not know; that part is off. */
  faults(): readonly string[];
  /** Takes what `policy` says; the defaults where it says nothing. */
  apply(policy: Policy): void;
}

/** @throws Error when the registry's own defaults have faults */
export function createSettings(registry: Registry, version: string, log: Log): Settings {
  const defaults = readConfig(registry.defaultConfig, registry);
  if (defaults.faults.length > 0) throw new Error(`the default settings have faults: ${defaults.faults.join("; ")}`);
  let stored: unknown;
  let faults: readonly string[] = [];
  let current = compileConfig(defaults.config, registry, version);
  return {
    current: () => current,
    faults: () => faults,
    apply(policy) {
      const next = Object.hasOwn(policy.settings, settingsKey) ? policy.settings[settingsKey] : undefined;
      if (Bun.deepEquals(next, stored)) return;
      stored = next;
      const read = next === undefined || next === null ? defaults : readConfig(next, registry);
      faults = read.faults;
      if (faults.length > 0) {
        log.warn("the stored settings have faults; those parts are off, GET /admin/optimizer/settings names them", {
          faults: faults.length,
        });
      }
      current = compileConfig(read.config, registry, version);
      log.info("settings are in force", { revision: current.revision });
    },
  };
}

/**
 * Stores a config with its audit row.
 *
 * @throws AnyrayError `store_unavailable`; nothing was changed then
 */
export function storeConfig(store: Store, config: Config, actor: Actor): Promise<Policy> {
  return changeAudited(store, { kind: "setting", key: settingsKey, value: config }, actor, {
    action: "optimizer.set",
    object: "settings",
    after: config,
  });
}
