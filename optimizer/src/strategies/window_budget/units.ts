// Owns a conversation as units that can be taken out of it whole, so that what is left is legal under every API: loops
// (calls and their results) by themselves, a question and its answer only together with all the loops between them.

import type { Draft, Message } from "../../segments/draft";

/** A turn of the assistant that makes calls, and all results of them. */
export interface Loop {
  kind: "loop";
  messages: readonly number[];
  exchange: Exchange;
  /** Its calls and results do not pair up, or a user's words stand among them: it stays. */
  isFixed: boolean;
}

/** What a user said and what was answered in the end, without the loops between. */
export interface Frame {
  kind: "frame";
  messages: readonly number[];
  exchange: Exchange;
  isFixed: boolean;
}

export type Unit = Loop | Frame;

export interface Exchange {
  frame: Frame;
  loops: Loop[];
}

interface Growing {
  head: number[];
  tail: number[];
  loops: { messages: number[]; isMixed: boolean }[];
}

/** Exchanges in order. Messages of the system and of developers are in none of them. */
export function exchangesOf(draft: Draft): Exchange[] {
  const grown: Growing[] = [];
  let isTurn = false;
  for (const message of draft.messages) {
    if (message.role === "system" || message.role === "developer") {
      isTurn = false;
      continue;
    }
    const last = grown.at(-1);
    if (message.role === "assistant") {
      addAssistant(message, last ?? begin(grown), isTurn, draft);
      isTurn = true;
      continue;
    }
    isTurn = false;
    const loop = last?.loops.at(-1);
    if (holdsResults(message, loop !== undefined && last?.tail.length === 0)) {
      if (loop && last?.tail.length === 0) addResults(message, loop);
      else (last ?? begin(grown)).tail.push(message.index);
    } else if (last && last.loops.length === 0 && last.tail.length === 0) last.head.push(message.index);
    else begin(grown).head.push(message.index);
  }
  return grown.map((each) => finish(each, draft));
}

function begin(grown: Growing[]): Growing {
  const exchange: Growing = { head: [], tail: [], loops: [] };
  grown.push(exchange);
  return exchange;
}

/** Adjacent elements of the assistant are one turn: with one call among them it is a loop's. */
function addAssistant({ index, segments }: Message, exchange: Growing, isTurn: boolean, draft: Draft): void {
  const calls = segments.some(({ kind }) => kind === "tool_use");
  const loop = exchange.loops.at(-1);
  const isInLoop = isTurn && loop !== undefined && loop.messages.at(-1) === index - 1;
  if (isInLoop) loop.messages.push(index);
  else if (!calls) exchange.tail.push(index);
  else {
    const messages = isTurn ? takeTurn(exchange.tail, index, draft) : [];
    exchange.loops.push({ messages: [...messages, index], isMixed: false });
  }
}

/** What the same turn said before its first call: reasoning and words that belong to it. */
function takeTurn(tail: number[], before: number, { messages }: Draft): number[] {
  const taken: number[] = [];
  let next = before - 1;
  while (tail.at(-1) === next && messages[next]?.role === "assistant") {
    taken.unshift(tail.pop() as number);
    next -= 1;
  }
  return taken;
}

/** A message of no text behind calls is taken for results without content. */
function holdsResults({ role, segments }: Message, isBehindCalls: boolean): boolean {
  if (role === "tool") return true;
  if (segments.length === 0) return isBehindCalls;
  return segments.some(({ kind, role: of }) => kind === "tool_result" || of === "tool");
}

function addResults({ index, role, segments }: Message, loop: Growing["loops"][number]): void {
  loop.messages.push(index);
  if (role === "user" && segments.some((segment) => segment.role === "user")) loop.isMixed = true;
}

function finish({ head, tail, loops }: Growing, draft: Draft): Exchange {
  const exchange = { loops: [] as Loop[] } as Exchange;
  const messages = [...head, ...tail].sort((a, b) => a - b);
  // Without a question, or with results among the answers, it is no exchange that is understood.
  const isOdd = head.length === 0 || tail.some((index) => draft.messages[index]?.role !== "assistant");
  exchange.frame = { kind: "frame", messages, exchange, isFixed: isOdd || !pairsUp(messages, draft) };
  for (const loop of loops) {
    const isFixed = loop.isMixed || !pairsUp(loop.messages, draft);
    exchange.loops.push({ kind: "loop", messages: loop.messages, exchange, isFixed });
  }
  return exchange;
}

function pairsUp(messages: readonly number[], draft: Draft): boolean {
  const calls = new Set<string>();
  const results = new Set<string>();
  for (const index of messages) {
    for (const { kind, callId, role } of draft.messages[index]?.segments ?? []) {
      if (kind === "tool_use") {
        if (callId === null || calls.has(callId)) return false;
        calls.add(callId);
      } else if (kind === "tool_result" || role === "tool") {
        if (callId === null) return false;
        results.add(callId);
      }
    }
  }
  return calls.size === results.size && [...calls].every((id) => results.has(id));
}
