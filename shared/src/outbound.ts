// The one way out: every call to another host is made here. Goes to hosts that an operator configured and to no other,
// follows no redirect, inflates nothing, heeds no proxy variable.

import { type Egress, type EgressReason, originOf } from "./egress";

export interface OutboundRequest {
  method: string;
  headers: Headers;
  body: Uint8Array<ArrayBuffer> | null;
  signal: AbortSignal;
}

export interface OutboundSettings {
  /** Why these calls are made. */
  reason: EgressReason;
  /** Where they may go now, as `originsOf` makes it. */
  origins(): ReadonlySet<string>;
  egress: Egress;
  /** A proxy set on purpose. */
  proxy: string | null;
  /** Offer HTTP/2 to hosts over TLS. */
  isHttp2: boolean;
}

/** A call to a host that nobody configured. Nothing was sent, no name was looked up. */
export class EgressRefused extends Error {
  override name = "EgressRefused";
}

export type Outbound = ReturnType<typeof createOutbound>;

export function createOutbound(settings: OutboundSettings) {
  const { reason, egress, proxy } = settings;
  const origins = settings.origins;
  const counters = new Map<string, () => void>();
  const options = {
    redirect: "manual",
    // Else a compressed answer would reach the caller inflated under its old content-encoding.
    decompress: false,
    ...(settings.isHttp2 ? {} : { protocol: "http1.1" }),
    ...(proxy ? { proxy } : {}),
  } satisfies BunFetchRequestInit;
  egress.allows(reason, origins);
  const proxyOrigin = proxy ? originOf(proxy) : null;
  if (proxyOrigin) egress.allows("proxy", () => new Set([proxyOrigin]));
  const countProxy = proxyOrigin ? egress.counterOf(proxyOrigin, "proxy") : null;

  const count = (origin: string): void => {
    let counter = counters.get(origin);
    if (!counter) {
      counter = egress.counterOf(origin, reason);
      counters.set(origin, counter);
    }
    counter();
    countProxy?.();
  };

  return {
    /**
     * Sends a request to `url`; rejects as `fetch` does.
     *
     * @throws EgressRefused (as a rejection) for a host that is not among `origins`
     */
    send(url: string, request: OutboundRequest): Promise<Response> {
      const origin = originOf(url);
      if (!origins().has(origin)) {
        egress.refused(origin, reason);
        return Promise.reject(new EgressRefused("the host is not one that was configured"));
      }
      count(origin);
      // These have no body that means anything, and the runtime refuses to send one.
      const hasBody = request.method !== "GET" && request.method !== "HEAD";
      return fetch(url, { ...options, ...request, body: hasBody ? request.body : null });
    },
  };
}
