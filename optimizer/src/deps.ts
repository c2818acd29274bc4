// Owns the seam between the service (HTTP, settings, the process) and the optimizer behind it. The service reads and
// checks what was sent; behind this seam nothing knows of requests and responses of HTTP.

import type { Keyring } from "@anyray/shared/crypto";
import type { Log } from "@anyray/shared/log";
import type { Metrics } from "@anyray/shared/metrics";
import type { PriceBook } from "@anyray/shared/pricing";
import type { Decision, OptimizeFacts } from "@anyray/shared/protocol";
import type { ContentMode } from "@anyray/shared/store/trace";
import type { Usage } from "@anyray/shared/usage";
import type { PairReport } from "./net-window";
import type { ActiveStrategy } from "./settings/config";
import type { RetrieveQuery } from "./stash/query";

/** Bodies of these paths can be optimized; every other one is answered as it came. */
export const optimizableEndpoints = ["/v1/chat/completions", "/v1/responses", "/v1/messages"] as const;
export type OptimizableEndpoint = (typeof optimizableEndpoints)[number];

export function isOptimizable(endpoint: string): endpoint is OptimizableEndpoint {
  return (optimizableEndpoints as readonly string[]).includes(endpoint);
}

/** Who asks, as the gateway read it. */
export interface Asker {
  user: string | null;
  team: string | null;
  sessionId: string | null;
  /** The rest of the metadata: strings, numbers and booleans. */
  labels: ReadonlyMap<string, string | number | boolean>;
}

/** All of an optimize envelope but the request's text. */
export interface EnvelopeFacts {
  endpoint: OptimizableEndpoint;
  /** The request's text, parsed: a JSON object. Not to be written to. */
  request: Readonly<Record<string, unknown>>;
  asker: Asker;
  capabilities: { canShortCircuit: boolean; canRetrieve: boolean };
  /** The run is narrowed to these; null = not narrowed. */
  enabledKinds: ReadonlySet<string> | null;
}

/** What the settings in force say about one request. */
export interface Resolved {
  /** Changes with every change of the settings and of the version. */
  revision: string;
  /** In order of execution, parameters complete; already narrowed to `enabledKinds`. */
  strategies: readonly ActiveStrategy[];
}

export interface Optimized {
  /** The very text that came, where nothing was done. */
  requestText: string;
  facts: OptimizeFacts;
  /** JSON text of the stored answer, put into the answer byte for byte as `cachedResponse`; null = none. */
  cachedResponseText: string | null;
}

export interface ResponseFacts {
  endpoint: string;
  /** Null where the envelope had none. */
  requestText: string | null;
  asker: Asker;
}

export interface CacheEntry {
  /** As `optimize` gave it; null: to be made from the request. */
  cacheKey: string | null;
  /** Null where `cacheKey` is given. */
  request: { endpoint: OptimizableEndpoint; text: string } | null;
  /** JSON text of the provider's whole answer, not streamed: a JSON object. */
  responseText: string;
  /** 1..2592000; null = the settings' own. */
  ttlSeconds: number | null;
  asker: Asker;
}

/** Answered as it is, as JSON. */
export interface Retrieved {
  handle: string;
  content: string;
  [range: string]: unknown;
}

/** Billed usage of a call that went through `optimize`. */
export interface Feedback {
  optimizationId: string | null;
  sessionId: string | null;
  model: string | null;
  endpoint: string | null;
  asker: Asker;
  usage: Pick<Usage, "inputTokens" | "cachedInputTokens" | "cacheWriteTokens" | "outputTokens">;
}

/** Whose things are to be forgotten: all of a user's, or those of one session as its caller named it. */
export type Forgotten = { user: string } | { session: string; user: string | null; team: string | null };

/**
 * The optimizer as the service sees it. `optimize` and `optimizeResponse` may throw: the service then answers with what
 * came. The others may throw an AnyrayError, which is told to the asker; anything else is hidden and logged.
 */
export interface Optimizer {
  optimize(requestText: string, facts: EnvelopeFacts): Promise<Optimized>;
  optimizeResponse(
    responseText: string,
    facts: ResponseFacts,
  ): Promise<{ responseText: string; decisions: readonly Decision[] }>;
  /** False: it was not kept, for example because answers are not cached under the settings in force. */
  cacheStore(entry: CacheEntry): Promise<boolean>;
  /**
   * Null for unknown, expired and forbidden alike, in the same time. `asker` null: nobody in particular, the caller is
   * trusted to ask for whom it may.
   */
  retrieve(query: RetrieveQuery, asker: Asker | null): Promise<Retrieved | null>;
  feedback(feedback: Feedback): Promise<void>;
  /** Deletes what is kept of these, from the disk too; answers how many things that were. Rejects where some are left. */
  forget(owned: Forgotten): Promise<number>;
  /** What elisions were worth, by strategy and tool; what lost money is off. */
  savings(): readonly PairReport[];
  /** Bytes of stashed originals. */
  stashBytes(): number;
  /** Seals anew what is under earlier content keys, in small steps. What no configured key opens stays, and is counted. */
  rewrap(): Promise<{ rewrapped: number; unreadable: number }>;
  /** Writes down what is left. */
  close(): Promise<void>;
}

/** What an optimizer is made of. */
export interface OptimizerParts {
  dataDir: string;
  keyring: Keyring;
  log: Log;
  metrics: Metrics;
  priceBook: PriceBook;
  version: string;
  /** What the settings in force say; cheap. */
  resolve(facts: EnvelopeFacts): Resolved;
  /**
   * How content may be kept now; cheap. "off": nothing of a request or an answer. Otherwise sealed, in "plaintext" too: what
   * is kept here is for machines, and nobody reads it.
   */
  contentMode(): ContentMode;
}

/** Rejects when what it keeps on disk cannot be opened. */
export type OpenOptimizer = (parts: OptimizerParts) => Promise<Optimizer>;
