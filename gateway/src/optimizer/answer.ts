// Owns believing the optimizer's answer: what it says is checked as if a stranger had sent it, and one thing that is
// odd means none of it is used.

import type { Decision, OptimizeFacts, SuppressedKind } from "@anyray/shared/protocol";
import { tokensMax } from "@anyray/shared/usage";
import type { Endpoint, JsonObject } from "../endpoints/endpoint";
import { field, isObject } from "../endpoints/fields";
import { findValue, nestingIsDeep, parseObject, replaceBytes } from "../request/json";

type Bytes = Uint8Array<ArrayBuffer>;

export interface OptimizerAnswer {
  facts: OptimizeFacts;
  /** Goes to the provider instead of what was sent; null = what was sent is to go on. */
  request: Bytes | null;
}

/** Annotations (cache marks, a parameter) may make a request a little longer; nothing else may. */
const growthBytesMax = 4_096;
const decisionsMax = 256;
const summaryCharsMax = 512;
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Null for an answer that is not to be believed. `sent` is a valid JSON object. Never throws. */
export function readAnswer(answer: Bytes, sent: Bytes, endpoint: Endpoint): OptimizerAnswer | null {
  try {
    return read(answer, sent, endpoint);
  } catch {
    return null;
  }
}

function read(answer: Bytes, sent: Bytes, endpoint: Endpoint): OptimizerAnswer | null {
  const at = findValue(answer, "request");
  if (!at) return null;
  // A cached answer goes to the caller byte for byte: its text is kept, not what a parser makes of it.
  const cachedAt = findValue(answer, "cachedResponse");
  const cachedText = cachedAt && decoder.decode(answer.subarray(cachedAt[0], cachedAt[1]));
  // Without the request what is left is small, however long the prompt.
  const rest = replaceBytes(answer, at[0], at[1], "null");
  const facts = nestingIsDeep(rest) ? null : readFacts(JSON.parse(decoder.decode(rest)), cachedText);
  if (!facts) return null;
  const request = answer.subarray(at[0], at[1]);
  const isUnchanged = request.length === sent.length && Buffer.compare(request, sent) === 0;
  if (isUnchanged) return { facts, request: null };
  if (request.length > sent.length + growthBytesMax || !asksTheSame(request, sent, endpoint)) return null;
  return { facts, request: facts.decisions.length > 0 ? request : null };
}

/** The model, the form of the answer and the statement of its usage are the caller's and the gateway's business. */
function asksTheSame(request: Bytes, sent: Bytes, endpoint: Endpoint): boolean {
  const json = parseObject(request);
  const isSame = (name: string) => {
    // Parsing all that was sent once more would cost as much as the rest of the reading.
    const at = findValue(sent, name);
    return field(json, name) === (at ? JSON.parse(decoder.decode(sent.subarray(at[0], at[1]))) : undefined);
  };
  // What was sent asks for its usage, by the caller's word or the gateway's; without it the row would be a guess.
  return isSame("model") && isSame("stream") && !endpoint.readRequest(json).mustAskForUsage;
}

/** Null when any field is not of its type. What the protocol lets a small optimizer leave out may be missing. */
function readFacts(json: unknown, cachedText: string | null): OptimizeFacts | null {
  if (!isObject(json) || field(json, "protocolVersion") !== 1) return null;
  const optimizationId = field(json, "optimizationId") ?? "";
  const decisions = listOf(field(json, "decisions"), readDecision);
  const suppressedKinds = listOf(field(json, "suppressedKinds") ?? [], readSuppressed);
  const estimatedTokensSaved = field(json, "estimatedTokensSaved") ?? 0;
  const estimatedSavingsUsd = field(json, "estimatedSavingsUsd") ?? 0;
  const cacheHit = field(json, "cacheHit") ?? false;
  const cacheEligible = field(json, "cacheEligible") ?? false;
  const cacheKey = field(json, "cacheKey") ?? null;
  if (typeof optimizationId !== "string" || !/^[\x21-\x7e]{0,128}$/.test(optimizationId)) return null;
  if (!decisions || !suppressedKinds) return null;
  if (!isFigure(estimatedTokensSaved, -tokensMax) || !isFigure(estimatedSavingsUsd, -tokensMax)) return null;
  if (typeof cacheHit !== "boolean" || typeof cacheEligible !== "boolean") return null;
  if (cacheKey !== null && (typeof cacheKey !== "string" || !/^[\x21-\x7e]{1,512}$/.test(cacheKey))) return null;
  return {
    protocolVersion: 1,
    optimizationId,
    decisions,
    estimatedTokensSaved: Math.round(estimatedTokensSaved),
    estimatedSavingsUsd,
    cacheHit,
    ...(cachedText === null ? {} : { cachedResponse: cachedText }),
    cacheEligible,
    ...(cacheKey === null ? {} : { cacheKey }),
    suppressedKinds,
  };
}

function listOf<T>(value: unknown, readOne: (item: JsonObject) => T | null): T[] | null {
  if (!Array.isArray(value) || value.length > decisionsMax) return null;
  const items = value.map((item) => (isObject(item) ? readOne(item) : null));
  return items.includes(null) ? null : (items as T[]);
}

function readDecision(item: JsonObject): Decision | null {
  const kind = field(item, "kind");
  const summary = field(item, "summary") ?? "";
  const [tokensBefore, tokensAfter] = [field(item, "tokensBefore"), field(item, "tokensAfter")];
  const ms = field(item, "ms") ?? 0;
  const metric = field(item, "metric");
  if (!isKind(kind) || typeof summary !== "string") return null;
  if (!isFigure(tokensBefore) || !isFigure(tokensAfter) || !isFigure(ms)) return null;
  if (metric !== undefined && !(typeof metric === "number" && Number.isFinite(metric))) return null;
  const known = { kind, summary: summary.slice(0, summaryCharsMax), tokensBefore, tokensAfter, ms };
  return metric === undefined ? known : { ...known, metric };
}

function readSuppressed(item: JsonObject): SuppressedKind | null {
  const [kind, reason] = [field(item, "kind"), field(item, "reason")];
  return isKind(kind) && typeof reason === "string" ? { kind, reason: reason.slice(0, summaryCharsMax) } : null;
}

function isKind(value: unknown): value is string {
  return typeof value === "string" && /^[a-z][a-z0-9_]{0,63}$/.test(value);
}

function isFigure(value: unknown, min = 0): value is number {
  return typeof value === "number" && value >= min && value <= tokensMax;
}
