// Owns the fake provider's decision: which answer a request gets, by its directives, its credential and its path.

import { brotliDecompressSync, inflateSync } from "node:zlib";
import { type Cassette, cassetteNamed } from "./cassettes";
import { answerCountTokens, answerMessages } from "./fake-anthropic";
import { type Answer, type Call, isObject, type Json, Refusal, seedOfBody } from "./fake-call";
import { type Directives, parseDirectives } from "./fake-directives";
import { errorAnswer, htmlAnswer, type Protocol, refusalAnswer } from "./fake-errors";
import { answerChat } from "./fake-openai-chat";
import { answerCompletions, answerEmbeddings } from "./fake-openai-completions";
import {
  answerImages,
  answerModel,
  answerModels,
  answerModerations,
  answerSpeech,
  answerTranscription,
} from "./fake-openai-media";
import { answerResponses, answerStoredResponse } from "./fake-openai-responses";
import { type LedgerTokens, noTokens } from "./ledger";
import { type HttpRequest, headerOf } from "./request-reader";

const storedMax = 1_000;
const timesMax = 100_000;

export interface Rules {
  /** For every request; its own directives go over them. */
  defaults: Directives;
  /** The credentials accepted; undefined = any, and none. */
  keys: ReadonlySet<string> | undefined;
  /** Answers of the Responses API, by id. */
  stored: Map<string, Json>;
  /** How often a directive with `times` was obeyed, by call. */
  obeyed: Map<string, number>;
}

/** Decides the answer; what is learnt of the call on the way is laid down in it. */
export async function decideAnswer(rules: Rules, call: Call, protocol: Protocol, requestId: string): Promise<Answer> {
  try {
    const asked = headerOf(call.request, "x-fake");
    call.fake = { ...rules.defaults, ...(asked === undefined ? {} : readDirectives(asked)) };
    call.body = readBody(call.request);
    call.seed = seedOfBody(call.body);
    if (spent(rules, call)) call.fake = {};
    authorise(rules, call.request);
    return directedAnswer(call.fake, protocol, requestId) ?? withStatus(await route(rules, call), call.fake);
  } catch (error) {
    if (error instanceof Refusal) return refusalAnswer(protocol, error, call.fake, requestId);
    throw error;
  }
}

function readDirectives(text: string): Directives {
  try {
    return parseDirectives(text);
  } catch (error) {
    throw new Refusal(400, error instanceof Error ? error.message : String(error), "bad_directive");
  }
}

/** An answer that is told whatever the request says. */
function directedAnswer(fake: Directives, protocol: Protocol, requestId: string): Answer | undefined {
  if (fake.html) return htmlAnswer(fake.status ?? 502);
  if (fake.status !== undefined && fake.status >= 400) return errorAnswer(protocol, fake.status, fake, requestId);
  if (fake.cassette !== undefined) return cassetteAnswer(fake.cassette);
  const bare = { contentType: null, body: { plain: "" }, tokens: noTokens };
  if (fake.redirect !== undefined) return { ...bare, status: 307, headers: [["location", fake.redirect]] };
  return fake.empty ? { ...bare, status: 204, headers: [] } : undefined;
}

function cassetteAnswer(name: string): Answer {
  const { response, stream, ends, usage } = readCassette(name);
  const { "content-type": contentType = null, ...headers } = response.headers;
  const tokens: LedgerTokens = {
    input: usage?.inputTokens ?? 0,
    cached: usage?.cachedInputTokens ?? 0,
    cacheWrite: usage?.cacheWriteTokens ?? 0,
    cacheWriteLong: usage?.cacheWriteLongTokens ?? 0,
    output: usage?.outputTokens ?? 0,
    reasoning: usage?.reasoningTokens ?? 0,
  };
  const mark = { error: ends === "error", ...(usage ? { usage: { ...usage }, final: ends === "whole" } : {}) };
  return {
    status: response.status,
    contentType,
    headers: Object.entries(headers),
    body: { plain: response.body, mark },
    recorded: { chunked: stream, broken: ends === "cut" },
    tokens,
  };
}

function readCassette(name: string): Cassette {
  try {
    return cassetteNamed(name);
  } catch (error) {
    throw new Refusal(400, `x-fake: ${String(error)}`, "bad_directive");
  }
}

const withStatus = (answer: Answer, { status }: Directives): Answer => (status ? { ...answer, status } : answer);

const answers: Readonly<Record<string, (call: Call) => Answer | Promise<Answer>>> = {
  "POST /v1/chat/completions": answerChat,
  "POST /v1/completions": answerCompletions,
  "POST /v1/embeddings": answerEmbeddings,
  "POST /v1/messages": answerMessages,
  "POST /v1/messages/count_tokens": answerCountTokens,
  "POST /v1/moderations": answerModerations,
  "POST /v1/images/generations": answerImages,
  "POST /v1/audio/transcriptions": answerTranscription,
  "POST /v1/audio/speech": answerSpeech,
  "GET /v1/models": answerModels,
};

function route({ stored }: Rules, call: Call): Answer | Promise<Answer> {
  const { method } = call.request;
  const { path } = call;
  const known = answers[`${method === "HEAD" ? "GET" : method} ${path}`];
  if (known) return known(call);
  if (method === "POST" && path === "/v1/responses")
    return answerResponses(call, (id, body) => keepStored(stored, id, body));
  if (method === "GET" && path.startsWith("/v1/responses/")) {
    return answerStoredResponse(call, stored.get(path.slice("/v1/responses/".length)));
  }
  if (method === "GET" && path.startsWith("/v1/models/")) return answerModel(call);
  throw new Refusal(
    404,
    `Unknown request URL: ${method} ${call.request.path}. Please check the URL for typos.`,
    "unknown_url",
  );
}

function keepStored(stored: Map<string, Json>, id: string, body: Json): void {
  stored.set(id, body);
  for (const oldest of stored.keys()) {
    if (stored.size <= storedMax) return;
    stored.delete(oldest);
  }
}

/** Azure's form of the same API. */
export const pathOf = ({ path }: HttpRequest): string =>
  path.startsWith("/openai/v1/") ? path.slice("/openai".length) : path;

/** The protocol in which errors are told. */
export function protocolOf(request: HttpRequest): Protocol {
  const path = pathOf(request);
  if (path.startsWith("/v1/messages")) return "anthropic";
  if (/^\/v1\/(chat|completions|embeddings|responses|audio|images|moderations)/.test(path)) return "openai";
  return headerOf(request, "anthropic-version") === undefined ? "openai" : "anthropic";
}

const inflate: Readonly<Record<string, (bytes: Uint8Array<ArrayBuffer>) => Uint8Array>> = {
  gzip: (bytes) => Bun.gunzipSync(bytes),
  deflate: (bytes) => inflateSync(bytes),
  br: (bytes) => brotliDecompressSync(bytes),
  zstd: (bytes) => Bun.zstdDecompressSync(bytes),
};

function readBody(request: HttpRequest): Json {
  if (request.body.length === 0 || /^multipart\//i.test(headerOf(request, "content-type") ?? "")) return {};
  try {
    const encoding = headerOf(request, "content-encoding")?.toLowerCase();
    const bytes = encoding ? inflate[encoding]?.(new Uint8Array(request.body)) : request.body;
    const body: unknown = JSON.parse(Buffer.from(bytes ?? request.body).toString("utf8"));
    if (isObject(body)) return body;
  } catch {
    // Told below, in the provider's words.
  }
  throw new Refusal(400, "We could not parse the JSON body of your request. The API expects a JSON payload.");
}

function authorise({ keys }: Rules, request: HttpRequest): void {
  if (!keys) return;
  const bearer = /^Bearer (.+)$/i.exec(headerOf(request, "authorization") ?? "")?.[1];
  const key = headerOf(request, "x-api-key") ?? headerOf(request, "api-key") ?? bearer;
  if (key === undefined) throw new Refusal(401, "You didn't provide an API key.");
  if (!keys.has(key)) throw new Refusal(401, "Incorrect API key provided.", "invalid_api_key");
}

/** Whether the call has already been treated as often as `times` allows. */
function spent({ obeyed }: Rules, { fake, request, seed }: Call): boolean {
  if (fake.times === undefined) return false;
  const name = headerOf(request, "x-call-id") ?? `${request.path} ${seed}`;
  const count = obeyed.get(name) ?? 0;
  if (obeyed.size >= timesMax) obeyed.clear();
  obeyed.set(name, count + 1);
  return count >= fake.times;
}
