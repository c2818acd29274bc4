// Owns chat completions as whole answers: their chunks, and how chunks become an answer again.

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

/** Fields of a message that come as pieces of text. The order is that of their streams: thought before said. */
const textFields = ["reasoning_content", "reasoning", "thinking", "content", "refusal"];
const choicesMax = 128;
const toolCallsMax = 1_024;

export const chatAnswer = {
  path: "/v1/chat/completions",

  *replay(answer, { includesUsage }) {
    const head = { ...without(answer, "choices", "usage", "object"), object: "chat.completion.chunk" };
    const chunk = (choices: readonly Json[], usage: unknown = null) =>
      `data: ${JSON.stringify({ ...head, choices, ...(includesUsage ? { usage } : {}) })}\n\n`;
    for (const choice of objectsIn(answer, "choices")) {
      for (const part of choiceParts(choice)) yield chunk([part]);
    }
    const usage = objectField(answer, "usage");
    if (includesUsage && usage) yield chunk([], usage);
    yield "data: [DONE]\n\n";
  },

  createFold: () => createChatFold(),

  isCacheable(answer) {
    const choices = field(answer, "choices");
    const [choice] = objectsIn(answer, "choices");
    const message = choice && objectField(choice, "message");
    if (!choice || !message || !Array.isArray(choices) || choices.length !== 1) return false;
    const isText = (textField(message, "content") ?? "").trim() !== "";
    const isPlain = ["tool_calls", "function_call", "refusal", "audio"].every((name) =>
      isNothing(field(message, name)),
    );
    return field(choice, "finish_reason") === "stop" && isText && isPlain && isNothing(field(answer, "error"));
  },
} satisfies AnswerShape;

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

function objectsIn(object: JsonObject, name: string): JsonObject[] {
  const value = field(object, name);
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** A choice as the `choices` entries of its chunks. */
function* choiceParts(choice: JsonObject): Generator<Json> {
  const index = field(choice, "index") ?? 0;
  const message = objectField(choice, "message") ?? {};
  const blank = Object.hasOwn(choice, "logprobs") ? { logprobs: null } : {};
  const part = (delta: Json) => ({ index, delta, ...blank, finish_reason: null });

  const opening = without(message, "tool_calls", "function_call");
  for (const name of textFields) if (typeof opening[name] === "string") opening[name] = "";
  // No list is not the same as an empty one.
  if (Array.isArray(field(message, "tool_calls")) && objectsIn(message, "tool_calls").length === 0)
    opening["tool_calls"] = [];
  yield { ...without(choice, "message"), index, delta: opening, finish_reason: null };
  for (const name of textFields) {
    for (const piece of piecesOf(textField(message, name) ?? "")) yield part({ [name]: piece });
  }
  const called = objectField(message, "function_call");
  if (called) for (const piece of callPieces(called, "arguments")) yield part({ function_call: piece });
  for (const [at, call] of objectsIn(message, "tool_calls").entries()) {
    for (const piece of toolCallPieces(call)) yield part({ tool_calls: [{ index: at, ...piece }] });
  }
  yield { ...part({}), finish_reason: field(choice, "finish_reason") };
}

/** The name first, then what it is called with, piece by piece. */
function* callPieces(called: JsonObject, textName: string): Generator<Json> {
  const text = textField(called, textName);
  yield text === null ? { ...called } : { ...called, [textName]: "" };
  for (const piece of piecesOf(text ?? "")) yield { [textName]: piece };
}

function* toolCallPieces(call: JsonObject): Generator<Json> {
  const kind = objectField(call, "custom") ? "custom" : "function";
  const called = objectField(call, kind);
  if (!called) return void (yield { ...call });
  let isFirst = true;
  for (const piece of callPieces(called, kind === "custom" ? "input" : "arguments")) {
    yield isFirst ? { ...call, [kind]: piece } : { [kind]: piece };
    isFirst = false;
  }
}

function createChatFold(): AnswerFold {
  const answer: Json = {};
  const choices: Json[] = [];
  let usage: JsonObject | null = null;
  return {
    add(event) {
      const parts = field(event, "choices");
      if (!Array.isArray(parts) || !isNothing(field(event, "error"))) return false;
      usage = objectField(event, "usage") ?? usage;
      for (const [name, value] of Object.entries(event)) {
        if (!ownFields.has(name)) updateText(answer, name, value);
      }
      return parts.every((part) => isObject(part) && addChoice(choices, part));
    },
    finish() {
      // A gap, or a choice that was not ended, is a part that is missing.
      if (choices.length === 0 || !Array.from(choices).every((choice) => isEnded(choice))) return null;
      for (const choice of choices) completeMessage(choice["message"] as Json);
      const whole = { ...answer, object: "chat.completion", choices };
      return usage ? { ...whole, usage } : whole;
    },
  };
}

/** What is not simply taken over from a chunk. */
const ownFields = new Set(["choices", "object", "usage", "obfuscation"]);

function isEnded(choice: Json | undefined): boolean {
  if (!choice || typeof choice["finish_reason"] !== "string") return false;
  const calls = (choice["message"] as Json)["tool_calls"];
  return !Array.isArray(calls) || Array.from(calls).every((call) => call !== undefined);
}

/** What every whole message has, and not every stream says. */
function completeMessage(message: Json): void {
  message["role"] ??= "assistant";
  message["content"] ??= null;
}

function addChoice(choices: Json[], part: JsonObject): boolean {
  const index = field(part, "index");
  if (!isIndex(index, choicesMax)) return false;
  choices[index] ??= { index, message: {}, finish_reason: null };
  const choice = choices[index];
  for (const [name, value] of Object.entries(part)) {
    if (name === "index") continue;
    if (name === "delta") {
      if (isObject(value) && !addDelta(choice["message"] as Json, value)) return false;
    } else if (name === "logprobs" && isObject(value)) addLogprobs(choice, value);
    else updateField(choice, name, value);
  }
  return true;
}

/** First and last chunks of some servers leave names empty that others state. */
function updateText(object: Json, name: string, value: unknown): void {
  if (value !== "" || !Object.hasOwn(object, name)) updateField(object, name, value);
}

function isIndex(value: unknown, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < max;
}

function addLogprobs(choice: Json, logprobs: JsonObject): void {
  const grown: Json = isObject(choice["logprobs"]) ? choice["logprobs"] : {};
  for (const [name, value] of Object.entries(logprobs)) growField(grown, name, value);
  choice["logprobs"] = grown;
}

function addDelta(message: Json, delta: JsonObject): boolean {
  for (const [name, value] of Object.entries(delta)) {
    if (name === "tool_calls" && Array.isArray(value)) {
      message[name] ??= [];
      const calls = message[name] as Json[];
      if (!value.every((call) => isObject(call) && addToolCall(calls, call))) return false;
    } else if (name === "function_call" && isObject(value)) addCalled(message, name, value, "arguments");
    else if (name === "audio" && isObject(value)) addCalled(message, name, value, "data", "transcript");
    else if (textFields.includes(name) || Array.isArray(value)) growField(message, name, value);
    else updateField(message, name, value);
  }
  return true;
}

function addToolCall(calls: Json[], delta: JsonObject): boolean {
  const index = field(delta, "index");
  if (!isIndex(index, toolCallsMax)) return false;
  calls[index] ??= {};
  const call = calls[index];
  for (const [name, value] of Object.entries(delta)) {
    if (name === "index") continue;
    if ((name === "function" || name === "custom") && isObject(value))
      addCalled(call, name, value, "arguments", "input");
    else updateText(call, name, value);
  }
  return true;
}

/** Merges `value` into the object under `name`, of which the `grown` fields come in pieces. */
function addCalled(object: Json, name: string, value: JsonObject, ...grown: readonly string[]): void {
  const called: Json = isObject(object[name]) ? object[name] : {};
  for (const [key, part] of Object.entries(value)) {
    if (grown.includes(key)) growField(called, key, part);
    else updateText(called, key, part);
  }
  setField(object, name, called);
}
