// Owns the fake provider's legacy completions, plain and streamed, and embeddings, in OpenAI's published wire format.

import {
  type Answer,
  asCount,
  asText,
  type Call,
  isObject,
  type Json,
  jsonAnswer,
  outputAfter,
  planReply,
  promptTokens,
  Refusal,
  type Reply,
  type SseEvent,
  type Stated,
  stateUsage,
  streamAnswer,
  sumOf,
} from "./fake-call";
import { answeringModel } from "./fake-models";
import { createdAt, finishReason, openaiFailure, openaiModel, promptsOf, sumReplies } from "./fake-openai";
import { createRandom, nameOf, seedOf } from "./fake-words";
import type { LedgerTokens } from "./ledger";

/** `POST /v1/completions` */
export function answerCompletions(call: Call): Answer {
  const { body, seed } = call;
  const model = openaiModel(call);
  const prompts = promptsOf(body["prompt"]);
  const input = sumOf(prompts, (prompt) => prompt.tokens);
  const replies = prompts.map((_, index) =>
    planReply(call, {
      prompt: { input, cached: 0, cacheWrite: 0, cacheWriteLong: 0 },
      // The API's own default.
      outputMax: asCount(body["max_tokens"]) ?? (call.fake.chunks ? undefined : 16),
      reasoning: 0,
      toolCalls: [],
      text: undefined,
      index,
    }),
  );
  const tokens = sumReplies(call, replies);
  const stated = stateUsage(call, tokens, completionUsage);
  const head = {
    id: `cmpl-${nameOf(seed, "completion", 29)}`,
    object: "text_completion",
    created: createdAt(seed),
    model: answeringModel(model),
  };
  if (body["stream"] === true) {
    return streamAnswer(call, completionEvents({ call, chunk: head, replies, tokens, stated }), tokens, openaiFailure);
  }
  const choices = replies.map((reply, index) => ({
    text: reply.text,
    index,
    logprobs: null,
    finish_reason: finishReason(reply),
  }));
  return jsonAnswer(call, { ...head, choices }, tokens, stated);
}

interface CompletionStream {
  call: Call;
  chunk: Json;
  replies: readonly Reply[];
  tokens: LedgerTokens;
  stated: Stated;
}

function* completionEvents({ call, chunk, replies, tokens, stated }: CompletionStream): Iterable<SseEvent> {
  const options = isObject(call.body["stream_options"]) ? call.body["stream_options"] : {};
  const usageWanted = options["include_usage"] === true;
  const chunkOf = (choices: readonly Json[], usage: Json | null) =>
    JSON.stringify({ ...chunk, choices, ...(usageWanted ? { usage } : {}) });
  const all = sumOf(replies, (reply) => reply.words.length);
  let told = 0;
  for (const [index, reply] of replies.entries()) {
    for (const text of reply.words) {
      const choice = { text, index, logprobs: null, finish_reason: null };
      yield { data: chunkOf([choice], null), output: outputAfter(tokens, ++told, all) };
    }
    yield { data: chunkOf([{ text: "", index, logprobs: null, finish_reason: finishReason(reply) }], null) };
  }
  if (usageWanted && stated.interim) yield { data: chunkOf([], stated.interim), usage: stated.interim };
  if (usageWanted && stated.usage) yield { data: chunkOf([], stated.usage), usage: stated.usage, final: true };
  yield { data: "[DONE]", last: true };
}

/** Three figures, and details only where there is something to tell. */
function completionUsage(tokens: LedgerTokens): Json {
  const { cached, cacheWrite, reasoning } = tokens;
  return {
    prompt_tokens: tokens.input,
    completion_tokens: tokens.output,
    total_tokens: tokens.input + tokens.output,
    ...(cached + cacheWrite > 0
      ? { prompt_tokens_details: { cached_tokens: cached, cache_write_tokens: cacheWrite } }
      : {}),
    ...(reasoning > 0 ? { completion_tokens_details: { reasoning_tokens: reasoning } } : {}),
  };
}

const embeddingUsage = (tokens: LedgerTokens): Json => ({ prompt_tokens: tokens.input, total_tokens: tokens.input });

/** `POST /v1/embeddings` */
export function answerEmbeddings(call: Call): Answer {
  const { body } = call;
  const model = openaiModel(call);
  if (!("input" in body)) {
    throw new Refusal(400, "Missing required parameter: 'input'.", "missing_required_parameter", "input");
  }
  const inputs = promptsOf(body["input"]);
  const counted = { input: sumOf(inputs, (input) => input.tokens), cached: 0, cacheWrite: 0, cacheWriteLong: 0 };
  // Caching and output do not exist here: only the figure that is stated may be billed.
  const { input } = promptTokens(call, counted);
  const tokens = { input, cached: 0, cacheWrite: 0, cacheWriteLong: 0, output: 0, reasoning: 0 };
  const dimensions = Math.min(asCount(body["dimensions"]) ?? (model.includes("large") ? 3_072 : 1_536), 4_096);
  const base64 = asText(body["encoding_format"]) === "base64";
  const data = inputs.map(({ text }, index) => {
    const vector = embed(`${model} ${text}`, dimensions);
    const embedding = base64 ? Buffer.from(vector.buffer).toString("base64") : Array.from(vector);
    return { object: "embedding", index, embedding };
  });
  const answer = { object: "list", data, model: answeringModel(model) };
  return jsonAnswer(call, answer, tokens, stateUsage(call, tokens, embeddingUsage));
}

/** A unit vector that depends on the text alone. */
function embed(text: string, dimensions: number): Float32Array {
  const random = createRandom(seedOf(text));
  const vector = Float32Array.from({ length: dimensions }, () => random() - 0.5);
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}
