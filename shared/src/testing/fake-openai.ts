// Owns what the fake provider's OpenAI endpoints share: refusals, usage, prompts. Refuses to share a line with the
// gateway's reading of the same formats: the two must be able to disagree.

import {
  asArray,
  asText,
  type Call,
  isObject,
  type Json,
  Refusal,
  type Reply,
  type SseEvent,
  sumOf,
} from "./fake-call";
import { isKnownModel } from "./fake-models";
import { countTokens, createRandom, valueForSchema } from "./fake-words";
import type { LedgerTokens } from "./ledger";

/** @throws Refusal as OpenAI words it: no model, or one that does not exist */
export function openaiModel({ body }: Call): string {
  const model = asText(body["model"]);
  if (model === "") throw new Refusal(400, "you must provide a model parameter", null, null);
  if (isKnownModel(model)) return model;
  throw new Refusal(404, `The model \`${model}\` does not exist or you do not have access to it.`, "model_not_found");
}

/** Epoch seconds in November 2026, the same for the same call. */
export const createdAt = (seed: number): number => 1_793_500_000 + (seed % 2_500_000);

/** OpenAI's `usage` of chat and completions. */
export function chatUsage(tokens: LedgerTokens): Json {
  return {
    prompt_tokens: tokens.input,
    completion_tokens: tokens.output,
    total_tokens: tokens.input + tokens.output,
    prompt_tokens_details: {
      cached_tokens: tokens.cached,
      cache_write_tokens: tokens.cacheWrite,
      audio_tokens: 0,
    },
    completion_tokens_details: {
      reasoning_tokens: tokens.reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

/** In a stream, where an error is an event of its own without a name. */
export const openaiFailure: SseEvent = {
  data: JSON.stringify({
    error: {
      message: "The server had an error while processing your request. Sorry about that!",
      type: "server_error",
      param: null,
      code: null,
    },
  }),
};

/** Tokens of a message's content, in OpenAI's and Anthropic's form: text counts by its length, an image is worth 85. */
export function contentTokens(content: unknown): number {
  if (typeof content === "string") return countTokens(content);
  return sumOf(asArray(content), (part) => {
    if (!isObject(part)) return 0;
    const { type, text } = part;
    if (typeof text === "string") return countTokens(text);
    return /image|file|document|audio/.test(asText(type)) ? 85 : countTokens(JSON.stringify(part));
  });
}

/** Providers cache whole prefixes of 1024 tokens and more, in steps of 128. */
export function cachedPrefix(tokens: number): number {
  return tokens < 1_024 ? 0 : tokens - (tokens % 128);
}

/** The text of an answer whose format is demanded: a JSON value that fits the schema, or any JSON object. */
export function demandedText(call: Call, format: unknown): string | undefined {
  if (!isObject(format)) return undefined;
  const { type, schema, json_schema } = format;
  if (type === "json_object") return JSON.stringify({ answer: "yes", confidence: 0.5 });
  if (type !== "json_schema") return undefined;
  const inner = isObject(json_schema) ? json_schema["schema"] : schema;
  return JSON.stringify(valueForSchema(inner ?? {}, createRandom(call.seed)));
}

/** The prompt is paid once, the output of every choice. A told output is that of all choices together. */
export function sumReplies({ fake }: Call, replies: readonly Reply[]): LedgerTokens {
  const [first] = replies;
  if (!first) throw new Refusal(400, "Invalid 'n': must be at least 1.", null, "n");
  if (fake.tokens) return first.tokens;
  const output = sumOf(replies, (reply) => reply.tokens.output);
  return { ...first.tokens, output, reasoning: sumOf(replies, (reply) => reply.tokens.reasoning) };
}

/** OpenAI's `finish_reason`. */
export function finishReason(reply: Reply): string {
  if (reply.truncated) return "length";
  return reply.toolCalls.length > 0 ? "tool_calls" : "stop";
}

/** A prompt or an embedding's input in its four forms: a text, texts, tokens, lists of tokens. */
export function promptsOf(value: unknown): { text: string; tokens: number }[] {
  const one = (item: unknown) =>
    typeof item === "string"
      ? { text: item, tokens: countTokens(item) }
      : { text: JSON.stringify(item), tokens: asArray(item).length };
  const list = asArray(value);
  return list.length > 0 && typeof list[0] !== "number" ? list.map(one) : [one(value)];
}
