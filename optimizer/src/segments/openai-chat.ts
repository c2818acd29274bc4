// Owns where things stand in a chat completions request.

import { type Api, type Found, type FoundPiece, nothingFound, piece, type Role, type SegmentKind } from "./api";
import { itemsOf, type JsonNode, memberOf, type ObjectNode, stringOf } from "./json-tree";

const roles: ReadonlySet<string> = new Set<Role>(["system", "developer", "user", "assistant", "tool"]);

export const openaiChat = {
  name: "chat",
  textBlock: (text) => JSON.stringify({ type: "text", text }),
  walk(source, root) {
    const found = nothingFound();
    const messages = root.entries.get("messages");
    found.messagesNode = messages?.type === "array" ? messages : null;
    for (const node of itemsOf(messages)) addMessage(source, node, found);
    addTools(source, root, found);
    return found;
  },
} satisfies Api;

function addMessage(source: string, node: JsonNode, found: Found): void {
  const index = found.messages.length;
  const role = roleOf(stringOf(source, memberOf(node, "role")));
  const content = memberOf(node, "content");
  found.messages.push({ role, node, content: content && content.type !== "scalar" ? content : null });
  const callId = stringOf(source, memberOf(node, "tool_call_id")) ?? stringOf(source, memberOf(node, "name"));
  const kind: SegmentKind = role === "tool" ? "tool_result" : "text";
  const more = role === "tool" ? { callId } : {};
  if (content?.type === "string") found.pieces.push(piece(index, role, kind, content, content, more));
  for (const part of itemsOf(content)) found.pieces.push(partPiece(source, part, index, role, kind, more));
  const calls = [...itemsOf(memberOf(node, "tool_calls"))];
  for (const call of calls) addCall(source, call, memberOf(call, "function"), index, found);
  const legacy = memberOf(node, "function_call");
  if (legacy) addCall(source, legacy, legacy, index, found);
}

function roleOf(role: string | null): Role {
  if (role === "function") return "tool";
  return role !== null && roles.has(role) ? (role as Role) : "user";
}

function partPiece(
  source: string,
  part: JsonNode,
  index: number,
  role: Role,
  kind: SegmentKind,
  more: Partial<FoundPiece>,
): FoundPiece {
  const type = stringOf(source, memberOf(part, "type"));
  const text = memberOf(part, "text");
  if (type === "text" && text?.type === "string") return piece(index, role, kind, text, part, more);
  return piece(index, role, type === "image_url" ? "image" : "other", null, part, more);
}

function addCall(source: string, call: JsonNode, fn: JsonNode | undefined, index: number, found: Found): void {
  const toolName = stringOf(source, memberOf(fn, "name"));
  const callId = stringOf(source, memberOf(call, "id")) ?? toolName;
  const toolArgs = memberOf(fn, "arguments") ?? null;
  found.pieces.push(piece(index, "assistant", "tool_use", null, call, { callId, toolName, toolArgs }));
}

function addTools(source: string, root: ObjectNode, found: Found): void {
  const tools = root.entries.get("tools");
  if (tools?.type !== "array") return;
  found.toolsNode = tools;
  for (const node of tools.items) {
    if (node.type !== "object") continue;
    const name = stringOf(source, memberOf(memberOf(node, "function") ?? node, "name"));
    found.tools.push({ name, node });
  }
}
