// Owns what is remembered of a session between its calls: plain data, so that a run stays a pure function of it.

/** What was sent in the place of a unit, for as long as the session goes on. */
export interface Emitted {
  text: string;
  /** Kind → estimated tokens saved each time. */
  saved: Readonly<Record<string, number>>;
  /** The strategy that owns the unit from now on; null when only lossless ones touched it. */
  claim: string | null;
  /** Handles that stand in `text` and lead to the unit's original. */
  handles: readonly string[];
}

export interface SessionMemory {
  /** Calls optimized so far. */
  calls: number;
  /** Epoch milliseconds of the last one; 0 = none. */
  lastCallAt: number;
  /** The provider's word about the last call: input tokens read from its cache; null = not told. */
  lastCachedTokens: number | null;
  /** Keys of the last request's units in order, as far as they are all known to have been sent. */
  sent: readonly string[];
  /** By unit key. */
  emitted: Map<string, Emitted>;
  /** By strategy kind: JSON values. */
  remembered: Map<string, unknown>;
}

export function emptySession(): SessionMemory {
  return {
    calls: 0,
    lastCallAt: 0,
    lastCachedTokens: null,
    sent: [],
    emitted: new Map(),
    remembered: new Map(),
  };
}
