// Owns what must be known of an optimized call when its bill comes in: a bounded memory of the last ones.

import { LRUCache } from "lru-cache";
import type { Scope } from "./handles";
import type { TextClass } from "./text/classify";

export interface AskedCall {
  scope: Scope;
  model: string | null;
  textClass: TextClass;
  /** Estimated tokens of the request as it went out, before calibration. */
  estimatedTokens: number;
}

const callsMax = 20_000;

export type AskedCalls = LRUCache<string, AskedCall>;

export function createAskedCalls(): AskedCalls {
  return new LRUCache<string, AskedCall>({ max: callsMax });
}
