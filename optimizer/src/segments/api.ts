// Owns what a walker of one API finds in a request: its messages, its pieces of text, its tools, all as places in the
// source. Nothing is judged here.

import type { ArrayNode, JsonNode, ObjectNode } from "./json-tree";

export type Role = "system" | "developer" | "user" | "assistant" | "tool";
export type SegmentKind = "text" | "tool_result" | "tool_use" | "thinking" | "image" | "other";

/** One element of the conversation: a chat message, an Anthropic message, an item of Responses. */
export interface FoundMessage {
  role: Role;
  node: JsonNode;
  /** Where text can be added; null = this element takes none. */
  content: JsonNode | null;
}

export interface FoundPiece {
  /** Index among the messages; -1 = system text that stands beside them. */
  message: number;
  role: Role;
  kind: SegmentKind;
  /** The string literal that can be rewritten; null = the piece is only looked at. */
  literal: JsonNode | null;
  /** The whole block, or the literal itself. */
  block: JsonNode;
  /** Id of the call that a tool_use makes or a tool_result answers. */
  callId: string | null;
  /** Of a tool_use only. */
  toolName: string | null;
  toolArgs: JsonNode | null;
  isError: boolean;
}

export interface FoundTool {
  name: string | null;
  node: ObjectNode;
}

export interface Found {
  messages: FoundMessage[];
  /** The array that holds the messages; null where the input is one string. */
  messagesNode: ArrayNode | null;
  pieces: FoundPiece[];
  tools: FoundTool[];
  toolsNode: ArrayNode | null;
}

export interface Api {
  name: "chat" | "responses" | "messages";
  /** How a block of text is written inside a message's list of blocks. */
  textBlock(text: string, role: Role): string;
  walk(source: string, root: ObjectNode): Found;
}

export function nothingFound(): Found {
  return { messages: [], messagesNode: null, pieces: [], tools: [], toolsNode: null };
}

export function piece(
  message: number,
  role: Role,
  kind: SegmentKind,
  literal: JsonNode | null,
  block: JsonNode,
  more: Partial<FoundPiece> = {},
): FoundPiece {
  return { message, role, kind, literal, block, callId: null, toolName: null, toolArgs: null, isError: false, ...more };
}
