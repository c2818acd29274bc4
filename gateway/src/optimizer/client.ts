// Owns speaking to the optimizer: one request, its whole answer bounded in time and size. Refuses to retry: what it
// saves is never worth a second wait.

import type { Outbound } from "@anyray/shared/outbound";
import { joinBytes } from "../sse";
import type { Failure } from "./breaker";

type Bytes = Uint8Array<ArrayBuffer>;

export interface ClientSettings {
  /** One that calls nothing but services of our own. */
  outbound: Outbound;
  baseUrl: string;
  token: string;
}

export interface Asking {
  /** Null = GET. */
  body: Bytes | null;
  /** For the answer as a whole, its last byte included. */
  limitMs: number;
  bytesMax: number;
  /** Ends the question when it aborts. */
  signal?: AbortSignal;
}

/** `bytes` of an answer that says it is a good one. "left": the signal ended it. */
export type Reply =
  | { bytes: Bytes; failure: null; hasAnswered: true }
  | { bytes: null; failure: Failure | "left"; hasAnswered: boolean };

export type OptimizerClient = ReturnType<typeof createClient>;

export function createClient({ outbound, baseUrl, token }: ClientSettings) {
  const base = baseUrl.replace(/\/+$/, "");
  // Shared by every question: nothing changes it.
  const headers = new Headers({
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    // What the client would name by itself it does not inflate.
    "accept-encoding": "identity",
  });

  const exchange = async (path: string, asking: Asking, signal: AbortSignal): Promise<Reply> => {
    const { body, bytesMax } = asking;
    let hasAnswered = false;
    try {
      const method = body === null ? "GET" : "POST";
      const response = await outbound.send(base + path, { method, headers, body, signal });
      hasAnswered = true;
      const bytes = response.ok ? await readBounded(response, bytesMax) : null;
      if (bytes) return { bytes, failure: null, hasAnswered };
      void response.body?.cancel().catch(() => {});
      return { bytes: null, failure: "error", hasAnswered };
    } catch (error) {
      return { bytes: null, failure: hasAnswered ? "error" : failureOf(error), hasAnswered };
    }
  };

  return {
    /** Never rejects. */
    async ask(path: string, asking: Asking): Promise<Reply> {
      const { signal, limitMs } = asking;
      const control = new AbortController();
      const ended = Promise.withResolvers<Reply>();
      // Not left to the runtime: while it connects, an abort may settle nothing.
      const end = (failure: "timeout" | "left") => {
        ended.resolve({ bytes: null, failure, hasAnswered: false });
        control.abort();
      };
      const leave = () => end("left");
      const timer = setTimeout(end, limitMs, "timeout");
      signal?.addEventListener("abort", leave);
      if (signal?.aborted) leave();
      try {
        return await Promise.race([exchange(path, asking, control.signal), ended.promise]);
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", leave);
      }
    },
  };
}

/** Null when there is more than `bytesMax` of it. Rejects when it breaks off. */
async function readBounded(response: Response, bytesMax: number): Promise<Bytes | null> {
  const stated = response.headers.get("content-length");
  if (stated !== null && Number(stated) > bytesMax) return null;
  // A stated length is enforced by the client, so the fast way is safe.
  if (stated !== null) return (await response.bytes()) as Bytes;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > bytesMax) return null;
    chunks.push(chunk);
  }
  return joinBytes(chunks);
}

/** Bytes that are no HTTP come from something that is there. */
function failureOf(error: unknown): Failure {
  return /^Malformed|HTTP/.test(String((error as { code?: unknown } | null)?.code)) ? "error" : "unreachable";
}
