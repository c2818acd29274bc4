// Owns the fake provider's Messages API, plain and streamed, and its token count, in Anthropic's published wire format.
// Refuses to share a line with the gateway's reading of that format.

import {
  type Answer,
  asArray,
  asCount,
  asText,
  type Call,
  isObject,
  type Json,
  jsonAnswer,
  outputAfter,
  type PromptTokens,
  planReply,
  planToolCalls,
  promptTokens,
  Refusal,
  type Reply,
  type SseEvent,
  type Stated,
  stateUsage,
  streamAnswer,
  type Tool,
  type ToolCall,
} from "./fake-call";
import { answeringModel, isKnownModel } from "./fake-models";
import { contentTokens, demandedText } from "./fake-openai";
import { countTokens, createRandom, fragmentsOf, nameOf, proseWords } from "./fake-words";
import type { LedgerTokens } from "./ledger";
import { headerOf } from "./request-reader";

/** Anthropic's `usage`: `input_tokens` is what was neither read from the cache nor written to it. */
export function messageUsage(tokens: LedgerTokens): Json {
  return {
    input_tokens: tokens.input - tokens.cached - tokens.cacheWrite,
    cache_creation_input_tokens: tokens.cacheWrite,
    cache_read_input_tokens: tokens.cached,
    cache_creation: {
      ephemeral_5m_input_tokens: tokens.cacheWrite - tokens.cacheWriteLong,
      ephemeral_1h_input_tokens: tokens.cacheWriteLong,
    },
    output_tokens: tokens.output,
    output_tokens_details: tokens.reasoning > 0 ? { thinking_tokens: tokens.reasoning } : null,
    server_tool_use: null,
    service_tier: "standard",
    inference_geo: "global",
  };
}

/** The figures of `message_delta`: cumulative, without the split and the labels. */
function deltaUsage(tokens: LedgerTokens): Json {
  const { cache_creation, service_tier, inference_geo, ...figures } = messageUsage(tokens);
  return figures;
}

const failureEvent: SseEvent = {
  name: "error",
  data: JSON.stringify({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }),
};

/** @throws Refusal as Anthropic words it */
function validate(call: Call, needsLimit: boolean): string {
  const { body, request } = call;
  const model = asText(body["model"]);
  if (headerOf(request, "anthropic-version") === undefined) {
    throw new Refusal(400, "anthropic-version: header is required");
  }
  if (model === "") throw new Refusal(400, "model: Field required");
  if (!isKnownModel(model)) throw new Refusal(404, `model: ${model}`);
  if (!Array.isArray(body["messages"])) throw new Refusal(400, "messages: Field required");
  if (needsLimit && asCount(body["max_tokens"]) === undefined) throw new Refusal(400, "max_tokens: Field required");
  return model;
}

interface Breakpoint {
  /** Prompt tokens up to and including the marked block. */
  tokens: number;
  long: boolean;
}

/** Counts the prompt in the order in which it is cached: tools, system, messages. */
function messagesPrompt(body: Json): PromptTokens {
  const { tools, system, messages } = body;
  const points: Breakpoint[] = [];
  let input = 0;
  let before = 0;
  const count = (block: unknown, tokens: number) => {
    input += tokens;
    const mark = isObject(block) ? block["cache_control"] : undefined;
    if (isObject(mark)) points.push({ tokens: input, long: mark["ttl"] === "1h" });
  };
  for (const tool of asArray(tools)) count(tool, countTokens(JSON.stringify(tool)));
  for (const block of blocksOf(system)) count(block, blockTokens(block));
  for (const message of asArray(messages)) {
    if (!isObject(message)) continue;
    if (message["role"] === "assistant") before = input;
    input += 3;
    for (const block of blocksOf(message["content"])) count(block, blockTokens(block));
  }
  return { input, ...cacheOf(points, before) };
}

const blocksOf = (content: unknown): readonly unknown[] => (typeof content === "string" ? [content] : asArray(content));

function blockTokens(block: unknown): number {
  return typeof block === "string" ? countTokens(block) : contentTokens([block]);
}

/**
 * The turn before, taken from the conversation itself, wrote what stood before the model's last answer; this turn reads
 * that and writes the rest up to its last breakpoint. Without a breakpoint, or below 1024 tokens, nothing is cached.
 */
function cacheOf(points: readonly Breakpoint[], before: number): Omit<PromptTokens, "input"> {
  const end = points.at(-1)?.tokens ?? 0;
  if (end < 1_024) return { cached: 0, cacheWrite: 0, cacheWriteLong: 0 };
  const cached = Math.min(before, end);
  const longEnd = points.findLast((point) => point.long)?.tokens ?? 0;
  return { cached, cacheWrite: end - cached, cacheWriteLong: Math.max(0, longEnd - cached) };
}

function messagesTools(call: Call): ToolCall[] {
  const { tools, tool_choice, messages } = call.body;
  const choice = isObject(tool_choice) ? tool_choice : {};
  if (choice["type"] === "none") return [];
  const offered = asArray(tools).flatMap((tool): Tool[] =>
    isObject(tool) && "input_schema" in tool ? [{ name: asText(tool["name"]), schema: tool["input_schema"] }] : [],
  );
  const last = asArray(messages).at(-1);
  const afterResult =
    isObject(last) && asArray(last["content"]).some((block) => isObject(block) && block["type"] === "tool_result");
  return planToolCalls(call, offered, choice["type"] === "tool" ? asText(choice["name"]) : undefined, afterResult);
}

/** `POST /v1/messages` */
export function answerMessages(call: Call): Answer {
  const { body, seed } = call;
  const model = validate(call, true);
  const thinking = isObject(body["thinking"]) && body["thinking"]["type"] !== "disabled";
  const format = isObject(body["output_config"]) ? body["output_config"]["format"] : undefined;
  const reply = planReply(call, {
    prompt: messagesPrompt(body),
    outputMax: asCount(body["max_tokens"]),
    reasoning: thinking ? 20 + (seed % 40) : 0,
    toolCalls: messagesTools(call),
    text: demandedText(call, format),
  });
  const blocks = contentBlocks(call, reply, thinking);
  const stopReason = reply.truncated ? "max_tokens" : reply.toolCalls.length > 0 ? "tool_use" : "end_turn";
  const message = {
    model: answeringModel(model),
    id: `msg_01${nameOf(seed, "message", 22)}`,
    type: "message",
    role: "assistant",
    content: blocks,
    stop_reason: stopReason,
    stop_sequence: null,
    stop_details: null,
  };
  if (body["stream"] === true) {
    return streamAnswer(call, messageEvents({ call, message, reply, blocks }), reply.tokens, failureEvent);
  }
  return jsonAnswer(call, message, reply.tokens, stateUsage(call, reply.tokens, messageUsage));
}

function contentBlocks({ seed }: Call, reply: Reply, thinking: boolean): Json[] {
  const signature = `${nameOf(seed, "signature", 344, "base64")}==`;
  const thought = proseWords(createRandom(seed ^ 0x7417), 12 + (seed % 20)).join("");
  return [
    ...(thinking ? [{ type: "thinking", thinking: thought, signature }] : []),
    ...(reply.text === "" ? [] : [{ type: "text", text: reply.text }]),
    ...reply.toolCalls.map((tool, at) => ({
      type: "tool_use",
      id: `toolu_01${nameOf(seed, `tool ${at}`, 22)}`,
      name: tool.name,
      input: JSON.parse(tool.arguments) as unknown,
    })),
  ];
}

interface MessageStream {
  call: Call;
  message: Json;
  reply: Reply;
  blocks: readonly Json[];
}

const event = (body: Json, mark: Partial<SseEvent> = {}): SseEvent => ({
  ...mark,
  name: asText(body["type"]),
  data: JSON.stringify(body),
});

function* messageEvents({ call, message, reply, blocks }: MessageStream): Iterable<SseEvent> {
  const { tokens } = reply;
  // At the start a few tokens are out already.
  const atStart = { ...tokens, output: Math.min(1, tokens.output), reasoning: 0 };
  const first = stateUsage(call, atStart, messageUsage).usage;
  const opening = { ...message, content: [], stop_reason: null, ...(first ? { usage: first } : {}) };
  const { output } = atStart;
  yield event({ type: "message_start", message: opening }, first ? { output, usage: first } : { output });
  const deltas = blocks.map((block) => blockDeltas(call, reply, block));
  const all = deltas.reduce((sum, list) => sum + list.length, 0);
  let told = 0;
  for (const [index, block] of blocks.entries()) {
    yield event({ type: "content_block_start", index, content_block: emptied(block) });
    if (index === 0) yield event({ type: "ping" });
    for (const delta of deltas[index] ?? []) {
      yield event({ type: "content_block_delta", index, delta }, { output: outputAfter(tokens, ++told, all) });
    }
    yield event({ type: "content_block_stop", index });
  }
  yield* closingEvents(message, stateUsage(call, tokens, deltaUsage), tokens.output);
}

function* closingEvents(message: Json, stated: Stated, output: number): Iterable<SseEvent> {
  const { stop_reason, stop_sequence, stop_details } = message;
  const delta = { stop_reason, stop_sequence, stop_details };
  const { usage, interim } = stated;
  if (interim) yield event({ type: "message_delta", delta, usage: interim }, { usage: interim });
  const closing = { type: "message_delta", delta, ...(usage ? { usage } : {}) };
  yield event(closing, usage ? { output, usage, final: true } : { output });
  yield event({ type: "message_stop" }, { last: true });
}

function emptied(block: Json): Json {
  if (block["type"] === "thinking") return { type: "thinking", thinking: "", signature: "" };
  return block["type"] === "text" ? { type: "text", text: "" } : { ...block, input: {} };
}

function blockDeltas({ fake }: Call, reply: Reply, block: Json): Json[] {
  switch (block["type"]) {
    case "thinking":
      return [
        ...fragmentsOf(asText(block["thinking"])).map((thinking) => ({ type: "thinking_delta", thinking })),
        { type: "signature_delta", signature: block["signature"] },
      ];
    case "text":
      return reply.words.map((text) => ({ type: "text_delta", text }));
    default: {
      const json = JSON.stringify(block["input"]);
      // The first fragment of a tool's input is empty.
      const parts = ["", ...fragmentsOf(json, fake.chunks)];
      return parts.map((partial_json) => ({ type: "input_json_delta", partial_json }));
    }
  }
}

/** `POST /v1/messages/count_tokens`: counts, and bills nothing. */
export function answerCountTokens(call: Call): Answer {
  validate(call, false);
  const { input } = promptTokens(call, messagesPrompt(call.body));
  return jsonAnswer(call, { input_tokens: input });
}
