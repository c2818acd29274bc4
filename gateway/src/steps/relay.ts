// Step 5: the answer goes to the caller, byte for byte. Tells how it ended exactly once, and always before the last
// byte is handed over. Which of the three ways an answer takes is decided by what it is, not by what was asked.

import type { ErrorCode } from "@anyray/shared/errors";
import { usdText } from "@anyray/shared/money";
import type { SpendRow } from "@anyray/shared/store/spend-row";
import { readAnswerFacts } from "../answer-facts";
import type { AnswerKeeper } from "../answers/keep-answer";
import type { Call, Outcome } from "../call";
import { headersForCaller } from "../providers/headers";
import { inflaters } from "../request/body";
import type { TraceBook } from "../traces/trace-book";
import { readWhole } from "./answer-body";
import type { Upstream } from "./forward";
import { relayStream } from "./relay-stream";

/** Ends the call's books, once; resolves before the last byte may go out. The code is of the error the caller gets. */
export type Close = (outcome: Outcome, errorCode?: ErrorCode | null) => Promise<SpendRow | null>;

/** Answers up to this size are read whole, so that their cost can stand in their headers. */
const wholeBytesMax = 64 * 1_048_576;

/**
 * @throws AnyrayError upstream_unreachable, upstream_timeout when an answer breaks off before it was begun to be sent
 * @throws CallerLeft
 */
export async function relay(
  call: Call,
  upstream: Upstream,
  close: Close,
  keeper: AnswerKeeper | null,
  book: TraceBook | null = null,
): Promise<Response> {
  const { response } = upstream;
  const headers = headersForCaller(response.headers);
  headers.set("x-anyray-request-id", call.id);
  if (call.identity.isMetadataInvalid) headers.set("x-anyray-warning", "metadata-invalid");

  const type = response.headers.get("content-type") ?? "";
  const isEvents = type.startsWith("text/event-stream");
  const isShort = Number(response.headers.get("content-length") ?? 0) <= wholeBytesMax;
  const isJson = /[/+]json\b/.test(type);
  if (!response.body || (!isEvents && isShort && (isJson || response.status >= 400))) {
    return await relayWhole(call, upstream, headers, close, keeper, book);
  }
  return relayStream(call, upstream, headers, isEvents && response.ok, close, { keeper, book });
}

/** A JSON answer, an error or no body at all: read whole, metered, and sent on as it came. */
async function relayWhole(
  call: Call,
  upstream: Upstream,
  headers: Headers,
  close: Close,
  keeper: AnswerKeeper | null,
  book: TraceBook | null,
): Promise<Response> {
  const { response } = upstream;
  const body = await readWhole(call, upstream, wholeBytesMax);
  if (body === null) return relayStream(call, upstream, headers, false, close, { keeper: null, book });
  const endedAt = performance.now();
  upstream.end();
  book?.wholeAnswer(body, { isEvents: false, encoding: encodingOf(response) });
  const facts = response.ok && body.length > 0 ? await meterWhole(call, response, body) : { usage: null, model: null };
  const row = await close({
    status: upstream.hasCallerLeft() ? 499 : response.status,
    endReason: upstream.hasCallerLeft() ? "client_aborted" : "completed",
    usage: facts.usage,
    isUsageOpen: false,
    seenOutputTokens: 0,
    responseModel: facts.model,
    firstByteAt: upstream.answeredAt,
    upstreamMs: endedAt - upstream.dispatchedAt,
  });
  if (keeper && response.status === 200 && !upstream.hasCallerLeft()) {
    keeper.begin({ isEvents: false, encoding: encodingOf(response) });
    keeper.push(body);
    void keeper.end();
  }
  if (row?.costNanoUsd != null && response.ok) headers.set("x-anyray-cost-usd", usdText(row.costNanoUsd));
  const hasBody = body.length > 0 && response.status !== 204 && response.status !== 304;
  return new Response(hasBody ? body : null, { status: response.status, headers });
}

function encodingOf(response: Response): string {
  return response.headers.get("content-encoding")?.trim().toLowerCase() || "identity";
}

async function meterWhole(call: Call, response: Response, body: Uint8Array<ArrayBuffer>) {
  const encoding = encodingOf(response);
  if (encoding === "identity") return readAnswerFacts(call.endpoint, body);
  // The caller gets the compressed bytes as they are; only a copy is inflated, to be looked at.
  const inflate = inflaters.get(encoding);
  const plain = await inflate?.(body, { maxOutputLength: wholeBytesMax }).catch(() => null);
  return plain ? readAnswerFacts(call.endpoint, plain) : { usage: null, model: null };
}
