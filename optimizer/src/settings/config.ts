// Owns what the optimizer's settings are: the config as it is stored and shown, and what it means for one request.

import type { Params, Strategy } from "../strategy";

export interface StrategyEntry {
  kind: string;
  enabled: boolean;
  /** Those that differ from the strategy's defaults, or were stated all the same. */
  params: Params;
}

/** What differs on one endpoint. */
export interface EndpointEntry {
  kind: string;
  enabled?: boolean;
  params?: Params;
}

/** All that are given must hold. */
export interface Match {
  user?: string;
  team?: string;
  endpoint?: string;
  /** The whole name, or its beginning and "*". */
  model?: string;
  metadata?: Readonly<Record<string, string | number | boolean>>;
}

export interface Rule {
  match: Match;
  strategies: readonly StrategyEntry[];
}

export interface Config {
  /** Names the defaults that the config was made from. */
  defaultsRevision: string | number;
  /** In order of execution. A kind that is not listed is off. */
  strategies: readonly StrategyEntry[];
  overrides: {
    /** Path → changes to `strategies`, by kind. A kind that is not listed there is put in where the registry has it. */
    byEndpoint: Readonly<Record<string, readonly EndpointEntry[]>>;
    /** The first that matches replaces `strategies` and what the endpoint changes of it. */
    rules: readonly Rule[];
  };
}

/** What rules look at. */
export interface Facts {
  endpoint: string;
  user: string | null;
  team: string | null;
  model: string | null;
  metadata: ReadonlyMap<string, string | number | boolean>;
  enabledKinds: ReadonlySet<string> | null;
}

/** A strategy that is on, its parameters complete. */
export interface ActiveStrategy {
  strategy: Strategy;
  params: Params;
}

/** The strategies there are, in their usual order, and the config of an installation that was never configured. */
export interface Registry {
  strategies: readonly Strategy[];
  defaultConfig: Config;
}
