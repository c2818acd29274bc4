// Owns the fake provider's chat completions, plain and streamed, in OpenAI's published wire format.

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
  Refusal,
  type Reply,
  type SseEvent,
  type Stated,
  stateUsage,
  streamAnswer,
  sumOf,
  type Tool,
  type ToolCall,
} from "./fake-call";
import { answeringModel, reasons } from "./fake-models";
import {
  cachedPrefix,
  chatUsage,
  contentTokens,
  createdAt,
  demandedText,
  finishReason,
  openaiFailure,
  openaiModel,
  sumReplies,
} from "./fake-openai";
import { countTokens, createRandom, fragmentsOf, nameOf } from "./fake-words";
import type { LedgerTokens } from "./ledger";

/** What the turn before this one sent, taken from the conversation itself, is what the cache holds. */
function chatPrompt(body: Json): PromptTokens {
  const tools = body["tools"] ? countTokens(JSON.stringify(body["tools"])) : 0;
  let input = 3 + tools;
  let before = 0;
  for (const message of asArray(body["messages"])) {
    if (!isObject(message)) continue;
    const { role, content, tool_calls } = message;
    if (role === "assistant") before = input;
    input += 3 + contentTokens(content) + (tool_calls ? countTokens(JSON.stringify(tool_calls)) : 0);
  }
  return { input, cached: cachedPrefix(before), cacheWrite: 0, cacheWriteLong: 0 };
}

function chatTools(call: Call): ToolCall[] {
  const { tools, tool_choice, messages } = call.body;
  if (tool_choice === "none") return [];
  const offered = asArray(tools).flatMap((tool): Tool[] => {
    const called = isObject(tool) && isObject(tool["function"]) ? tool["function"] : undefined;
    return called ? [{ name: asText(called["name"]), schema: called["parameters"] }] : [];
  });
  const named =
    isObject(tool_choice) && isObject(tool_choice["function"]) ? tool_choice["function"]["name"] : undefined;
  const last = asArray(messages).at(-1);
  const afterResult = isObject(last) && last["role"] === "tool";
  return planToolCalls(call, offered, typeof named === "string" ? named : undefined, afterResult);
}

/** `POST /v1/chat/completions` */
export function answerChat(call: Call): Answer {
  const { body, seed } = call;
  const model = openaiModel(call);
  if (!Array.isArray(body["messages"]))
    throw new Refusal(400, "Missing required parameter: 'messages'.", "missing_required_parameter", "messages");
  const toolCalls = chatTools(call);
  const choices = Math.min(asCount(body["n"]) ?? 1, 128);
  const prompt = chatPrompt(body);
  const replies = Array.from({ length: choices }, (_, index) =>
    planReply(call, {
      prompt,
      outputMax: asCount(body["max_completion_tokens"]) ?? asCount(body["max_tokens"]),
      reasoning: reasons(model) && body["reasoning_effort"] !== "none" ? 64 * (1 + (seed % 8)) : 0,
      toolCalls,
      text: demandedText(call, body["response_format"]),
      index,
    }),
  );
  const tokens = sumReplies(call, replies);
  const stated = stateUsage(call, tokens, chatUsage);
  const head = {
    id: `chatcmpl-${nameOf(seed, "chat", 29)}`,
    object: "chat.completion",
    created: createdAt(seed),
    model: answeringModel(model),
  };
  const service = { service_tier: "default", system_fingerprint: `fp_${nameOf(seed, "fingerprint", 10, "hex")}` };
  if (body["stream"] === true) {
    const chunk = { ...head, object: "chat.completion.chunk", ...service };
    return streamAnswer(call, chatEvents({ call, chunk, replies, tokens, stated }), tokens, openaiFailure);
  }
  const message = (reply: Reply) => ({
    role: "assistant",
    content: reply.toolCalls.length > 0 ? null : reply.text,
    refusal: null,
    annotations: [],
    ...(reply.toolCalls.length > 0
      ? { tool_calls: reply.toolCalls.map((tool, at) => toolCallOf(seed, tool, at)) }
      : {}),
  });
  const told = replies.map((reply, index) => ({
    index,
    message: message(reply),
    logprobs: null,
    finish_reason: finishReason(reply),
  }));
  return jsonAnswer(call, { ...head, choices: told, ...service }, tokens, stated);
}

function toolCallOf(seed: number, { name, arguments: text }: ToolCall, at: number) {
  return { id: `call_${nameOf(seed, `tool ${at}`, 24)}`, type: "function", function: { name, arguments: text } };
}

interface ChatStream {
  call: Call;
  chunk: Json;
  replies: readonly Reply[];
  tokens: LedgerTokens;
  stated: Stated;
}

function* chatEvents({ call, chunk, replies, tokens, stated }: ChatStream): Iterable<SseEvent> {
  const options = isObject(call.body["stream_options"]) ? call.body["stream_options"] : {};
  const usageWanted = options["include_usage"] === true;
  const padding = createRandom(call.seed ^ 0x0bf5);
  const deltas = replies.map((reply) => chatDeltas(call, reply));
  const longest = Math.max(...deltas.map((list) => list.length));
  const all = sumOf(deltas, (list) => list.length);
  const chunkOf = (choices: readonly Json[], usage: Json | null): string => {
    const obfuscation = nameOf(Math.floor(padding() * 4_294_967_296), "pad", 2 + Math.floor(padding() * 14));
    return JSON.stringify({
      ...chunk,
      choices,
      ...(usageWanted ? { usage } : {}),
      ...(options["include_obfuscation"] === false ? {} : { obfuscation }),
    });
  };
  const choice = (index: number, delta: Json, reason: string | null = null) =>
    chunkOf([{ index, delta, logprobs: null, finish_reason: reason }], null);
  for (const [index, reply] of replies.entries()) {
    const content = reply.toolCalls.length > 0 ? null : "";
    yield { data: choice(index, { role: "assistant", content, refusal: null }) };
  }
  let told = 0;
  for (let at = 0; at < longest; at++) {
    for (const [index, list] of deltas.entries()) {
      const delta = list[at];
      if (delta) yield { data: choice(index, delta), output: outputAfter(tokens, ++told, all) };
    }
  }
  for (const [index, reply] of replies.entries()) {
    yield { data: choice(index, {}, finishReason(reply)), output: tokens.output };
  }
  if (usageWanted && stated.interim) yield { data: chunkOf([], stated.interim), usage: stated.interim };
  if (usageWanted && stated.usage) yield { data: chunkOf([], stated.usage), usage: stated.usage, final: true };
  yield { data: "[DONE]", last: true };
}

function chatDeltas({ seed, fake }: Call, reply: Reply): Json[] {
  if (reply.toolCalls.length === 0) return reply.words.map((content) => ({ content }));
  return reply.toolCalls.flatMap((tool, index) => {
    const { id, type } = toolCallOf(seed, tool, index);
    const opening = { tool_calls: [{ index, id, type, function: { name: tool.name, arguments: "" } }] };
    const fragments = fragmentsOf(tool.arguments, fake.chunks);
    return [opening, ...fragments.map((part) => ({ tool_calls: [{ index, function: { arguments: part } }] }))];
  });
}
