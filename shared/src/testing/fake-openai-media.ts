// Owns the fake provider's remaining OpenAI endpoints: images, audio, moderation and the lists of models in both
// protocols' shapes. Each is one plain answer.

import {
  type Answer,
  asCount,
  asText,
  type Call,
  type Json,
  jsonAnswer,
  planReply,
  promptTokens,
  Refusal,
  stateUsage,
} from "./fake-call";
import { anthropicModels, type ListedModel, openaiModels } from "./fake-models";
import { createdAt, openaiModel, promptsOf } from "./fake-openai";
import { countTokens, createRandom, nameOf, seedOf } from "./fake-words";
import { type LedgerTokens, noTokens } from "./ledger";
import { headerOf } from "./request-reader";

const onePixelPng = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

const mediaUsage = (tokens: LedgerTokens, kind: "image" | "audio"): Json => ({
  input_tokens: tokens.input,
  output_tokens: tokens.output,
  total_tokens: tokens.input + tokens.output,
  ...(kind === "image"
    ? { input_tokens_details: { text_tokens: tokens.input, image_tokens: 0 } }
    : { type: "tokens", input_token_details: { text_tokens: 0, audio_tokens: tokens.input } }),
});

/** Neither images nor audio are cached or reasoned about: only input and output are billed. */
function mediaTokens(call: Call, input: number, output: number): LedgerTokens {
  const counted = promptTokens(call, { input, cached: 0, cacheWrite: 0, cacheWriteLong: 0 });
  return { ...noTokens, input: counted.input, output: call.fake.tokens?.output ?? output };
}

/** `POST /v1/images/generations` */
export function answerImages(call: Call): Answer {
  const { body, seed } = call;
  const model = asText(body["model"]) || "dall-e-2";
  const prompt = asText(body["prompt"]);
  if (prompt === "")
    throw new Refusal(400, "Missing required parameter: 'prompt'.", "missing_required_parameter", "prompt");
  const images = Math.min(asCount(body["n"]) ?? 1, 10);
  const data = Array.from({ length: images }, () => ({ b64_json: onePixelPng }));
  // Only the image models that are billed by tokens state any.
  if (!model.startsWith("gpt-image")) return jsonAnswer(call, { created: createdAt(seed), data });
  const tokens = mediaTokens(call, countTokens(prompt), images * 1_056);
  const answer = {
    created: createdAt(seed),
    background: "opaque",
    data,
    output_format: "png",
    quality: "medium",
    size: "1024x1024",
  };
  return jsonAnswer(
    call,
    answer,
    tokens,
    stateUsage(call, tokens, (figures) => mediaUsage(figures, "image")),
  );
}

/** `POST /v1/audio/transcriptions`, a form with `file` and `model`. */
export async function answerTranscription(call: Call): Promise<Answer> {
  const { request } = call;
  const type = headerOf(request, "content-type") ?? "";
  const form = await new Response(request.body, { headers: { "content-type": type } })
    .formData()
    .catch(() => undefined);
  const file = form?.get("file");
  if (!form || !(file instanceof Blob)) throw new Refusal(400, "Missing required parameter: 'file'.", null, "file");
  // The form's borders are chance: what counts is what it holds.
  call.body = { model: String(form.get("model") ?? "") };
  call.seed = seedOf(`${call.body["model"]} ${Bun.hash.xxHash32(await file.arrayBuffer())}`);
  const model = openaiModel(call);
  const seconds = Math.ceil(file.size / 16_000);
  const prompt = { input: 10 * seconds, cached: 0, cacheWrite: 0, cacheWriteLong: 0 };
  const reply = planReply(call, { prompt, outputMax: undefined, reasoning: 0, toolCalls: [], text: undefined });
  if (form.get("response_format") === "text") {
    const tokens = mediaTokens(call, prompt.input, reply.tokens.output);
    return {
      status: 200,
      contentType: "text/plain; charset=utf-8",
      headers: [],
      body: { plain: `${reply.text}\n` },
      tokens,
    };
  }
  if (model.startsWith("whisper")) {
    // Billed by the second: a usage without tokens.
    return jsonAnswer(call, { text: reply.text }, noTokens, { usage: { type: "duration", seconds } });
  }
  const tokens = mediaTokens(call, prompt.input, reply.tokens.output);
  return jsonAnswer(
    call,
    { text: reply.text },
    tokens,
    stateUsage(call, tokens, (told) => mediaUsage(told, "audio")),
  );
}

/** `POST /v1/audio/speech`: bytes that are no text, and no usage. */
export function answerSpeech(call: Call): Answer {
  openaiModel(call);
  const random = createRandom(call.seed);
  const frames = Uint8Array.from({ length: 64 * countTokens(asText(call.body["input"])) }, () => random() * 256);
  return { status: 200, contentType: "audio/mpeg", headers: [], body: { plain: frames }, tokens: noTokens };
}

const moderationCategories = [
  "harassment",
  "harassment/threatening",
  "hate",
  "hate/threatening",
  "illicit",
  "illicit/violent",
  "self-harm",
  "self-harm/instructions",
  "self-harm/intent",
  "sexual",
  "sexual/minors",
  "violence",
  "violence/graphic",
];

/** `POST /v1/moderations` */
export function answerModerations(call: Call): Answer {
  const { body, seed } = call;
  if (!("input" in body)) throw new Refusal(400, "Missing required parameter: 'input'.", null, "input");
  const random = createRandom(seed);
  const of = <T>(value: () => T) => Object.fromEntries(moderationCategories.map((category) => [category, value()]));
  const results = promptsOf(body["input"]).map(() => ({
    flagged: false,
    categories: of(() => false),
    category_scores: of(() => random() / 1_000),
    category_applied_input_types: of(() => ["text"]),
  }));
  const model = asText(body["model"]) || "omni-moderation-latest";
  return jsonAnswer(call, { id: `modr-${nameOf(seed, "moderation", 29)}`, model, results });
}

const inOpenai = ({ id, created }: ListedModel): Json => ({ id, object: "model", created, owned_by: "system" });

const inAnthropic = ({ id, created, displayName }: ListedModel): Json => ({
  type: "model",
  id,
  display_name: displayName,
  created_at: new Date(created * 1_000).toISOString().replace(".000", ""),
});

/** `GET /v1/models`, in Anthropic's shape for a request with `anthropic-version`. */
export function answerModels(call: Call): Answer {
  if (headerOf(call.request, "anthropic-version") === undefined) {
    return jsonAnswer(call, { object: "list", data: openaiModels.map(inOpenai) });
  }
  const limit = Number(new URLSearchParams(call.request.query).get("limit") ?? 20);
  const data = anthropicModels.slice(0, limit).map(inAnthropic);
  const [first, last] = [data[0], data.at(-1)];
  return jsonAnswer(call, {
    data,
    has_more: data.length < anthropicModels.length,
    first_id: first?.["id"] ?? null,
    last_id: last?.["id"] ?? null,
  });
}

/** `GET /v1/models/:id` */
export function answerModel(call: Call): Answer {
  const id = decodeURIComponent(call.path.slice("/v1/models/".length));
  const anthropic = headerOf(call.request, "anthropic-version") !== undefined;
  const found = (anthropic ? anthropicModels : openaiModels).find((model) => model.id === id);
  if (found) return jsonAnswer(call, anthropic ? inAnthropic(found) : inOpenai(found));
  throw anthropic
    ? new Refusal(404, `model: ${id}`)
    : new Refusal(404, `The model '${id}' does not exist`, "model_not_found", "model");
}
