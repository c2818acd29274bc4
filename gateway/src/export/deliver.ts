// Owns one attempt to hand bytes to the trace backend, bounded in time, and what its answer means. Refuses to try twice:
// when is the queue's to know.

import type { Outbound } from "@anyray/shared/outbound";
import { version } from "../version";
import type { OtlpProtocol } from "./encode";

export interface DeliverSettings {
  outbound: Pick<Outbound, "send">;
  /** Of the whole signal path, for example "https://otel.internal:4318/v1/traces". */
  url: string;
  headers: ReadonlyMap<string, string>;
  protocol: OtlpProtocol;
  now?: () => number;
}

export type Delivery =
  /** The answer's bytes may tell of spans that were not taken. */
  | { result: "taken"; answer: Uint8Array }
  /** May go better later. `afterMs`: when the backend says so; null = it does not say. */
  | { result: "later"; fault: string; afterMs: number | null }
  | { result: "too_large"; fault: string }
  | { result: "refused"; fault: string };

export type Deliver = (body: Uint8Array<ArrayBuffer>, limitMs: number) => Promise<Delivery>;

const answerBytesMax = 65_536;
/** By the OTLP specification. */
const retriable: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

/** Where spans go, of what the operator wrote: the signal's own path is put behind a base. */
export function tracesUrl(url: string): string {
  const { pathname, search } = new URL(url);
  const path = pathname.replace(/\/+$/, "");
  // Cut from the text, so that the origin stays letter for letter the one that is allowed.
  const origin = /^[^/]*\/\/[^/?#\\]*/.exec(url)?.[0] ?? "";
  return `${origin}${path.endsWith("/v1/traces") ? path : `${path}/v1/traces`}${search}`;
}

/** Never rejects. */
export function createDeliver({ outbound, url, headers, protocol, now = Date.now }: DeliverSettings): Deliver {
  const own = new Headers([...headers]);
  own.set("content-type", protocol === "http/json" ? "application/json" : "application/x-protobuf");
  own.set("user-agent", `anyray/${version}`);
  own.set("accept-encoding", "identity");

  const attempt = async (body: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<Delivery> => {
    const response = await outbound.send(url, { method: "POST", headers: own, body, signal });
    const { status } = response;
    if (response.ok) return { result: "taken", answer: await readBounded(response) };
    void response.body?.cancel().catch(() => {});
    const fault = `status ${status}`;
    if (retriable.has(status)) return { result: "later", fault, afterMs: retryAfterMs(response, now()) };
    return { result: status === 413 ? "too_large" : "refused", fault };
  };

  return async (body, limitMs) => {
    const control = new AbortController();
    const late = Promise.withResolvers<Delivery>();
    // Not left to the runtime: while it connects, an abort may settle nothing.
    const timer = setTimeout(() => {
      late.resolve({ result: "later", fault: "no answer in time", afterMs: null });
      control.abort();
    }, limitMs);
    const attempted = attempt(body, control.signal).catch((error): Delivery => {
      const isOurs = error instanceof Error && error.name === "EgressRefused";
      if (isOurs) return { result: "refused", fault: "the host is not one that was configured" };
      return { result: "later", fault: "unreachable", afterMs: null };
    });
    try {
      return await Promise.race([attempted, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** Seconds or a date, as RFC 9110 has it; null = not said, or not understood. */
function retryAfterMs({ headers }: Response, now: number): number | null {
  const value = headers.get("retry-after")?.trim() ?? "";
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const at = /^[A-Z][a-z]{2}, /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

/** Its head; an answer that goes on and on is cut. */
async function readBounded(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) return new Uint8Array();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
