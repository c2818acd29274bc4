// The one way out: every call to another host is made here. Follows no redirect, inflates nothing, heeds no proxy
// variable, and counts which hosts were called.

export interface OutboundRequest {
  method: string;
  headers: Headers;
  body: Uint8Array<ArrayBuffer> | null;
  signal: AbortSignal;
}

export interface OutboundSettings {
  /** A proxy set on purpose. */
  proxy: string | null;
  /** Offer HTTP/2 to hosts over TLS. */
  isHttp2: boolean;
}

export type Outbound = ReturnType<typeof createOutbound>;

export function createOutbound(settings: OutboundSettings) {
  const calls = new Map<string, number>();
  const options = {
    redirect: "manual",
    // Else a compressed answer would reach the caller inflated under its old content-encoding.
    decompress: false,
    ...(settings.isHttp2 ? {} : { protocol: "http1.1" }),
    ...(settings.proxy ? { proxy: settings.proxy } : {}),
  } satisfies BunFetchRequestInit;

  return {
    /** Sends a request to `url`; rejects as `fetch` does. */
    send(url: string, request: OutboundRequest): Promise<Response> {
      const host = hostOf(url);
      calls.set(host, (calls.get(host) ?? 0) + 1);
      // These have no body that means anything, and the runtime refuses to send one.
      const hasBody = request.method !== "GET" && request.method !== "HEAD";
      return fetch(url, { ...options, ...request, body: hasBody ? request.body : null });
    },
    /** Host → calls made to it since the start. */
    hosts: (): ReadonlyMap<string, number> => calls,
  };
}

/** "https://user@host:port/…" → "host:port", without building a URL object on the hot path. */
function hostOf(url: string): string {
  const from = url.indexOf("//") + 2;
  const to = url.indexOf("/", from);
  const authority = to < 0 ? url.slice(from) : url.slice(from, to);
  return authority.slice(authority.lastIndexOf("@") + 1);
}
