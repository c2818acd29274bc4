// Owns reading single fields out of untrusted JSON. Never throws, never follows a prototype.

import { tokenCount, type Usage } from "@anyray/shared/usage";
import type { JsonObject } from "./endpoint";

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function field(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

export function objectField(object: JsonObject, name: string): JsonObject | null {
  const value = field(object, name);
  return isObject(value) ? value : null;
}

export function textField(object: JsonObject, name: string): string | null {
  const value = field(object, name);
  return typeof value === "string" ? value : null;
}

/** A token count in `object` under `name`, or `fallback`. */
export function tokensField(object: JsonObject | null, name: string, fallback = 0): number {
  return (object && tokenCount(field(object, name))) ?? fallback;
}

/** The caller's bound on the answer: the first of `names` that is a whole number ≥ 0, times the choices it makes. */
export function outputBound(body: JsonObject, names: readonly string[]): number | null {
  // Choices that are made and thrown away (`best_of`) are billed too.
  const choices = Math.max(1, tokensField(body, "n"), tokensField(body, "best_of"));
  for (const name of names) {
    const bound = tokenCount(field(body, name));
    if (bound !== undefined) return bound * choices;
  }
  return null;
}

/** A model name that may be stored and looked up: 1 to 256 characters, no control characters; else null. */
export function modelName(value: unknown): string | null {
  return typeof value === "string" && value.length > 0 && value.length <= 256 && !hasControl(value) ? value : null;
}

function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true;
  }
  return false;
}

/** Text → tokens, four characters to one: good to a third for prose, used only where nothing is stated. */
export function tokensOfText(value: unknown): number {
  return typeof value === "string" && value.length > 0 ? Math.ceil(value.length / 4) : 0;
}

/** A whole that is smaller than its parts is read as if the parts were right. */
function consistent(usage: Usage): Usage {
  const cacheWriteTokens = Math.max(usage.cacheWriteTokens, usage.cacheWriteLongTokens);
  const inputTokens = Math.max(usage.inputTokens, usage.cachedInputTokens + cacheWriteTokens);
  return { ...usage, inputTokens, cacheWriteTokens, outputTokens: Math.max(usage.outputTokens, usage.reasoningTokens) };
}

/** OpenAI's chat, completions and embeddings figures; its input total includes the cached part. */
export function openaiUsage(usage: JsonObject): Usage | null {
  const inputTokens = tokenCount(field(usage, "prompt_tokens"));
  if (inputTokens === undefined) return null;
  const input = objectField(usage, "prompt_tokens_details");
  const completion = tokensField(usage, "completion_tokens");
  const reasoningTokens = tokensField(objectField(usage, "completion_tokens_details"), "reasoning_tokens");
  // Some (xAI) state reasoning beside the completion, not in it: their total tells.
  const isBeside = field(usage, "total_tokens") === inputTokens + completion + reasoningTokens;
  return consistent({
    inputTokens,
    cachedInputTokens: tokensField(input, "cached_tokens"),
    cacheWriteTokens: tokensField(input, "cache_write_tokens"),
    cacheWriteLongTokens: 0,
    outputTokens: isBeside ? completion + reasoningTokens : completion,
    reasoningTokens,
  });
}

/** OpenAI's Responses figures, which images and other newer APIs share. */
export function responsesUsage(usage: JsonObject): Usage | null {
  const inputTokens = tokenCount(field(usage, "input_tokens"));
  if (inputTokens === undefined) return null;
  const input = objectField(usage, "input_tokens_details");
  return consistent({
    inputTokens,
    cachedInputTokens: tokensField(input, "cached_tokens"),
    cacheWriteTokens: tokensField(input, "cache_write_tokens"),
    cacheWriteLongTokens: tokensField(input && objectField(input, "cache_write_tokens_details"), "ttl_12h_tokens"),
    outputTokens: tokensField(usage, "output_tokens"),
    reasoningTokens: tokensField(objectField(usage, "output_tokens_details"), "reasoning_tokens"),
  });
}

/**
 * Anthropic's figures. Its `input_tokens` leaves the cache out, so reads and writes are added. In a stream the
 * later event's figures are cumulative: each one it carries replaces the earlier one, nothing is added up.
 */
export function anthropicUsage(usage: JsonObject, before: Usage | null): Usage | null {
  const readBefore = before?.cachedInputTokens ?? 0;
  const writtenBefore = before?.cacheWriteTokens ?? 0;
  const uncachedBefore = (before?.inputTokens ?? 0) - readBefore - writtenBefore;
  const uncached = tokenCount(field(usage, "input_tokens"));
  const output = tokenCount(field(usage, "output_tokens"));
  if (uncached === undefined && output === undefined && before === null) return null;
  const cachedInputTokens = tokensField(usage, "cache_read_input_tokens", readBefore);
  const lifetimes = objectField(usage, "cache_creation");
  const longWrite = tokensField(lifetimes, "ephemeral_1h_input_tokens", before?.cacheWriteLongTokens ?? 0);
  const cacheWriteTokens = Math.max(
    tokensField(usage, "cache_creation_input_tokens", writtenBefore),
    tokensField(lifetimes, "ephemeral_5m_input_tokens") + longWrite,
  );
  return consistent({
    inputTokens: (uncached ?? uncachedBefore) + cachedInputTokens + cacheWriteTokens,
    cachedInputTokens,
    cacheWriteTokens,
    cacheWriteLongTokens: longWrite,
    outputTokens: output ?? before?.outputTokens ?? 0,
    reasoningTokens: tokensField(
      objectField(usage, "output_tokens_details"),
      "thinking_tokens",
      before?.reasoningTokens ?? 0,
    ),
  });
}
