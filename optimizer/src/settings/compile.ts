// Owns what a config means: the strategies of one request, and for which requests asking can be worth it. Everything
// that can be decided when the config is taken in is decided then, not per request.

import type { Eligibility } from "@anyray/shared/protocol";
import { optimizableEndpoints, type Resolved } from "../deps";
import type { ActiveStrategy, Config, Facts, Match, Registry, StrategyEntry } from "./config";
import { holdsFor } from "./match";
import { mergeEndpoint } from "./merge";
import { withDefaults } from "./params";

export interface Compiled {
  config: Config;
  /** Of the config and the version: 16 hex digits. */
  revision: string;
  resolve(facts: Facts): Resolved;
  eligibility: Eligibility;
}

/** `config` must be without faults. */
export function compileConfig(config: Config, registry: Registry, version: string): Compiled {
  const base = activate(config.strategies, registry);
  const byEndpoint = new Map<string, readonly ActiveStrategy[]>();
  for (const [endpoint, changes] of Object.entries(config.overrides.byEndpoint)) {
    byEndpoint.set(endpoint, activate(mergeEndpoint(config.strategies, changes, registry), registry));
  }
  const rules = config.overrides.rules.map(({ match, strategies }) => ({
    match,
    list: activate(strategies, registry),
  }));
  const revision = revisionOf(config, version);
  const listFor = (facts: Facts) =>
    rules.find(({ match }) => holdsFor(match, facts))?.list ?? byEndpoint.get(facts.endpoint) ?? base;
  return {
    config,
    revision,
    resolve(facts) {
      const list = listFor(facts);
      const { enabledKinds } = facts;
      const strategies = enabledKinds ? list.filter(({ strategy }) => enabledKinds.has(strategy.kind)) : list;
      return { revision, strategies };
    },
    eligibility: { revision, bodyBytesMin: bodyBytesMin(base, byEndpoint, rules) },
  };
}

/** The enabled ones, in order. */
function activate(entries: readonly StrategyEntry[], registry: Registry): readonly ActiveStrategy[] {
  return entries.flatMap(({ kind, enabled, params }) => {
    const strategy = registry.strategies.find((each) => each.kind === kind);
    return enabled && strategy ? [{ strategy, params: withDefaults(strategy, params) }] : [];
  });
}

function revisionOf(config: Config, version: string): string {
  return new Bun.CryptoHasher("sha256")
    .update(JSON.stringify([config, version]))
    .digest("hex")
    .slice(0, 16);
}

function bodyBytesMin(
  base: readonly ActiveStrategy[],
  byEndpoint: ReadonlyMap<string, readonly ActiveStrategy[]>,
  rules: readonly { match: Match; list: readonly ActiveStrategy[] }[],
): Record<string, number | null> {
  const smallest: Record<string, number | null> = {};
  for (const endpoint of optimizableEndpoints) {
    const possible = rules.filter(({ match }) => match.endpoint === undefined || match.endpoint === endpoint);
    const lists = [byEndpoint.get(endpoint) ?? base, ...possible.map(({ list }) => list)];
    const sizes = lists.flat().map(({ strategy }) => strategy.bodyBytesMin);
    smallest[endpoint] = sizes.length === 0 ? null : sizes.reduce((least, size) => Math.min(least, size));
  }
  return smallest;
}
