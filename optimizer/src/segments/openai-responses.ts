// Owns where things stand in a Responses request. Items that are no message are elements of their own: calls and
// reasoning are the assistant's, outputs of calls are a tool's.

import { type Api, type Found, nothingFound, piece, type Role, type SegmentKind } from "./api";
import { itemsOf, type JsonNode, memberOf, stringOf } from "./json-tree";

export const openaiResponses = {
  name: "responses",
  textBlock: (text, role) => JSON.stringify({ type: role === "assistant" ? "output_text" : "input_text", text }),
  walk(source, root) {
    const found = nothingFound();
    const instructions = root.entries.get("instructions");
    if (instructions?.type === "string") {
      found.pieces.push(piece(-1, "system", "text", instructions, instructions));
    }
    const input = root.entries.get("input");
    if (input?.type === "string") {
      found.messages.push({ role: "user", node: input, content: input });
      found.pieces.push(piece(0, "user", "text", input, input));
    }
    found.messagesNode = input?.type === "array" ? input : null;
    for (const node of itemsOf(input)) addItem(source, node, found);
    const tools = root.entries.get("tools");
    found.toolsNode = tools?.type === "array" ? tools : null;
    for (const node of itemsOf(tools)) {
      if (node.type === "object") found.tools.push({ name: stringOf(source, memberOf(node, "name")), node });
    }
    return found;
  },
} satisfies Api;

function addItem(source: string, node: JsonNode, found: Found): void {
  const type = stringOf(source, memberOf(node, "type")) ?? "message";
  const callId = stringOf(source, memberOf(node, "call_id")) ?? stringOf(source, memberOf(node, "id"));
  if (type === "message") {
    addMessage(source, node, found);
    return;
  }
  const index = found.messages.length;
  if (type.endsWith("_call_output")) {
    const output = memberOf(node, "output");
    found.messages.push({ role: "tool", node, content: output && output.type !== "scalar" ? output : null });
    addContent(source, output, index, "tool", "tool_result", callId, found);
    return;
  }
  found.messages.push({ role: type === "mcp_approval_response" ? "user" : "assistant", node, content: null });
  if (type.endsWith("_call")) {
    const toolArgs = memberOf(node, "arguments") ?? memberOf(node, "input") ?? memberOf(node, "action") ?? null;
    const toolName = stringOf(source, memberOf(node, "name")) ?? type;
    found.pieces.push(piece(index, "assistant", "tool_use", null, node, { callId, toolName, toolArgs }));
    return;
  }
  found.pieces.push(piece(index, "assistant", type === "reasoning" ? "thinking" : "other", null, node));
}

function addMessage(source: string, node: JsonNode, found: Found): void {
  const index = found.messages.length;
  const named = stringOf(source, memberOf(node, "role"));
  const isKnown = named === "system" || named === "developer" || named === "assistant";
  const role: Role = isKnown ? named : "user";
  const content = memberOf(node, "content");
  found.messages.push({ role, node, content: content && content.type !== "scalar" ? content : null });
  addContent(source, content, index, role, "text", null, found);
}

function addContent(
  source: string,
  content: JsonNode | undefined,
  index: number,
  role: Role,
  kind: SegmentKind,
  callId: string | null,
  found: Found,
): void {
  if (content?.type === "string") found.pieces.push(piece(index, role, kind, content, content, { callId }));
  for (const part of itemsOf(content)) {
    const text = memberOf(part, "text");
    const type = stringOf(source, memberOf(part, "type")) ?? "";
    if (text?.type === "string" && type.endsWith("_text")) {
      found.pieces.push(piece(index, role, kind, text, part, { callId }));
    } else found.pieces.push(piece(index, role, type === "input_image" ? "image" : "other", null, part, { callId }));
  }
}
