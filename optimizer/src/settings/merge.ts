// Owns what an endpoint's changes make of the strategies that run everywhere.

import type { EndpointEntry, Registry, StrategyEntry } from "./config";

/** `base` with `changes` laid over it by kind. A kind that `base` does not list stands where the registry has it. */
export function mergeEndpoint(
  base: readonly StrategyEntry[],
  changes: readonly EndpointEntry[],
  registry: Registry,
): StrategyEntry[] {
  const merged = [...base];
  const rank = (kind: string) => registry.strategies.findIndex((strategy) => strategy.kind === kind);
  for (const { kind, enabled, params } of changes) {
    const at = merged.findIndex((entry) => entry.kind === kind);
    const entry = merged[at];
    if (entry) {
      merged[at] = { kind, enabled: enabled ?? entry.enabled, params: { ...entry.params, ...params } };
      continue;
    }
    const next = merged.findIndex((other) => rank(other.kind) > rank(kind));
    merged.splice(next < 0 ? merged.length : next, 0, { kind, enabled: enabled ?? true, params: params ?? {} });
  }
  return merged;
}
