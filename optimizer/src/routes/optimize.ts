// Owns POST /v1/optimize: the envelope taken apart, the request's text handed on and answered byte for byte. Whatever
// goes wrong behind the seam, the answer carries the request as it came.

import { refuseFaults } from "@anyray/shared/admin/request";
import type { OptimizeFacts } from "@anyray/shared/protocol";
import { type EnvelopeFacts, isOptimizable, type Optimized } from "../deps";
import { isDeep, type Members, parsed, readMembers } from "../envelope";
import type { RouteOutcome } from "../metrics";
import { CallerLeft, readText } from "../request-body";
import { isObject, readAsker, readCapabilities, readKinds, readObject, readWord } from "./fields";
import { envelopeBytesMax, type Reply, type RouteParts } from "./route";

export async function answerOptimize(request: Request, parts: RouteParts): Promise<Reply> {
  const text = await readText(request, parts.bodyBytesMax + envelopeBytesMax);
  // Work for somebody who is known to have given up would make those behind it wait in vain too.
  if (request.signal.aborted) throw new CallerLeft();
  const members = readMembers(text, ["request"]);
  const { requestText, facts } = readEnvelope(members, parts.knownKinds);
  if (facts === null || isDeep(requestText)) return asItCame(requestText, "unchanged");
  try {
    const optimized = await parts.optimizer.optimize(requestText, facts);
    checkWhole(requestText, optimized);
    const body = answerText(optimized);
    parts.metrics.decided(optimized.facts.decisions, optimized.facts.suppressedKinds);
    return { body, status: 200, outcome: outcomeOf(requestText, optimized) };
  } catch (error) {
    parts.passOver("optimize", error);
    return asItCame(requestText, "failed");
  }
}

interface Envelope {
  requestText: string;
  /** Null for an endpoint whose requests are not optimized. */
  facts: EnvelopeFacts | null;
}

/** @throws AnyrayError invalid_request naming every fault; invalid_json */
function readEnvelope(members: Members, knownKinds: readonly string[]): Envelope {
  const faults: string[] = [];
  const endpoint = readWord(members, "endpoint", 256, faults);
  if (endpoint === null && faults.length === 0) faults.push('endpoint is missing: for example "/v1/chat/completions"');
  const request = readObject(members, "request", faults);
  const asker = readAsker(members, faults);
  const capabilities = readCapabilities(members, faults);
  const enabledKinds = readKinds(members, knownKinds, faults);
  if (faults.length > 0) faults.push("accepted are endpoint, request, metadata, capabilities and enabledKinds");
  refuseFaults(faults);
  const requestText = members.get("request") ?? "{}";
  if (endpoint === null || !isOptimizable(endpoint)) return { requestText, facts: null };
  return { requestText, facts: { endpoint, request, asker, capabilities, enabledKinds } };
}

/** @throws Error for a request that no provider could read, or would read with other characters in it */
function checkWhole(cameText: string, { requestText }: Optimized): void {
  if (requestText === cameText) return;
  if (!requestText.isWellFormed()) throw new Error("the optimized request has half a character in it");
  if (!isObject(parsed(requestText))) throw new Error("the optimized request is no JSON object");
}

function outcomeOf(cameText: string, { requestText, facts }: Optimized): RouteOutcome {
  if (facts.cacheHit) return "cache_hit";
  return requestText === cameText ? "unchanged" : "changed";
}

function asItCame(requestText: string, outcome: RouteOutcome): Reply {
  const facts: OptimizeFacts = {
    protocolVersion: 1,
    optimizationId: Bun.randomUUIDv7(),
    decisions: [],
    estimatedTokensSaved: 0,
    estimatedSavingsUsd: 0,
    cacheHit: false,
    cacheEligible: false,
    suppressedKinds: [],
  };
  return { body: answerText({ requestText, facts, cachedResponseText: null }), status: 200, outcome };
}

/** Texts are put in as they are: reading and writing them anew could spell a number or a character differently. */
function answerText({ requestText, facts, cachedResponseText }: Optimized): string {
  const { protocolVersion, optimizationId, cachedResponse, ...rest } = facts;
  const head = `{"protocolVersion":${protocolVersion},"optimizationId":${JSON.stringify(optimizationId)}`;
  const cached = cachedResponseText ?? JSON.stringify(cachedResponse);
  const tail = cached === undefined ? "" : `,"cachedResponse":${cached}`;
  return `${head},"request":${requestText},${JSON.stringify(rest).slice(1, -1)}${tail}}`;
}
