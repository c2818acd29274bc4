// Owns where breakpoints stand in an Anthropic request, and where more would help: at the ends of tools and system, and
// rolling along with the conversation. Only ends of a user's messages are marked, so never inside the model's own turn.

import type { Draft } from "../../segments/draft";
import { itemsOf, type JsonNode, jsonOf, memberOf, type ObjectNode, stringOf } from "../../segments/json-tree";

export interface Mark {
  node: ObjectNode;
  /** Position in the order that is cached in: tools, system, messages. */
  place: number;
  isLongLived: boolean;
}

export interface Wanted {
  /** At most so many are added. */
  room: number;
  charsMin: number;
  tokensMin: number;
  /** Blocks in front of a breakpoint among which the provider looks for an earlier entry. */
  lookback: number;
}

/** A block that the provider caches up to. */
interface Block {
  node: ObjectNode;
  part: "tool" | "system" | "message";
  /** Index of its message; -1 outside of messages. */
  message: number;
  role: string;
  isLast: boolean;
  /** Of everything up to its end. */
  chars: number;
  tokens: number;
}

/** Client's breakpoints so near the end that it takes care of the conversation itself. */
const tailBlocks = 20;
const spacing = 15;

/** The client's own breakpoints; null where they follow the conversation already. */
export function clientMarks(draft: Draft): Mark[] | null {
  const blocks = blocksOf(draft);
  const marks: Mark[] = [];
  let isAtTail = false;
  for (const [place, { node, part }] of blocks.entries()) {
    for (const marked of markedIn(draft.source, node)) {
      marks.push({ node, place, isLongLived: marked });
      isAtTail ||= part === "message" && place >= blocks.length - tailBlocks;
    }
  }
  return isAtTail ? null : marks;
}

/** Whether each breakpoint of a block, or of a block within it, lives an hour. */
function markedIn(source: string, node: JsonNode): boolean[] {
  const control = memberOf(node, "cache_control");
  const own = jsonOf(source, control) as { ttl?: unknown } | null | undefined;
  const inner = itemsOf(memberOf(node, "content")).flatMap((part) => markedIn(source, part));
  return own === null || own === undefined ? inner : [own.ttl === "1h", ...inner];
}

/** In order of place. */
export function marksToAdd(draft: Draft, own: readonly Mark[], { room, ...wanted }: Wanted): Mark[] {
  if (room <= 0) return [];
  const blocks = blocksOf(draft);
  const taken = new Set(own.map(({ place }) => place));
  const places: number[] = [];
  for (const place of candidates(draft, blocks, Math.min(wanted.lookback, spacing))) {
    const block = blocks[place];
    if (places.length >= room) break;
    if (!block || taken.has(place) || !isMarkable(draft.source, block.node)) continue;
    if (block.chars < wanted.charsMin || block.tokens < wanted.tokensMin) continue;
    taken.add(place);
    places.push(place);
  }
  return places
    .sort((a, b) => a - b)
    .map((place) => ({ node: (blocks[place] as Block).node, place, isLongLived: false }));
}

/** Places worth a breakpoint, the most useful first. */
function* candidates(draft: Draft, blocks: readonly Block[], gap: number): Iterable<number> {
  const ends = blocks.flatMap(({ part, role, isLast }, place) =>
    part === "message" && role === "user" && isLast ? [place] : [],
  );
  const answered = blocks.findLastIndex(({ role }) => role === "assistant");
  const isConversation = draft.tools.length > 0 || answered >= 0;
  const previous = ends.findLast((place) => place < answered);
  // A single question is not asked again with its own words at its beginning.
  if (isConversation) {
    yield* ends.slice(-1);
    // Where the call before ended: its entry is found there whatever has been added since.
    if (previous !== undefined) yield previous;
  }
  yield blocks.findLastIndex(({ part }) => part === "system");
  yield blocks.findLastIndex(({ part }) => part === "tool");
  let last = previous ?? 0;
  for (const place of ends.toReversed()) {
    if (place > last - gap) continue;
    yield place;
    last = place;
  }
}

/** Blocks in the order they are cached in, as they go out. */
function blocksOf(draft: Draft): Block[] {
  const { found, source } = draft;
  const blocks: Block[] = [];
  const size = { chars: 0, tokens: 0 };
  const add = (node: JsonNode, part: Block["part"], message: number, role: string, isLast: boolean) => {
    if (node.type === "object") blocks.push({ node, part, message, role, isLast, ...size });
  };
  for (const [at, tool] of draft.tools.entries()) {
    const node = found.tools[at]?.node;
    if (tool.isDropped || !node) continue;
    size.chars += tool.text.length;
    size.tokens += tool.tokens;
    add(node, "tool", -1, "", false);
  }
  const sizes = sizesByBlock(draft);
  const grow = (node: JsonNode) => {
    const own = sizes(node);
    size.chars += own.chars;
    size.tokens += own.tokens;
  };
  const system = draft.root.entries.get("system");
  if (system?.type === "string") grow(system);
  for (const node of itemsOf(system)) {
    grow(node);
    add(node, "system", -1, "", false);
  }
  for (const { index, isDropped } of draft.messages) {
    const message = found.messages[index];
    if (isDropped || !message) continue;
    const role = stringOf(source, memberOf(message.node, "role")) ?? "";
    const content = message.content;
    if (content?.type === "string") grow(content);
    const items = itemsOf(content ?? undefined);
    for (const [at, node] of items.entries()) {
      grow(node);
      add(node, "message", index, role, at === items.length - 1);
    }
  }
  return blocks;
}

/** Of a block, or a string, all that lies within it as it stands now. */
function sizesByBlock({ segments }: Draft): (node: JsonNode) => { chars: number; tokens: number } {
  const inOrder = [...segments].sort((a, b) => a.block.start - b.block.start);
  const starts = inOrder.map(({ block }) => block.start);
  return ({ start, end }) => {
    let at = firstFrom(starts, start);
    let chars = 0;
    let tokens = 0;
    for (; at < inOrder.length; at += 1) {
      const segment = inOrder[at];
      if (!segment || segment.block.start >= end) break;
      chars += segment.original === "" ? segment.block.end - segment.block.start : segment.text.length;
      tokens += segment.tokens;
    }
    return { chars, tokens };
  };
}

function firstFrom(starts: readonly number[], from: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Thinking and empty texts take no breakpoint; a block with one has it already. */
function isMarkable(source: string, node: ObjectNode): boolean {
  if (node.entries.has("cache_control") || node.members.length === 0) return false;
  const type = stringOf(source, memberOf(node, "type"));
  if (type === "thinking" || type === "redacted_thinking") return false;
  const text = stringOf(source, memberOf(node, "text"));
  return type !== "text" || (text !== null && text.trim() !== "");
}
