// Step 1: who calls, what is asked, which provider takes it. Reads the body whole, parses it once, and makes the
// two edits the gateway is allowed. Cheap refusals come first.

import { AnyrayError } from "@anyray/shared/errors";
import { monthOf } from "@anyray/shared/time";
import type { Arrival, Call } from "../call";
import type { JsonObject, RequestFacts } from "../endpoints/endpoint";
import { modelName } from "../endpoints/fields";
import { canRetrieve } from "../mcp/can-retrieve";
import type { Directory, Route } from "../providers/directory";
import { headerBytes } from "../providers/headers";
import { inflateBody, readBody } from "../request/body";
import { askForUsage, replaceModel } from "../request/edits";
import { readIdentity } from "../request/identity";
import { parseObject } from "../request/json";
import type { TraceBook } from "../traces/trace-book";

export interface IdentifySettings {
  directory: Directory;
  timezone: string;
  bodyBytesMax: number;
  headerBytesMax: number;
}

type Bytes = Uint8Array<ArrayBuffer>;

const unread: RequestFacts = { model: null, isStream: false, maxOutputTokens: null, mustAskForUsage: false };

/**
 * What is learned goes into `book` as it is, for the trace of a call that is refused half-way.
 *
 * @throws AnyrayError invalid_json, body_too_large, headers_too_large, unsupported_encoding, unknown_provider
 * @throws CallerLeft
 */
export async function identify(
  arrival: Arrival,
  settings: IdentifySettings,
  book: TraceBook | null = null,
): Promise<Call> {
  const { request, endpoint } = arrival;
  const { headers } = request;
  refuseLargeHeaders(headers, settings.headerBytesMax);
  const identity = readIdentity(headers);
  book?.caller(identity);
  const sent = await readBody(request, settings.bodyBytesMax);
  const receivedAt = performance.now();

  const encoding = headers.get("content-encoding")?.trim().toLowerCase() || "identity";
  const plain = await lookInto(arrival, sent, encoding, settings.bodyBytesMax);
  book?.request(plain ?? sent, receivedAt);
  const json = plain && readJson(arrival, plain);
  const facts = json ? endpoint.readRequest(json) : { ...unread, model: modelInPath(arrival) };
  book?.asks(facts.model, facts.isStream);
  const slug = headers.get("x-anyray-provider")?.trim() || null;
  const route = settings.directory.route(slug, facts.model, arrival.protocol);
  book?.goesTo(route);
  const edited = json && plain ? edit(plain, json, facts, route) : null;

  return {
    ...arrival,
    identity,
    provider: route.provider,
    model: route.model,
    path: json || !route.isPrefixed ? arrival.path : `/v1/models/${encodeURIComponent(route.model ?? "")}`,
    isStream: facts.isStream,
    maxOutputTokens: facts.maxOutputTokens,
    body: edited ?? sent,
    plain: json ? (edited ?? plain) : null,
    isBodyInflated: edited !== null && encoding !== "identity",
    isUsageInjected: facts.mustAskForUsage,
    bodyBytes: plain?.length ?? sent?.length ?? 0,
    canRetrieve: json !== null && canRetrieve(json, arrival.endpoint.path),
    isBillable: isBillable(arrival),
    month: monthOf(arrival.arrivedAt, settings.timezone),
    receivedAt,
  };
}

/** Reading or cancelling an answer shows its usage again: that was billed with the call that made it. */
function isBillable({ endpoint, request, path }: Arrival): boolean {
  if (endpoint.metering === "whenStated") return request.method === "POST" && !path.endsWith("/cancel");
  return endpoint.metering === "always";
}

function refuseLargeHeaders(headers: Headers, headerBytesMax: number): void {
  const bytes = headerBytes(headers);
  if (bytes <= headerBytesMax) return;
  throw new AnyrayError(
    "headers_too_large",
    `The request headers take ${bytes} bytes; this gateway accepts ${headerBytesMax}. Send smaller headers, or ask its operator to raise ANYRAY_MAX_HEADER_BYTES.`,
  );
}

/** The body without its content encoding; null where there is nothing the gateway has to look into. */
async function lookInto(
  { endpoint, request }: Arrival,
  sent: Bytes | null,
  encoding: string,
  bodyBytesMax: number,
): Promise<Bytes | null> {
  const isRequired = endpoint.metering === "always";
  if (!isRequired && !request.headers.get("content-type")?.includes("json")) return null;
  if (!sent || encoding === "identity") return sent ?? (isRequired ? new Uint8Array() : null);
  if (isRequired) return await inflateBody(sent, encoding, bodyBytesMax);
  return await inflateBody(sent, encoding, bodyBytesMax).catch(() => null);
}

/** A route that is capped needs a JSON object; on others a body of any kind is the provider's business. */
function readJson({ endpoint }: Arrival, plain: Bytes): JsonObject | null {
  if (endpoint.metering === "always") return parseObject(plain);
  try {
    return parseObject(plain);
  } catch {
    return null;
  }
}

/** "/v1/models/claude-…" tells its provider too. */
function modelInPath({ endpoint, path }: Arrival): string | null {
  if (endpoint.path !== "/v1/models/*") return null;
  try {
    return modelName(decodeURIComponent(path.slice("/v1/models/".length)));
  } catch {
    return null;
  }
}

function edit(plain: Bytes, json: JsonObject, facts: RequestFacts, route: Route): Bytes | null {
  let edited: Bytes | null = null;
  if (route.isPrefixed && route.model !== null) edited = replaceModel(plain, route.model);
  if (facts.mustAskForUsage) edited = askForUsage(edited ?? plain, json);
  return edited;
}
