// Owns the requests that scenarios send, so that the same words mean the same bytes in each of them.

import { cappedUser } from "../arms/anyray";
import type { Ask } from "../load/answers";
import type { RequestSpec } from "../load/protocol";

const base = { endpoint: "chat", bodyBytes: 1_024, ask: null, user: cappedUser, users: 1 } satisfies RequestSpec;

/** 1 KB up, 1 KB of JSON down. */
export const smallCall: RequestSpec = base;

export const bodyCall = (bodyBytes: number): RequestSpec => ({ ...base, bodyBytes });

export const embeddingCall: RequestSpec = { ...base, endpoint: "embeddings" };

export const streamCall = (ask: Ask): RequestSpec => ({ ...base, ask });

/** Chunks of a stream that carry no event of their own: the end of the choice, the usage, [DONE]. */
export const closingEvents = 3;
