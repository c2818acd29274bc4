// Owns POST /v1/cache: a provider's answer to be kept for the same question.

import { refuseFaults, shown } from "@anyray/shared/admin/request";
import { type CacheEntry, isOptimizable, type OptimizableEndpoint, optimizableEndpoints } from "../deps";
import { type Members, readMembers } from "../envelope";
import { readText } from "../request-body";
import { memberValue, readAsker, readObject, readWord } from "./fields";
import { envelopeBytesMax, type Reply, type RouteParts, reply } from "./route";

const ttlSecondsMax = 2_592_000;
const keyCharsMax = 256;

export async function answerCache(request: Request, parts: RouteParts): Promise<Reply> {
  const text = await readText(request, 2 * parts.bodyBytesMax + envelopeBytesMax);
  const entry = readEntry(readMembers(text, ["request", "response"]));
  return reply({ stored: await parts.optimizer.cacheStore(entry) });
}

/** @throws AnyrayError invalid_request naming every fault; invalid_json */
function readEntry(members: Members): CacheEntry {
  const faults: string[] = [];
  const cacheKey = readWord(members, "cacheKey", keyCharsMax, faults);
  const requestText = members.get("request");
  if ((cacheKey === null) === (requestText === undefined) && faults.length === 0) {
    faults.push("exactly one of cacheKey and request must be given");
  }
  const request = requestText === undefined ? null : readQuestion(members, requestText, faults);
  readObject(members, "response", faults);
  const ttlSeconds = readTtl(members, faults);
  const asker = readAsker(members, faults);
  if (faults.length > 0) {
    faults.push("accepted are cacheKey, or endpoint and request, with response, ttlSeconds and metadata");
  }
  refuseFaults(faults);
  return { cacheKey, request, responseText: members.get("response") ?? "{}", ttlSeconds, asker };
}

function readQuestion(members: Members, text: string, faults: string[]): CacheEntry["request"] {
  const asked = readObject(members, "request", faults);
  const endpoint = memberValue(members, "endpoint") ?? likelyEndpoint(asked);
  if (typeof endpoint === "string" && isOptimizable(endpoint)) return { endpoint, text };
  faults.push(`endpoint=${shown(endpoint)}: with a request it must be ${optimizableEndpoints.join(" or ")}`);
  return null;
}

/** Where the question does not say to which API it belongs, it shows: the names of its members differ. */
function likelyEndpoint(request: Readonly<Record<string, unknown>>): OptimizableEndpoint {
  if (Object.hasOwn(request, "input")) return "/v1/responses";
  const model = Object.hasOwn(request, "model") ? String(request["model"]) : "";
  return model.includes("claude") || Object.hasOwn(request, "system") ? "/v1/messages" : "/v1/chat/completions";
}

function readTtl(members: Members, faults: string[]): number | null {
  const value = memberValue(members, "ttlSeconds");
  if (value === undefined) return null;
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= ttlSecondsMax) return value as number;
  faults.push(`ttlSeconds=${shown(value)}: accepted is a whole number from 1 to ${ttlSecondsMax}`);
  return null;
}
