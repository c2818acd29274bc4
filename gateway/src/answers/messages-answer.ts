// Owns Anthropic's messages as whole answers: their events, and how events become a message again.

import type { JsonObject } from "../endpoints/endpoint";
import { field, isObject, objectField, textField } from "../endpoints/fields";
import {
  type AnswerFold,
  type AnswerShape,
  growField,
  type Json,
  piecesOf,
  setField,
  updateField,
  without,
} from "./answer-shape";

/** Fields of a message that only its end tells. */
const endFields = ["stop_reason", "stop_sequence", "stop_details", "container"];

export const messagesAnswer = {
  path: "/v1/messages",

  *replay(answer) {
    const usage = objectField(answer, "usage");
    const nulls = Object.fromEntries(
      endFields.filter((name) => Object.hasOwn(answer, name)).map((name) => [name, null]),
    );
    // A few tokens are out when an answer begins; the end's figures replace these.
    const outputTokens = usage && field(usage, "output_tokens");
    const begun = typeof outputTokens === "number" ? { output_tokens: Math.min(1, outputTokens) } : {};
    const opening = usage ? { usage: { ...usage, ...begun } } : {};
    yield event({ type: "message_start", message: { ...answer, content: [], ...nulls, ...opening } });
    for (const [index, block] of blocksOf(answer).entries()) yield* blockEvents(index, block);
    const delta: Json = {};
    for (const name of endFields) if (Object.hasOwn(answer, name)) delta[name] = answer[name];
    yield event({ type: "message_delta", delta, ...(usage ? { usage: endUsage(usage) } : {}) });
    yield event({ type: "message_stop" });
  },

  createFold: () => createMessageFold(),

  isCacheable(answer) {
    const blocks = blocksOf(answer);
    const hasText = blocks.some((block) => field(block, "type") === "text" && textField(block, "text")?.trim());
    const isEnded = field(answer, "type") === "message" && field(answer, "stop_reason") === "end_turn";
    // A container is kept by the provider, and not for ever.
    const isFree = !isObject(field(answer, "container")) && objectField(answer, "usage") !== null;
    return isEnded && isFree && hasText && blocks.every((block) => textBlocks.has(String(field(block, "type"))));
  },
} satisfies AnswerShape;

const textBlocks = new Set(["text", "thinking", "redacted_thinking"]);

function blocksOf(answer: JsonObject): JsonObject[] {
  const content = field(answer, "content");
  return Array.isArray(content) ? content.filter(isObject) : [];
}

function event(body: Json): string {
  return `event: ${body["type"]}\ndata: ${JSON.stringify(body)}\n\n`;
}

/** The figures of `message_delta`: cumulative, without the split by lifetime and the labels. */
function endUsage(usage: JsonObject): Json {
  return without(usage, "cache_creation", "service_tier", "inference_geo");
}

function* blockEvents(index: number, block: JsonObject): Generator<string> {
  const { start, deltas } = partsOf(block);
  yield event({ type: "content_block_start", index, content_block: start });
  for (const delta of deltas) yield event({ type: "content_block_delta", index, delta });
  yield event({ type: "content_block_stop", index });
}

/** A block as it is announced, and what is then added to it. A block of another type is announced whole. */
function partsOf(block: JsonObject): { start: Json; deltas: Iterable<Json> } {
  const type = field(block, "type");
  const text = textField(block, type === "thinking" ? "thinking" : "text");
  if (type === "text" && text !== null) {
    const citations = field(block, "citations");
    const cited = Array.isArray(citations) ? citations : [];
    const start = { ...block, text: "", ...(Array.isArray(citations) ? { citations: [] } : {}) };
    return { start, deltas: textDeltas(text, cited) };
  }
  if (type === "thinking" && text !== null) {
    const signature = textField(block, "signature");
    const start = { ...block, thinking: "", ...(signature === null ? {} : { signature: "" }) };
    return { start, deltas: thinkingDeltas(text, signature) };
  }
  const input = field(block, "input");
  if (typeof type === "string" && type.endsWith("tool_use") && isObject(input)) {
    return { start: { ...block, input: {} }, deltas: inputDeltas(JSON.stringify(input)) };
  }
  return { start: { ...block }, deltas: [] };
}

function* textDeltas(text: string, citations: readonly unknown[]): Generator<Json> {
  for (const piece of piecesOf(text)) yield { type: "text_delta", text: piece };
  for (const citation of citations) yield { type: "citations_delta", citation };
}

function* thinkingDeltas(text: string, signature: string | null): Generator<Json> {
  for (const thinking of piecesOf(text)) yield { type: "thinking_delta", thinking };
  if (signature) yield { type: "signature_delta", signature };
}

function* inputDeltas(json: string): Generator<Json> {
  yield { type: "input_json_delta", partial_json: "" };
  for (const partial_json of piecesOf(json)) yield { type: "input_json_delta", partial_json };
}

function createMessageFold(): AnswerFold {
  const content: Json[] = [];
  /** Index of a block → its input so far, as text. */
  const inputs = new Map<number, string>();
  let message: Json | null = null;
  let isStopped = false;

  const takeEvent = (event: JsonObject): boolean => {
    const type = field(event, "type");
    if (type === "error") return false;
    if (type === "message_start") {
      const opening = objectField(event, "message");
      if (message || !opening) return false;
      message = { ...opening, content };
      return true;
    }
    if (type === "content_block_start") return startBlock(content, event);
    if (type === "content_block_delta") return growBlock(content, inputs, event);
    if (type === "message_delta") return message !== null && endMessage(message, event);
    if (type === "message_stop") isStopped = true;
    return true;
  };

  return {
    add: takeEvent,
    finish() {
      if (!isStopped || typeof message?.["stop_reason"] !== "string") return null;
      return readInputs(content, inputs) ? message : null;
    },
  };
}

function startBlock(content: Json[], event: JsonObject): boolean {
  const block = objectField(event, "content_block");
  if (!block || field(event, "index") !== content.length) return false;
  const citations = field(block, "citations");
  content.push({ ...block, ...(Array.isArray(citations) ? { citations: [...citations] } : {}) });
  return true;
}

function growBlock(content: Json[], inputs: Map<number, string>, event: JsonObject): boolean {
  const index = Number(field(event, "index"));
  const block = content[index];
  const delta = objectField(event, "delta");
  if (!block || !delta) return false;
  const type = field(delta, "type");
  if (type === "input_json_delta") {
    inputs.set(index, (inputs.get(index) ?? "") + (textField(delta, "partial_json") ?? ""));
  } else if (type === "citations_delta") {
    growField(block, "citations", [field(delta, "citation")]);
  } else if (type === "signature_delta") {
    setField(block, "signature", field(delta, "signature"));
  } else {
    for (const [name, value] of Object.entries(delta)) if (name !== "type") growField(block, name, value);
  }
  return true;
}

function endMessage(message: Json, event: JsonObject): boolean {
  for (const [name, value] of Object.entries(objectField(event, "delta") ?? {})) updateField(message, name, value);
  for (const [name, value] of Object.entries(without(event, "type", "delta", "usage")))
    updateField(message, name, value);
  const stated = objectField(event, "usage");
  if (stated) {
    const usage: Json = isObject(message["usage"]) ? { ...message["usage"] } : {};
    for (const [name, value] of Object.entries(stated)) updateField(usage, name, value);
    message["usage"] = usage;
  }
  return true;
}

/** False when one was cut. */
function readInputs(content: readonly Json[], inputs: ReadonlyMap<number, string>): boolean {
  for (const [index, text] of inputs) {
    const block = content[index];
    if (!block || text === "") continue;
    try {
      block["input"] = JSON.parse(text);
    } catch {
      return false;
    }
  }
  return true;
}
