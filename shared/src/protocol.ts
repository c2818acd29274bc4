// Owns the wire types of Optimizer Protocol v1: what the gateway asks and what the optimizer answers.

/** Content-free: counts, sizes and reasons, never text of a request. */
export interface Decision {
  /** The strategy's kind. */
  kind: string;
  /** For people: what was done, in numbers. */
  summary: string;
  /** Estimated tokens of what the strategy changed, before and after. */
  tokensBefore: number;
  tokensAfter: number;
  /** A strategy's own figure. */
  metric?: number;
  /** Milliseconds the strategy took. */
  ms: number;
}

export interface SuppressedKind {
  kind: string;
  /** "no_retrieve", "budget", "stash_unavailable", "no_short_circuit", "net_loss", … */
  reason: string;
}

/** Who asks. Values as the gateway read them from the caller; all may be missing. */
export interface RequestMetadata {
  user?: string | null;
  team?: string | null;
  sessionId?: string | null;
  [label: string]: unknown;
}

export interface Capabilities {
  /** The asker can serve a cached answer instead of calling the provider. */
  canShortCircuit?: boolean;
  /** The model that will read the request has a way to ask for what was elided. */
  canRetrieve?: boolean;
}

/** `POST /v1/optimize`; `request` is the provider-shaped body, spliced into the envelope byte for byte. */
export interface OptimizeRequest {
  /** For example "/v1/chat/completions". */
  endpoint: string;
  request: unknown;
  metadata?: RequestMetadata;
  capabilities?: Capabilities;
  /** Narrows the run to these kinds; enables nothing that the settings disable. */
  enabledKinds?: readonly string[];
}

/** All of the answer but `request`, which stands in it byte for byte. */
export interface OptimizeFacts {
  protocolVersion: 1;
  optimizationId: string;
  decisions: readonly Decision[];
  estimatedTokensSaved: number;
  estimatedSavingsUsd: number;
  cacheHit: boolean;
  /** The whole non-streamed answer of the provider, where `cacheHit`. */
  cachedResponse?: unknown;
  cacheEligible: boolean;
  cacheKey?: string;
  suppressedKinds: readonly SuppressedKind[];
  sidecar?: Readonly<Record<string, unknown>>;
}

export interface OptimizeAnswer extends OptimizeFacts {
  request: unknown;
}

/** `GET /v1/eligibility`: for which requests asking can be worth it under the settings in force. */
export interface Eligibility {
  /** Changes with every change of the settings. */
  revision: string;
  /**
   * Endpoint → smallest request body, in bytes, that any enabled strategy may change; null = ask for none. Rules that
   * match on more than the endpoint are counted as if they matched. An endpoint that is not listed: ask for none.
   */
  bodyBytesMin: Readonly<Record<string, number | null>>;
}
