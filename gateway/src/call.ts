// Owns the nouns of a request's journey: Arrival, Call, Hold, Optimized, Outcome. No step changes a Call.

import type { OptimizeFacts } from "@anyray/shared/protocol";
import type { EndReason, Labels, OptimizeOutcome } from "@anyray/shared/store/spend-row";
import type { Usage } from "@anyray/shared/usage";
import type { Endpoint, Protocol } from "./endpoints/endpoint";
import type { ConfiguredProvider } from "./providers/provider";

/** What may be done with the caller's connection. */
export interface Connection {
  /** The runtime's idle timer does not run: the caller waits for us, not we for it. */
  holdOpen(): void;
  /** The idle timer runs again, or a kept-alive connection would stay for ever. */
  release(): void;
}

/** A request as it came in at the door, before anything was read of it. */
export interface Arrival {
  /** UUIDv7: the call's id for ever, `x-anyray-request-id` to the caller. */
  id: string;
  request: Request;
  endpoint: Endpoint;
  /** The protocol the caller speaks: the endpoint's, or on shared routes the one its headers tell. */
  protocol: Protocol;
  /** Normalised path, as routing saw it. */
  path: string;
  /** Query with its "?", or "". */
  search: string;
  connection: Connection;
  /** Epoch milliseconds. */
  arrivedAt: number;
  /** `performance.now()` */
  startedAt: number;
}

/** Who the caller says it is. A claim, not a proof. */
export interface Identity {
  user: string | null;
  team: string | null;
  session: string | null;
  tool: string | null;
  labels: Labels | null;
  /** `x-anyray-metadata` was there and could not be understood. */
  isMetadataInvalid: boolean;
}

export interface Call extends Arrival {
  identity: Identity;
  provider: ConfiguredProvider;
  /** As asked for, without a provider prefix. */
  model: string | null;
  /** The answer was asked for as server-sent events. */
  isStream: boolean;
  /** The caller's own bound on the answer, in tokens, all choices together. */
  maxOutputTokens: number | null;
  /** What goes to the provider: the caller's bytes, unless an edit was needed. */
  body: Uint8Array<ArrayBuffer> | null;
  /** The same as JSON text, without its content encoding; null where nobody had to look into it. */
  plain: Uint8Array<ArrayBuffer> | null;
  /** An edit undid the caller's `content-encoding`. */
  isBodyInflated: boolean;
  /** The gateway asked for a usage chunk the caller did not ask for: it is taken out again. */
  isUsageInjected: boolean;
  /** Bytes of the request after inflating: the base of every estimate. */
  bodyBytes: number;
  /** The model can ask for what was elided from the request. */
  canRetrieve: boolean;
  /** Counts towards caps, and leaves a row. */
  isBillable: boolean;
  /** Cap period, "YYYY-MM" in the reporting zone, fixed at admission. */
  month: string;
  /** `performance.now()` when the whole request had arrived: waiting for the caller is not our overhead. */
  receivedAt: number;
}

/** Tokens set aside for a call in progress. Closed exactly once, by `settle`. */
export interface Hold {
  user: string;
  month: string;
  tokens: number;
  isOpen: boolean;
}

/** What the optimizer did with a call. */
export interface Optimized {
  outcome: OptimizeOutcome;
  /** Time spent asking; null = it was not asked. */
  optimizeMs: number | null;
  /** JSON text that goes to the provider instead of the call's own body; null = that goes on as it is. */
  body: Uint8Array<ArrayBuffer> | null;
  /** Its answer but for the request, checked; null = there was none to rely on. */
  facts: OptimizeFacts | null;
  /** JSON text of a provider's whole answer to an equal request, to be served instead of asking; null = none. */
  cached: string | null;
  /** What a cached answer that was served had used when it was new; absent = the call went to its provider. */
  saved?: Readonly<Usage>;
  /** Under which the answer to this call may be kept; null = it may not. */
  cacheKey: string | null;
}

/** How a call ended, as the relay saw it. */
export interface Outcome {
  /** What the caller got; 499 when it left before anything. */
  status: number;
  endReason: EndReason;
  /** As the provider stated it, or null. */
  usage: Usage | null;
  /** `usage` is that of a beginning: what it says of the output does not count. */
  isUsageOpen: boolean;
  /** Tokens of answer text seen, for the estimate when `usage` is null or open. */
  seenOutputTokens: number;
  responseModel: string | null;
  /** `performance.now()` of the first byte from the provider; null when none came. */
  firstByteAt: number | null;
  /** Milliseconds spent waiting for the provider, from dispatch to its last byte. */
  upstreamMs: number;
}

/** Thrown by a step when the caller left before there was an answer to send. */
export class CallerLeft extends Error {
  override name = "CallerLeft";
}
