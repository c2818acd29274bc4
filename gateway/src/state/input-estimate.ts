// Owns guessing a request's input tokens from its bytes, corrected per model by what providers billed.

/** Bytes per token of ordinary JSON requests in English, on the low side. */
const bytesPerToken = 3.2;
/** No model reads more. */
const tokensMax = 2_000_000;
const modelsMax = 1_000;
const weight = 0.05;

export type InputEstimate = ReturnType<typeof createInputEstimate>;

export function createInputEstimate() {
  const ratios = new Map<string, number>();
  const plain = (bodyBytes: number) => Math.min(tokensMax, Math.ceil(bodyBytes / bytesPerToken));
  return {
    tokens(model: string | null, bodyBytes: number): number {
      return Math.min(tokensMax, Math.ceil(plain(bodyBytes) * (ratios.get(model ?? "") ?? 1)));
    },
    /** Learns from a stated figure; small requests are mostly punctuation and teach nothing. */
    learn(model: string | null, bodyBytes: number, inputTokens: number): void {
      if (bodyBytes < 200 || inputTokens === 0) return;
      const key = model ?? "";
      const seen = Math.min(4, Math.max(0.02, inputTokens / plain(bodyBytes)));
      // Not taken at its word the first time either: one picture would make every text look fifty times smaller.
      const known = ratios.get(key) ?? 1;
      if (!ratios.has(key) && ratios.size >= modelsMax) ratios.delete(ratios.keys().next().value as string);
      ratios.set(key, known + weight * (seen - known));
    },
  };
}
