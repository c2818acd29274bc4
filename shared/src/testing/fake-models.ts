// Owns the fake provider's list of models and the dated names under which they answer. Knows every other name too: a
// model is unknown only if its name says so ("no-such-…").

/** Asked for → answering, as the providers do it: an alias is answered by a dated snapshot. */
const snapshots: Readonly<Record<string, string>> = {
  "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
  "gpt-4o": "gpt-4o-2024-08-06",
  "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
  "gpt-4.1": "gpt-4.1-2025-04-14",
  "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
  "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
  "gpt-5": "gpt-5-2025-08-07",
  "gpt-5-mini": "gpt-5-mini-2025-08-07",
  "gpt-5-nano": "gpt-5-nano-2025-08-07",
  "gpt-5.1": "gpt-5.1-2025-11-13",
  "gpt-5.2": "gpt-5.2-2025-12-11",
  "gpt-5.4-mini": "gpt-5.4-mini-2026-03-17",
  "gpt-5.4-nano": "gpt-5.4-nano-2026-03-17",
  "gpt-5.5": "gpt-5.5-2026-04-23",
  o3: "o3-2025-04-16",
  "o3-mini": "o3-mini-2025-01-31",
  "o4-mini": "o4-mini-2025-04-16",
  "claude-haiku-4-5": "claude-haiku-4-5-20251001",
  "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
  "claude-opus-4-1": "claude-opus-4-1-20250805",
  "claude-opus-4-5": "claude-opus-4-5-20251101",
};

/** The model's name in the answer. */
export function answeringModel(asked: string): string {
  return snapshots[asked] ?? asked;
}

export function isKnownModel(name: string): boolean {
  return !name.startsWith("no-such-");
}

/** OpenAI's reasoning models. */
export function reasons(model: string): boolean {
  return /^(o\d|gpt-[5-9])/.test(model);
}

export interface ListedModel {
  id: string;
  displayName: string;
  /** Epoch seconds. */
  created: number;
}

const listed = (id: string, displayName: string, date: string): ListedModel => ({
  id,
  displayName,
  created: Date.parse(date) / 1_000,
});

export const openaiModels: readonly ListedModel[] = [
  listed("gpt-5.5", "GPT-5.5", "2026-04-20"),
  listed("gpt-5.4-mini", "GPT-5.4 mini", "2026-03-15"),
  listed("gpt-5", "GPT-5", "2025-08-05"),
  listed("gpt-5-mini", "GPT-5 mini", "2025-08-05"),
  listed("gpt-4.1", "GPT-4.1", "2025-04-10"),
  listed("gpt-4o", "GPT-4o", "2024-05-10"),
  listed("gpt-4o-mini", "GPT-4o mini", "2024-07-16"),
  listed("o4-mini", "o4-mini", "2025-04-08"),
  listed("gpt-3.5-turbo-instruct", "GPT-3.5 Turbo Instruct", "2023-08-24"),
  listed("text-embedding-3-small", "Embedding 3 small", "2024-01-22"),
  listed("text-embedding-3-large", "Embedding 3 large", "2024-01-22"),
  listed("gpt-4o-transcribe", "GPT-4o Transcribe", "2025-03-15"),
  listed("gpt-image-1", "GPT Image 1", "2025-04-24"),
  listed("omni-moderation-latest", "Omni moderation", "2024-11-15"),
];

/** Newest first, as Anthropic lists them. */
export const anthropicModels: readonly ListedModel[] = [
  listed("claude-sonnet-4-6", "Claude Sonnet 4.6", "2026-02-17"),
  listed("claude-opus-4-6", "Claude Opus 4.6", "2026-02-05"),
  listed("claude-opus-4-5-20251101", "Claude Opus 4.5", "2025-11-24"),
  listed("claude-haiku-4-5-20251001", "Claude Haiku 4.5", "2025-10-15"),
  listed("claude-sonnet-4-5-20250929", "Claude Sonnet 4.5", "2025-09-29"),
  listed("claude-opus-4-1-20250805", "Claude Opus 4.1", "2025-08-05"),
];
