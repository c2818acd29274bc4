// Owns writing a draft back: the source with its edits spliced in, every other character as it came.

import type { Draft, Tool } from "./draft";
import type { JsonNode, Span } from "./json-tree";

interface Splice {
  start: number;
  end: number;
  text: string;
}

export function render(draft: Draft): string {
  const splices: Splice[] = [];
  addTools(draft, splices);
  const dropped = addMessages(draft, splices);
  addSegments(draft, dropped, splices);
  addAnnotations(draft, dropped, splices);
  addFields(draft, splices);
  return apply(draft.source, splices);
}

/** Insertions at one place keep the order they were made in. */
function apply(source: string, splices: Splice[]): string {
  if (splices.length === 0) return source;
  splices.sort((a, b) => a.start - b.start || a.end - b.end);
  const parts: string[] = [];
  let at = 0;
  for (const { start, end, text } of splices) {
    parts.push(source.slice(at, start), text);
    at = end;
  }
  parts.push(source.slice(at));
  return parts.join("");
}

function addTools(draft: Draft, splices: Splice[]): void {
  const { tools, toolOrder, found } = draft;
  const { toolsNode } = found;
  if (!toolsNode) return;
  const textOf = (tool: Tool) => withMembers(tool.text, draft.annotations.get(nodeOf(draft, tool)));
  if (toolOrder) {
    const kept = toolOrder.map((index) => tools[index] as Tool).filter(({ isDropped }) => !isDropped);
    const text = `[${kept.map(textOf).join(",")}]`;
    splices.push({ start: toolsNode.start, end: toolsNode.end, text });
    return;
  }
  const isDropped = new Set<JsonNode>(tools.filter((tool) => tool.isDropped).map((tool) => nodeOf(draft, tool)));
  addDrops(toolsNode.items, isDropped, splices);
  for (const tool of tools) {
    const { start, end } = nodeOf(draft, tool);
    const text = tool.isDropped ? tool.original : textOf(tool);
    if (!tool.isDropped && text !== tool.original) splices.push({ start, end, text });
  }
}

function nodeOf({ found }: Draft, tool: Tool): JsonNode {
  return found.tools[tool.at]?.node as JsonNode;
}

/** Spans of messages that are out; nothing is spliced inside them. */
function addMessages(draft: Draft, splices: Splice[]): ReadonlySet<number> {
  const { messages, found } = draft;
  const dropped = new Set(messages.filter(({ isDropped }) => isDropped).map(({ index }) => index));
  if (dropped.size > 0 && found.messagesNode) {
    const nodes = new Set<JsonNode>([...dropped].map((index) => found.messages[index]?.node as JsonNode));
    addDrops(found.messagesNode.items, nodes, splices);
  }
  for (const [index, texts] of draft.additions) {
    const message = found.messages[index];
    if (dropped.has(index) || !message?.content || message.content.type !== "array") continue;
    const { items, end } = message.content;
    const blocks = texts.map((text) => draft.api.textBlock(text, message.role)).join(",");
    splices.push({ start: end - 1, end: end - 1, text: items.length > 0 ? `,${blocks}` : blocks });
  }
  return dropped;
}

/** Takes items out of a list together with one separator each. */
function addDrops<T extends Span>(items: readonly T[], dropped: ReadonlySet<T>, splices: Splice[]): void {
  if (dropped.size === 0) return;
  let lastKept: T | null = null;
  for (let index = 0; index < items.length; index += 1) {
    const from = items[index] as T;
    if (!dropped.has(from)) {
      lastKept = from;
      continue;
    }
    while (index + 1 < items.length && dropped.has(items[index + 1] as T)) index += 1;
    const to = items[index] as T;
    const next = items[index + 1];
    if (next) splices.push({ start: from.start, end: next.start, text: "" });
    else splices.push({ start: lastKept?.end ?? from.start, end: to.end, text: "" });
  }
}

function addSegments(draft: Draft, dropped: ReadonlySet<number>, splices: Splice[]): void {
  const { segments, found, additions } = draft;
  for (const [index, segment] of segments.entries()) {
    const literal = found.pieces[index]?.literal;
    if (!literal || dropped.has(segment.message)) continue;
    const content = found.messages[segment.message]?.content;
    const added = content === literal ? additions.get(segment.message) : undefined;
    const text = added ? [segment.text, ...added].join("\n\n") : segment.text;
    if (text !== segment.original) splices.push({ start: literal.start, end: literal.end, text: JSON.stringify(text) });
  }
}

function addAnnotations(draft: Draft, dropped: ReadonlySet<number>, splices: Splice[]): void {
  const tools = new Set<JsonNode>(draft.found.tools.map(({ node }) => node));
  const gone = [...dropped].map((index) => draft.found.messages[index]?.node as JsonNode);
  for (const [node, members] of draft.annotations) {
    if (tools.has(node)) continue;
    if (gone.some(({ start, end }) => node.start >= start && node.end <= end)) continue;
    const isEmpty = node.type === "object" && node.entries.size === 0;
    splices.push({ start: node.end - 1, end: node.end - 1, text: membersText(members, isEmpty) });
  }
}

function membersText(members: ReadonlyMap<string, string>, isFirst: boolean): string {
  const text = [...members].map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(",");
  return isFirst ? text : `,${text}`;
}

/** An object's text with members added at its end. */
function withMembers(text: string, members: ReadonlyMap<string, string> | undefined): string {
  if (!members || members.size === 0) return text;
  const end = text.lastIndexOf("}");
  return `${text.slice(0, end)}${membersText(members, /^\{\s*$/.test(text.slice(0, end)))}${text.slice(end)}`;
}

function addFields({ root, fields }: Draft, splices: Splice[]): void {
  const added: string[] = [];
  const removed = new Set(root.members.filter(({ name }) => fields.get(name) === null));
  addDrops(root.members, removed, splices);
  for (const [name, json] of fields) {
    const node = root.entries.get(name);
    if (node && json !== null) splices.push({ start: node.start, end: node.end, text: json });
    else if (json !== null) added.push(`${JSON.stringify(name)}:${json}`);
  }
  if (added.length === 0) return;
  const text = root.members.length > removed.size ? `,${added.join(",")}` : added.join(",");
  splices.push({ start: root.end - 1, end: root.end - 1, text });
}
