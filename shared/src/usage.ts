// Owns the one meaning of "usage" that every provider's figures are brought to. Provider shapes are
// read in gateway/src/endpoints; this file knows none of them.

/**
 * Tokens of one provider answer, in the one meaning used everywhere in Anyray.
 *
 * `inputTokens` INCLUDES `cachedInputTokens` and `cacheWriteTokens`: OpenAI reports it so, Anthropic's
 * uncached figure is raised to it. `cacheWriteTokens` INCLUDES `cacheWriteLongTokens` (the share written
 * for the longer lifetime: Anthropic's one hour). `outputTokens` INCLUDES `reasoningTokens`.
 */
export interface Usage {
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  cacheWriteLongTokens: number;
  outputTokens: number;
  reasoningTokens: number;
}

export const noUsage: Readonly<Usage> = Object.freeze({
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  cacheWriteLongTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
});

/** No answer of any provider is larger; a larger figure is a fault of the provider and is not believed. */
export const tokensMax = 10_000_000;

/** A token count as providers state it: a whole number from 0 to `tokensMax`, else undefined. */
export function tokenCount(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= tokensMax ? value : undefined;
}

/** Tokens that count towards a user's monthly cap: everything in, cached input included, and everything out. */
export function cappedTokens(usage: Pick<Usage, "inputTokens" | "outputTokens">): number {
  return usage.inputTokens + usage.outputTokens;
}
