// Owns where things stand in an Anthropic messages request.

import { type Api, type Found, type FoundPiece, nothingFound, piece, type Role } from "./api";
import { itemsOf, type JsonNode, jsonOf, memberOf, stringOf } from "./json-tree";

export const anthropicMessages = {
  name: "messages",
  textBlock: (text) => JSON.stringify({ type: "text", text }),
  walk(source, root) {
    const found = nothingFound();
    const system = root.entries.get("system");
    if (system?.type === "string") found.pieces.push(piece(-1, "system", "text", system, system));
    for (const block of itemsOf(system)) addBlock(source, block, -1, "system", found);
    const messages = root.entries.get("messages");
    found.messagesNode = messages?.type === "array" ? messages : null;
    for (const node of itemsOf(messages)) {
      const index = found.messages.length;
      const role: Role = stringOf(source, memberOf(node, "role")) === "assistant" ? "assistant" : "user";
      const content = memberOf(node, "content");
      found.messages.push({ role, node, content: content && content.type !== "scalar" ? content : null });
      if (content?.type === "string") found.pieces.push(piece(index, role, "text", content, content));
      for (const block of itemsOf(content)) addBlock(source, block, index, role, found);
    }
    const tools = root.entries.get("tools");
    found.toolsNode = tools?.type === "array" ? tools : null;
    for (const node of itemsOf(tools)) {
      if (node.type === "object") found.tools.push({ name: stringOf(source, memberOf(node, "name")), node });
    }
    return found;
  },
} satisfies Api;

function addBlock(source: string, block: JsonNode, index: number, role: Role, found: Found): void {
  const type = stringOf(source, memberOf(block, "type"));
  const text = memberOf(block, "text");
  if (type === "text" && text?.type === "string") {
    // A cited text is referred to by position: rewriting it would move what the citations point at.
    const isCited = memberOf(block, "citations")?.type === "array";
    found.pieces.push(piece(index, role, "text", isCited ? null : text, block));
  } else if (type === "tool_use" || type === "server_tool_use") {
    found.pieces.push(
      piece(index, "assistant", "tool_use", null, block, {
        callId: stringOf(source, memberOf(block, "id")),
        toolName: stringOf(source, memberOf(block, "name")),
        toolArgs: memberOf(block, "input") ?? null,
      }),
    );
  } else if (type === "tool_result") addResult(source, block, index, found);
  else if (type === "thinking" || type === "redacted_thinking") {
    found.pieces.push(piece(index, role, "thinking", null, block));
  } else found.pieces.push(piece(index, role, type === "image" ? "image" : "other", null, block));
}

function addResult(source: string, block: JsonNode, index: number, found: Found): void {
  const more: Partial<FoundPiece> = {
    callId: stringOf(source, memberOf(block, "tool_use_id")),
    isError: jsonOf(source, memberOf(block, "is_error")) === true,
  };
  const content = memberOf(block, "content");
  if (content?.type === "string") found.pieces.push(piece(index, "tool", "tool_result", content, block, more));
  for (const part of itemsOf(content)) {
    const text = memberOf(part, "text");
    const type = stringOf(source, memberOf(part, "type"));
    if (type === "text" && text?.type === "string") {
      found.pieces.push(piece(index, "tool", "tool_result", text, part, more));
    } else found.pieces.push(piece(index, "tool", type === "image" ? "image" : "other", null, part, more));
  }
}
