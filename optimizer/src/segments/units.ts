// Owns the units that a request is made of, as far as they can be edited: its pieces of text, its tools, its messages;
// and how they are made from what a walker found.

import { estimateTokens } from "../text/tokens";
import type { Found, FoundMessage, FoundPiece, FoundTool, Role, SegmentKind } from "./api";
import { findFreshness } from "./freshness";
import { type JsonNode, type Span, stringOf } from "./json-tree";

/** A piece of text, or of something else, at one place of the request. */
export interface Segment {
  /** Position among all units, tools first: what a provider's prompt cache counts along. */
  readonly at: number;
  /** Index in `draft.messages`; -1 = system text that stands beside them. */
  readonly message: number;
  readonly role: Role;
  readonly kind: SegmentKind;
  /** As the caller sent it; "" where there is no text to edit. */
  readonly original: string;
  /** As it stands now. Changed by `propose` only. */
  readonly text: string;
  /** The block in the source. */
  readonly block: Readonly<Span>;
  readonly callId: string | null;
  /** The tool whose call this is, or whose result; null when no call is known. */
  readonly toolName: string | null;
  /** JSON text of that call's arguments. */
  readonly toolArgs: string | null;
  readonly isError: boolean;
  /** Part of the live turn: only lossless edits. */
  readonly isFresh: boolean;
  /** Assistant turns after it. */
  readonly age: number;
  /** Same content at the same occurrence has the same key on every turn. */
  readonly key: string;
  /** The strategy that owns its selection; nothing else may select from it. */
  readonly claim: string | null;
  /** What an earlier turn sent in its place stands: nothing edits it any more. */
  readonly isSettled: boolean;
  /** Estimated tokens, uncalibrated, of original and present text. */
  readonly tokensBefore: number;
  readonly tokens: number;
}

export interface Tool {
  readonly at: number;
  readonly name: string | null;
  /** JSON text as the caller sent it. */
  readonly original: string;
  /** As it stands now. */
  readonly text: string;
  readonly key: string;
  readonly isDropped: boolean;
  readonly isSettled: boolean;
  readonly tokensBefore: number;
  readonly tokens: number;
}

export interface Message {
  readonly index: number;
  readonly role: Role;
  readonly segments: readonly Segment[];
  readonly isDropped: boolean;
}

export type Unit = Segment | Tool;

export type KeyOf = (kind: string, content: string) => string;

/** Names a content by what it is and how often it came before. */
export function createKeys(): KeyOf {
  const seen = new Map<string, number>();
  return (kind, content) => {
    const hash = new Bun.CryptoHasher("sha256").update(`${kind}\n`).update(content).digest("base64url").slice(0, 22);
    const count = seen.get(hash) ?? 0;
    seen.set(hash, count + 1);
    return `${hash}.${count}`;
  };
}

export function createTool(source: string, { name, node }: FoundTool, at: number, keyOf: KeyOf): Tool {
  const original = source.slice(node.start, node.end);
  const tokens = estimateTokens(original);
  return {
    at,
    name,
    original,
    text: original,
    key: keyOf("tool", original),
    isDropped: false,
    isSettled: false,
    tokensBefore: tokens,
    tokens,
  };
}

export function createMessage({ role }: FoundMessage, index: number, segments: readonly Segment[]): Message {
  return { index, role, segments: segments.filter((segment) => segment.message === index), isDropped: false };
}

export function createSegments(source: string, found: Found, firstAt: number, keyOf: KeyOf): Segment[] {
  const freshness = findFreshness(found);
  const calls = new Map<string, FoundPiece>();
  return found.pieces.map((piece, index) => {
    if (piece.kind === "tool_use" && piece.callId !== null) calls.set(piece.callId, piece);
    const call = piece.callId === null ? undefined : calls.get(piece.callId);
    const original = stringOf(source, piece.literal ?? undefined) ?? "";
    const content = piece.literal ? original : source.slice(piece.block.start, piece.block.end);
    const tokens = estimateTokens(content);
    return {
      at: firstAt + index,
      message: piece.message,
      role: piece.role,
      kind: piece.kind,
      original,
      text: original,
      block: piece.block,
      callId: piece.callId,
      toolName: call?.toolName ?? piece.toolName,
      toolArgs: argsOf(source, call?.toolArgs ?? piece.toolArgs),
      isError: piece.isError,
      isFresh: freshness.isFresh(piece),
      age: freshness.age(piece),
      key: keyOf(piece.role, content),
      claim: null,
      isSettled: false,
      tokensBefore: tokens,
      tokens,
    };
  });
}

function argsOf(source: string, node: JsonNode | null): string | null {
  if (!node) return null;
  return stringOf(source, node) ?? source.slice(node.start, node.end);
}
