// The strategies there are, in the order they run in unless settings say otherwise. The only file that changes when
// one is added.

import type { Config, Registry, StrategyEntry } from "./settings/config";
import { cacheOptimizer } from "./strategies/cache_optimizer";
import { commandDigest } from "./strategies/command_digest";
import { contextCompression } from "./strategies/context_compression";
import { contextDedupe } from "./strategies/context_dedupe";
import { observationMask } from "./strategies/observation_mask";
import { outputExternalize } from "./strategies/output_externalize";
import { paramTuning } from "./strategies/param_tuning";
import { promptCompression } from "./strategies/prompt_compression";
import { semanticCache } from "./strategies/semantic_cache";
import { toolPruning } from "./strategies/tool_pruning";
import { toolSchemaCompression } from "./strategies/tool_schema_compression";
import { windowBudget } from "./strategies/window_budget";
import type { Params, Strategy } from "./strategy";

const strategies: readonly Strategy[] = [
  semanticCache,
  paramTuning,
  toolPruning,
  toolSchemaCompression,
  contextDedupe,
  promptCompression,
  commandDigest,
  contextCompression,
  observationMask,
  outputExternalize,
  windowBudget,
  cacheOptimizer,
];

const off = (kind: string): StrategyEntry => ({ kind, enabled: false, params: {} });
const on = (kind: string, params: Params = {}): StrategyEntry => ({ kind, enabled: true, params });

/**
 * What an installation does that nobody configured: only what is lossless, deterministic and stable along a session.
 * Everything else is one switch away, with its risk beside it.
 */
const defaultConfig: Config = {
  defaultsRevision: 1,
  strategies: strategies.map(({ kind }) => {
    // A copy is replaced before it is ever cached, or the replacing would break the cached prefix.
    if (kind === "context_dedupe") return on(kind, { nearDupe: false, keepRecentTurns: 0 });
    if (kind === "context_compression") return on(kind, { selection: false });
    if (kind === "tool_schema_compression") return on(kind, { level: 1 });
    if (kind === "prompt_compression" || kind === "cache_optimizer") return on(kind);
    return off(kind);
  }),
  overrides: { byEndpoint: {}, rules: [] },
};

export const registry = { strategies, defaultConfig } satisfies Registry;
