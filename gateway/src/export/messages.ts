// Owns turning a request and an answer in the clear into the messages of the GenAI conventions. What it cannot read it
// hands on as one text. Refuses to be asked in any content mode but plaintext; see otlp-exporter.ts.

import { otel } from "../semconv";

type Fields = Record<string, unknown>;
interface Message {
  role: string;
  parts: Fields[];
  finish_reason?: string;
}

export interface ContentAttributes {
  attributes: Record<string, string>;
  /** As the provider gave them; empty where there was none to read. */
  finishReasons: string[];
}

/** Content attributes of a call; each JSON text. */
export function contentAttributes(request: string | undefined, response: string | undefined): ContentAttributes {
  const attributes: Record<string, string> = {};
  const set = (name: string, value: readonly unknown[]) => {
    if (value.length > 0) attributes[name] = JSON.stringify(value);
  };
  if (request !== undefined) {
    const body = parse(request);
    set(otel.systemInstructions, body ? instructionsOf(body) : []);
    set(otel.inputMessages, body ? inputsOf(body) : [textMessage("user", request)]);
    set(otel.toolDefinitions, listOf(body?.["tools"]));
  }
  let finishReasons: string[] = [];
  if (response !== undefined) {
    const body = parse(response);
    const outputs = (body && outputsOf(body)) ?? [textMessage("assistant", response)];
    set(otel.outputMessages, outputs);
    finishReasons = outputs.flatMap(({ finish_reason }) => (finish_reason === undefined ? [] : [finish_reason]));
  }
  return { attributes, finishReasons };
}

function parse(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : null;
  } catch {
    return null;
  }
}

function instructionsOf(body: Fields): Fields[] {
  return partsOf(body["system"] ?? body["instructions"]);
}

function inputsOf(body: Fields): Message[] {
  const input = body["messages"] ?? body["input"] ?? body["prompt"];
  if (typeof input === "string") return [textMessage("user", input)];
  return listOf(input).map((item) => (isFields(item) ? messageOf(item) : textMessage("user", textOf(item))));
}

/** A chat message, or an item of the Responses API. */
function messageOf(item: Fields): Message {
  const { role, type, content } = item;
  if (type === "function_call" || type === "custom_tool_call") return { role: "assistant", parts: [partOf(item)] };
  if (type === "function_call_output" || type === "custom_tool_call_output")
    return { role: "tool", parts: [responsePart(item["call_id"], item["output"])] };
  if (typeof role !== "string") return { role: "assistant", parts: [partOf(item)] };
  if (role === "tool") return { role, parts: [responsePart(item["tool_call_id"], content)] };
  const calls = listOf(item["tool_calls"]).map(callPart);
  const thoughts = typeof item["reasoning_content"] === "string" ? [thought(item["reasoning_content"])] : [];
  return { role, parts: [...thoughts, ...partsOf(content), ...calls] };
}

/** Null for an answer of none of the known forms. */
function outputsOf(body: Fields): Message[] | null {
  if (Array.isArray(body["choices"])) return body["choices"].filter(isFields).map(choiceOf);
  if (Array.isArray(body["content"])) return [finished(body["content"].map(partOf), body["stop_reason"])];
  if (Array.isArray(body["output"])) {
    const parts = body["output"]
      .filter(isFields)
      .flatMap((item) => (item["type"] === "message" ? partsOf(item["content"]) : [partOf(item)]));
    return [finished(parts, body["status"])];
  }
  return null;
}

function choiceOf(choice: Fields): Message {
  const message = isFields(choice["message"]) ? messageOf({ role: "assistant", ...choice["message"] }) : null;
  const parts = message?.parts ?? partsOf(choice["text"]);
  return finished(parts, choice["finish_reason"]);
}

function finished(parts: Fields[], reason: unknown): Message {
  return { role: "assistant", parts, ...(typeof reason === "string" ? { finish_reason: reason } : {}) };
}

function partsOf(content: unknown): Fields[] {
  if (content === null || content === undefined) return [];
  return Array.isArray(content) ? content.map(partOf) : [textPart(textOf(content))];
}

/** A content part of any of the APIs; one of an unknown kind goes on as it is, which the conventions allow. */
function partOf(part: unknown): Fields {
  if (!isFields(part)) return textPart(textOf(part));
  switch (part["type"]) {
    case "text":
    case "input_text":
    case "output_text":
      return textPart(textOf(part["text"]));
    case "refusal":
      return textPart(textOf(part["refusal"]));
    case "thinking":
      return thought(textOf(part["thinking"]));
    case "reasoning":
      return thought(listOf(part["summary"]).map(summaryOf).join("\n"));
    case "tool_use":
      return { type: "tool_call", id: part["id"], name: part["name"], arguments: part["input"] };
    case "function_call":
      return { type: "tool_call", id: part["call_id"], name: part["name"], arguments: argumentsOf(part["arguments"]) };
    case "custom_tool_call":
      return { type: "tool_call", id: part["call_id"], name: part["name"], arguments: part["input"] };
    case "tool_result":
      return responsePart(part["tool_use_id"], part["content"]);
    default:
      return { type: "other", ...part };
  }
}

function callPart(call: unknown): Fields {
  if (!isFields(call)) return partOf(call);
  const asked = isFields(call["function"]) ? call["function"] : isFields(call["custom"]) ? call["custom"] : {};
  return {
    type: "tool_call",
    id: call["id"],
    name: asked["name"],
    arguments: argumentsOf(asked["arguments"] ?? asked["input"]),
  };
}

const responsePart = (id: unknown, result: unknown): Fields => ({ type: "tool_call_response", id, response: result });
const textPart = (content: string): Fields => ({ type: "text", content });
const thought = (content: string): Fields => ({ type: "reasoning", content });
const textMessage = (role: string, content: string): Message => ({ role, parts: [textPart(content)] });

function summaryOf(part: unknown): string {
  return isFields(part) ? textOf(part["text"]) : textOf(part);
}

/** Arguments come as JSON text; what is none stays text. */
function argumentsOf(value: unknown): unknown {
  return typeof value === "string" ? (parse(value) ?? value) : value;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
