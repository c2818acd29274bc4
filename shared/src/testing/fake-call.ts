// Owns what the fake provider's endpoints have in common: a call as they see it, an answer as the player takes it, and
// the plan of a reply (its words and its token counts). Refuses to know a wire format.

import type { Directives } from "./fake-directives";
import { countTokens, createRandom, fragmentsOf, proseWords, seedOf, valueForSchema } from "./fake-words";
import { type LedgerTokens, noTokens } from "./ledger";
import type { HttpRequest } from "./request-reader";

export type Json = Readonly<Record<string, unknown>>;

export interface Call {
  request: HttpRequest;
  /** Without Azure's `/openai`. */
  path: string;
  /** The parsed JSON body; empty for a request without one. */
  body: Json;
  fake: Directives;
  /** The same for the same body, whatever `stream` and `stream_options` say. */
  seed: number;
}

/** What handing an event over means to the account. */
export interface Mark {
  /** Output tokens served up to and including this event. */
  output?: number;
  /** The provider's own usage object in this event, laid over what was stated before. */
  usage?: Json;
  /** The figures of `usage` are the closing ones. */
  final?: boolean;
  /** The event reports a failure. */
  error?: boolean;
  /** The event that ends the stream. */
  last?: boolean;
}

export interface SseEvent extends Mark {
  /** The `event:` line, if the protocol has one. */
  name?: string;
  data: string;
}

export interface Answer {
  status: number;
  contentType: string | null;
  headers: [name: string, value: string][];
  /** A whole body with what it states, or a stream of events. */
  body: { plain: Uint8Array | string; mark?: Mark } | { events: Iterable<SseEvent> };
  /** A plain body that is sent without its length, and broken off at its end if `broken`. */
  recorded?: { chunked: boolean; broken: boolean };
  /** What the whole answer is billed at. */
  tokens: LedgerTokens;
}

/** A refusal as the provider words it; rendered in the protocol of the path. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string | null;
  readonly param: string | null;

  constructor(status: number, message: string, code: string | null = null, param: string | null = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
  }
}

export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const asArray = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const asText = (value: unknown): string => (typeof value === "string" ? value : "");

/** A positive whole number, else undefined. */
export const asCount = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isInteger(value) && value > 0 ? value : undefined;

/** The seed of a call: everything it says but how the answer is to be delivered. */
export function seedOfBody(body: Json): number {
  return seedOf(JSON.stringify({ ...body, stream: undefined, stream_options: undefined }));
}

export interface PromptTokens {
  input: number;
  cached: number;
  cacheWrite: number;
  cacheWriteLong: number;
}

export interface ToolCall {
  name: string;
  arguments: string;
}

export interface Reply {
  /** Pieces whose joining is the text. */
  words: string[];
  text: string;
  toolCalls: ToolCall[];
  tokens: LedgerTokens;
  /** The limit on output was reached. */
  truncated: boolean;
}

export interface ReplyWish {
  prompt: PromptTokens;
  /** Limit on output tokens, reasoning included. */
  outputMax: number | undefined;
  /** What the model would spend on reasoning, unless a directive says. */
  reasoning: number;
  toolCalls: ToolCall[];
  /** The text is this instead of prose: an answer in a demanded format. */
  text: string | undefined;
  /** Distinguishes several replies to one call. */
  index?: number;
}

/** Decides what is said and what it costs, directives obeyed. */
export function planReply(call: Call, wish: ReplyWish): Reply {
  const { fake } = call;
  const room = wish.outputMax ?? Number.POSITIVE_INFINITY;
  const wanted = fake.tokens ? (fake.reasoning ?? 0) : Math.min(room, fake.reasoning ?? wish.reasoning);
  const { words, truncated } = fitWords(wishedWords(call, wish), (room - wanted) * 4);
  const toolCalls = truncated ? [] : wish.toolCalls;
  const spoken = countTokens(words.join("")) + sumOf(toolCalls, (tool) => countTokens(tool.name + tool.arguments));
  const output = fake.tokens ? Math.max(fake.tokens.output, wanted) : wanted + spoken;
  const giant = fake["giant-event"];
  // Only now, so that its size is the answer's and not the account's.
  if (giant !== undefined) words.splice(words.length >> 1, 0, "x".repeat(giant));
  return {
    words,
    text: words.join(""),
    toolCalls,
    tokens: { ...promptTokens(call, wish.prompt), output, reasoning: wanted },
    truncated,
  };
}

/** The prompt's figures with the directives laid over them. */
export function promptTokens({ fake }: Call, counted: PromptTokens): LedgerTokens {
  const told = fake.cached !== undefined || fake["cache-write"] !== undefined || fake["cache-write-1h"] !== undefined;
  const cacheWriteLong = told || fake.tokens ? (fake["cache-write-1h"] ?? 0) : counted.cacheWriteLong;
  const cached = told || fake.tokens ? (fake.cached ?? 0) : counted.cached;
  const cacheWrite = told || fake.tokens ? (fake["cache-write"] ?? 0) + cacheWriteLong : counted.cacheWrite;
  const input = Math.max(fake.tokens?.input ?? counted.input, cached + cacheWrite);
  return { ...noTokens, input, cached, cacheWrite, cacheWriteLong };
}

function wishedWords({ fake, seed }: Call, wish: ReplyWish): string[] {
  if (wish.text !== undefined) return fragmentsOf(wish.text, fake.chunks);
  const random = createRandom(seed + (wish.index ?? 0) * 7_919);
  // What comes before a tool call is short, and what comes instead of one may be anything.
  const usual = wish.toolCalls.length > 0 ? 0 : 12 + Math.floor(random() * 70);
  return proseWords(random, fake.chunks ?? usual);
}

function fitWords(words: string[], bytesMax: number): { words: string[]; truncated: boolean } {
  // Most replies are far from their limit, and no letter has more than three bytes: nothing to count then.
  if (sumOf(words, (word) => word.length) * 3 <= bytesMax) return { words, truncated: false };
  let bytes = 0;
  const fitting = words.findIndex((word) => {
    bytes += Buffer.byteLength(word);
    return bytes > bytesMax;
  });
  return fitting < 0 ? { words, truncated: false } : { words: words.slice(0, fitting), truncated: true };
}

export const sumOf = <T>(items: readonly T[], figure: (item: T) => number): number =>
  items.reduce((sum, item) => sum + figure(item), 0);

/** Output served once `done` of `of` pieces are out: reasoning comes first, the rest evenly. */
export function outputAfter(tokens: LedgerTokens, done: number, of: number): number {
  return tokens.reasoning + Math.round(((tokens.output - tokens.reasoning) * done) / Math.max(1, of));
}

/** The usage of an answer half told, for `usage-twice`. */
export function halfOutput(tokens: LedgerTokens): LedgerTokens {
  const output = tokens.output >> 1;
  return { ...tokens, output, reasoning: Math.min(tokens.reasoning, output) };
}

export interface Tool {
  name: string;
  schema: unknown;
}

/**
 * Which tools the model calls: none where none are offered or the last turn brought a tool's result, else the one that
 * is demanded, else one chosen by the seed, and at times a second.
 */
export function planToolCalls(call: Call, tools: Tool[], forced: string | undefined, afterResult: boolean): ToolCall[] {
  if (tools.length === 0 || (afterResult && forced === undefined)) return [];
  const random = createRandom(call.seed ^ 0x7001);
  const first = tools.find((tool) => tool.name === forced) ?? tools[Math.floor(random() * tools.length)];
  const second =
    forced === undefined && tools.length > 1 && random() < 0.25 ? tools.find((t) => t !== first) : undefined;
  return [first, second]
    .filter((tool) => tool !== undefined)
    .map(({ name, schema }) => ({ name, arguments: JSON.stringify(valueForSchema(schema ?? {}, random) ?? {}) }));
}

/** What an answer states: `usage` in full and, for `usage-twice`, `interim` before it. */
export interface Stated {
  usage?: Json;
  interim?: Json;
}

/** The usage object of each account that the directives let be stated, `shape` being the protocol's. */
export function stateUsage({ fake }: Call, tokens: LedgerTokens, shape: (tokens: LedgerTokens) => Json): Stated {
  if (fake["no-usage"]) return {};
  return { usage: shape(tokens), ...(fake["usage-twice"] ? { interim: shape(halfOutput(tokens)) } : {}) };
}

/** A plain JSON answer: `body` with the stated usage as its last member. */
export function jsonAnswer(call: Call, body: Json, tokens: LedgerTokens = noTokens, stated: Stated = {}): Answer {
  const { usage, interim } = stated;
  const text = JSON.stringify({ ...(interim ? { usage_: interim } : {}), ...body, ...(usage ? { usage } : {}) });
  const mark: Mark = { output: tokens.output, ...(usage ? { usage, final: true } : {}) };
  return {
    status: 200,
    contentType: "application/json",
    headers: [],
    // A member given twice: no serialiser writes it, some server does.
    body: { plain: padJson(interim ? text.replace('"usage_"', '"usage"') : text, call.fake["body-bytes"]), mark },
    tokens,
  };
}

/** The padding goes in front: what matters in an answer comes at its end. */
function padJson(text: string, bytes: number | undefined): string {
  const missing = (bytes ?? 0) - Buffer.byteLength(text);
  const frame = '"padding":"",'.length;
  if (missing < frame || !text.startsWith("{")) return text;
  return `{"padding":"${"x".repeat(missing - frame)}",${text.slice(1)}`;
}

/** A streamed answer; `failure` is the event in which the protocol reports an error under way. */
export function streamAnswer(
  { fake }: Call,
  events: Iterable<SseEvent>,
  tokens: LedgerTokens,
  failure: SseEvent,
): Answer {
  const after = fake["error-event"];
  const told = after === undefined ? events : breakOff(events, after, { ...failure, error: true });
  return {
    status: 200,
    contentType: "text/event-stream; charset=utf-8",
    headers: [["cache-control", "no-cache"]],
    body: { events: fake["no-done"] ? withoutLast(told) : told },
    tokens,
  };
}

function* breakOff(events: Iterable<SseEvent>, after: number, failure: SseEvent): Iterable<SseEvent> {
  let told = 0;
  for (const event of events) {
    if (told++ === after) break;
    yield event;
  }
  yield failure;
}

function* withoutLast(events: Iterable<SseEvent>): Iterable<SseEvent> {
  for (const event of events) if (!event.last) yield event;
}
