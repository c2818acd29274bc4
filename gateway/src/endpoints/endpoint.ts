// Owns the Endpoint interface: what the gateway must know about one client-facing API. Data and pure
// functions only; the journey is the same for all.

import type { Usage } from "@anyray/shared/usage";

export type Protocol = "openai" | "anthropic";
export type JsonObject = Readonly<Record<string, unknown>>;

/** The few fields of a request that routing, caps and metering read. */
export interface RequestFacts {
  model: string | null;
  isStream: boolean;
  maxOutputTokens: number | null;
  /** A streamed answer states usage only if asked to, and this request does not ask. */
  mustAskForUsage: boolean;
}

/** What one event or one whole answer tells about usage. */
export interface AnswerFacts {
  usage: Usage | null;
  model: string | null;
}

export interface Endpoint {
  /** Path, "*" at the end matching any rest. */
  readonly path: string;
  readonly protocol: Protocol;
  /** `always`: capped, and a row for each call. `whenStated`: capped, and a row when the answer states usage. */
  readonly metering: "always" | "whenStated" | "never";
  readRequest(body: JsonObject): RequestFacts;
  /** Usage in a whole JSON answer, or in one event of a streamed one. `before` is what earlier events told. */
  readAnswer(json: JsonObject, before: Usage | null): AnswerFacts;
  readonly stream: StreamShape | null;
}

/** How a streamed answer of an endpoint ends, well or badly. */
export interface StreamShape {
  /** Whether the event that begins with `head` (its first 200 characters) is the last one of a whole answer. */
  isTerminal(head: string): boolean;
  /** Whether it is the provider's own error, after which nothing follows. */
  isError(head: string): boolean;
  /** Whether the text of the last events says that the answer is whole, should the terminal event not come last. */
  isWhole(tail: string): boolean;
  /** Whether the usage in this event is that of a beginning: the input is stated, the output is yet to come. */
  opensUsage(json: JsonObject): boolean;
  /** Tokens of answer text in this event, roughly: used only where the provider states no usage. */
  countText(json: JsonObject): number;
  /** The protocol's error event, whole. */
  errorEvent(fault: { code: string; type: string; message: string; requestId: string }): string;
}
