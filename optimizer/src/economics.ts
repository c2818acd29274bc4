// Owns when an edit pays: a provider bills what it reads from its prompt cache at a fraction, and an edit of what it
// has cached makes it read, and write, everything behind the edit again. Amounts in tokens of uncached input.

import type { ModelFacts } from "./models";
import type { SessionMemory } from "./session";

export interface CacheView {
  /** Price of reading a cached token, and of writing one. */
  read: number;
  write: number;
  /** Whether the call would find its prefix in the cache. */
  isWarm: boolean;
  /** Calls the session still makes, this one included, all within the cache's life. */
  callsLeft: number;
}

/** A session that goes on has about as much before it as behind it, as far as anybody knows; at most this. */
const callsLeftMax = 20;
/** In the midst of a loop of tool calls more will follow, however short the session is yet. */
const callsLeftInLoop = 5;
/** A prefix about to expire may be gone when the call arrives. */
const lifeShare = 0.9;

/** @param isInLoop the model is about to read a tool's result */
export function viewCache(
  session: SessionMemory,
  model: ModelFacts,
  promptTokens: number,
  isInLoop: boolean,
  now: number,
): CacheView {
  const { cacheRead: read, cacheWrite5m: write } = model;
  const isAlive = session.calls > 0 && now - session.lastCallAt < model.cacheTtlSeconds * 1_000 * lifeShare;
  const isLarge = promptTokens >= model.cacheMinTokens;
  const isWarm = model.caching !== "none" && isAlive && isLarge && session.lastCachedTokens !== 0;
  const callsLeft = Math.min(callsLeftMax, Math.max(isInLoop ? callsLeftInLoop : 1, session.calls));
  return { read, write, isWarm, callsLeft };
}

/**
 * What an edit saves over the rest of the session: `removed` tokens of the `behind` that are cached from the edit's
 * place on. Negative: it costs. Without a cache every removed token is saved on every call.
 */
export function savedByEdit(removed: number, behind: number, cache: CacheView): number {
  const each = cache.write + (cache.callsLeft - 1) * cache.read;
  if (!cache.isWarm) return removed * each;
  return removed * each - behind * (cache.write - cache.read);
}

export interface SentUnit {
  at: number;
  /** Tokens that were sent for it, and that are cached. */
  tokens: number;
  /** Tokens its edit removes; 0 = it is not edited. */
  removed: number;
}

/**
 * From which place on the edits of units that were sent before are worth a rewrite of the cache; Infinity = none is.
 * `units` in order of place. Edits behind the best place ride along: the rewrite is paid for already.
 */
export function bestRewrite(units: readonly SentUnit[], cache: CacheView): number {
  let best = 0;
  let place = Number.POSITIVE_INFINITY;
  let behind = 0;
  let removed = 0;
  for (let index = units.length - 1; index >= 0; index -= 1) {
    const unit = units[index] as SentUnit;
    behind += unit.tokens;
    if (unit.removed <= 0) continue;
    removed += unit.removed;
    const saved = savedByEdit(removed, behind, cache);
    if (saved <= best) continue;
    best = saved;
    place = unit.at;
  }
  return place;
}
