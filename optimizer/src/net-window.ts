// Owns the arithmetic of elisions for one pair of strategy and tool: what the last 200 saved, less what they caused.

/** One elision in one call. Prices are relative to that of an uncached input token. */
export interface ElisionNote {
  kind: string;
  tool: string | null;
  /** Estimated tokens that the call was spared. */
  tokensSaved: number;
  /** What each would have cost: 1, or the price of a cached read where the provider had them cached. */
  savedPrice?: number;
  /** Tokens that the provider must cache anew because the elision changed what stands before them. */
  cacheWriteTokens?: number;
  /** Price of writing one to the cache instead of reading it there; default 1.25 - 0.1. */
  cacheWritePrice?: number;
}

/** The model asked for an original: one more call over the same prefix. */
export interface RetrievalNote {
  kind: string;
  tool: string | null;
  /** Tokens of the conversation that the extra call reads again. */
  prefixTokens: number;
  /** Tokens of what was given back. */
  retrievedTokens: number;
  /** Price of a cached read; default 0.1. */
  cachedPrice?: number;
  /** Price of an output token; default 5. */
  outputPrice?: number;
}

/** Content-free but for the tool's name. Tokens at the price of uncached input. */
export interface PairReport {
  kind: string;
  tool: string | null;
  /** In the window, at most 200. */
  elisions: number;
  tokensSaved: number;
  retrievals: number;
  retrievalCost: number;
  cacheWriteCost: number;
  /** tokensSaved - retrievalCost - cacheWriteCost, over the window. */
  net: number;
  isOff: boolean;
  /** Epoch milliseconds; null while it is on. */
  offSince: number | null;
  retryAt: number | null;
  /** Since the pair was first seen. */
  totals: { elisions: number; retrievals: number; net: number };
}

interface Elision {
  saved: number;
  written: number;
  retrieved: number;
  retrievals: number;
}

/** Plain data, to be kept. */
export interface Pair {
  kind: string;
  tool: string | null;
  /** Oldest first. */
  window: Elision[];
  offSince: number | null;
  totals: PairReport["totals"];
}

export const elisionsInWindow = 200;
export const retryAfterMs = 86_400_000;
/** What a model writes to ask for an original. */
const outputTokensOfRetrieval = 120;
const cachedPriceDefault = 0.1;
const cacheWritePriceDefault = 1.15;
const outputPriceDefault = 5;

export function createPair(kind: string, tool: string | null): Pair {
  return { kind, tool, window: [], offSince: null, totals: { elisions: 0, retrievals: 0, net: 0 } };
}

/** Nothing counts while the pair is off: what sessions still repeat of before proves nothing. */
export function addElision(pair: Pair, note: ElisionNote, nowMs: number): void {
  if (pair.offSince !== null) return;
  const saved = cost(note.tokensSaved, note.savedPrice ?? 1);
  const written = cost(note.cacheWriteTokens ?? 0, note.cacheWritePrice ?? cacheWritePriceDefault);
  pair.window.push({ saved, written, retrieved: 0, retrievals: 0 });
  if (pair.window.length > elisionsInWindow) pair.window.shift();
  pair.totals.elisions++;
  pair.totals.net += saved - written;
  judge(pair, nowMs);
}

/** Counts with the newest elision, and leaves the window with it. Without one there is nothing to judge. */
export function addRetrieval(pair: Pair, note: RetrievalNote, nowMs: number): void {
  const retrieved =
    cost(note.prefixTokens, note.cachedPrice ?? cachedPriceDefault) +
    cost(note.retrievedTokens, 1) +
    cost(outputTokensOfRetrieval, note.outputPrice ?? outputPriceDefault);
  pair.totals.retrievals++;
  pair.totals.net -= retrieved;
  const newest = pair.window.at(-1);
  if (pair.offSince !== null || !newest) return;
  newest.retrieved += retrieved;
  newest.retrievals++;
  judge(pair, nowMs);
}

function judge(pair: Pair, nowMs: number): void {
  if (pair.window.length >= elisionsInWindow && sumsOf(pair.window).net <= 0) pair.offSince = nowMs;
}

/** Whether the pair was off and its day is over. */
export function isDue({ offSince }: Pair, nowMs: number): boolean {
  return offSince !== null && nowMs - offSince >= retryAfterMs;
}

/** On, and to be judged anew by its next 200 elisions. */
export function restart(pair: Pair): void {
  pair.window = [];
  pair.offSince = null;
}

export function reportOf({ kind, tool, window, offSince, totals }: Pair): PairReport {
  return {
    kind,
    tool,
    elisions: window.length,
    ...sumsOf(window),
    isOff: offSince !== null,
    offSince,
    retryAt: offSince === null ? null : offSince + retryAfterMs,
    totals: { ...totals },
  };
}

function sumsOf(window: readonly Elision[]) {
  const sums = { tokensSaved: 0, retrievals: 0, retrievalCost: 0, cacheWriteCost: 0, net: 0 };
  for (const { saved, written, retrieved, retrievals } of window) {
    sums.tokensSaved += saved;
    sums.retrievals += retrievals;
    sums.retrievalCost += retrieved;
    sums.cacheWriteCost += written;
  }
  sums.net = sums.tokensSaved - sums.retrievalCost - sums.cacheWriteCost;
  return sums;
}

/** What is no count of tokens, or no price, costs nothing. */
function cost(tokens: number, price: number): number {
  const product = tokens * price;
  return Number.isFinite(product) && tokens > 0 && price > 0 ? product : 0;
}
