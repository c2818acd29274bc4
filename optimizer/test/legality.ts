// Owns whether a provider would take a conversation: calls and their results paired, roles in legal order. It judges
// what the three APIs refuse with a 400, and nothing else.

import type { Endpoint } from "./run-stand";

type Json = Readonly<Record<string, unknown>>;

/** One sentence for each fault of a request; none when it is legal. */
export function faultsOf(endpoint: Endpoint, source: string): string[] {
  const request = JSON.parse(source) as Json;
  if (endpoint === "/v1/chat/completions") return chatFaults(objectsOf(request["messages"]));
  if (endpoint === "/v1/responses") return responsesFaults(request["input"]);
  return messagesFaults(objectsOf(request["messages"]));
}

function objectsOf(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "object" && item !== null) : [];
}

/** Every call is answered once, before anything but results follows it; every result has its call. */
function chatFaults(messages: readonly Json[]): string[] {
  const faults: string[] = [];
  const open = new Set<unknown>();
  const seen = new Set<unknown>();
  for (const [index, message] of messages.entries()) {
    const role = message["role"];
    if (role === "tool") {
      const id = message["tool_call_id"];
      if (!open.delete(id)) faults.push(`message ${index} answers ${String(id)}, which is not open`);
      continue;
    }
    if (role === "function") continue;
    if (open.size > 0) faults.push(`message ${index} stands before the result of ${[...open].join(", ")}`);
    open.clear();
    for (const call of objectsOf(message["tool_calls"])) {
      if (seen.has(call["id"])) faults.push(`call ${String(call["id"])} is made twice`);
      seen.add(call["id"]);
      open.add(call["id"]);
    }
    if (role === "assistant" && isEmpty(message["content"]) && objectsOf(message["tool_calls"]).length === 0) {
      if (!message["function_call"]) faults.push(`message ${index} is empty`);
    }
  }
  if (open.size > 0) faults.push(`no result of ${[...open].join(", ")}`);
  if (messages.length === 0) faults.push("no message");
  return faults;
}

function isEmpty(content: unknown): boolean {
  return (
    content === null || content === undefined || content === "" || (Array.isArray(content) && content.length === 0)
  );
}

function responsesFaults(input: unknown): string[] {
  if (typeof input === "string") return [];
  const faults: string[] = [];
  const open = new Set<unknown>();
  const answered = new Set<unknown>();
  let isReasoning = false;
  const items = objectsOf(input);
  for (const [index, item] of items.entries()) {
    const type = String(item["type"] ?? "message");
    const id = item["call_id"];
    if (type.endsWith("_call_output")) {
      if (!open.delete(id)) faults.push(`item ${index} answers ${String(id)}, which is not open`);
      answered.add(id);
    } else if (type.endsWith("_call") && id !== undefined) {
      if (open.has(id) || answered.has(id)) faults.push(`call ${String(id)} is made twice`);
      open.add(id);
    }
    const isAssistant = type.endsWith("_call") || (type === "message" && item["role"] === "assistant");
    if (isReasoning && !isAssistant && type !== "reasoning") faults.push(`item ${index - 1} is reasoning for nothing`);
    isReasoning = type === "reasoning";
  }
  if (isReasoning) faults.push("the last item is reasoning for nothing");
  if (open.size > 0) faults.push(`no result of ${[...open].join(", ")}`);
  if (items.length === 0) faults.push("no item");
  return faults;
}

/** Roles alternate from a user's message on; a call's results stand first in the message right behind it. */
function messagesFaults(messages: readonly Json[]): string[] {
  const faults: string[] = [];
  if (messages[0]?.["role"] !== "user") faults.push("the first message is not the user's");
  let open = new Set<unknown>();
  for (const [index, message] of messages.entries()) {
    if (index > 0 && messages[index - 1]?.["role"] === message["role"]) {
      faults.push(`messages ${index - 1} and ${index} are both the ${String(message["role"])}'s`);
    }
    if (isEmpty(message["content"])) faults.push(`message ${index} is empty`);
    const blocks = objectsOf(message["content"]);
    let isBehindOther = false;
    for (const block of blocks) {
      if (block["type"] !== "tool_result") {
        isBehindOther = true;
        continue;
      }
      if (isBehindOther) faults.push(`a result in message ${index} stands behind other content`);
      if (!open.delete(block["tool_use_id"])) {
        faults.push(`message ${index} answers ${String(block["tool_use_id"])}, which is not open`);
      }
    }
    if (open.size > 0) faults.push(`message ${index} lacks the result of ${[...open].join(", ")}`);
    open = new Set(blocks.filter(({ type }) => type === "tool_use").map(({ id }) => id));
    if (open.size < blocks.filter(({ type }) => type === "tool_use").length) faults.push(`a call is made twice`);
  }
  if (open.size > 0) faults.push(`no result of ${[...open].join(", ")}`);
  return faults;
}
