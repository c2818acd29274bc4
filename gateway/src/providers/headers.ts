// The only place where headers are copied between caller and provider: what passes, and what never does.

import type { CallerCredential } from "./provider";

/** Meaningful for one connection only (RFC 9110, 7.6.1), or made anew by our own client and server. */
const hopByHop = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
];

/**
 * Not for the provider: our own names and framing, credentials (put back in the provider's form), and what
 * tells or authorises something about the caller's network rather than about the call.
 */
const notForProvider = new Set([
  ...hopByHop,
  "host",
  "content-length",
  "expect",
  "authorization",
  "x-api-key",
  "api-key",
  "cookie",
  "forwarded",
  "via",
  "x-real-ip",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-forwarded-server",
]);

/** Not for the caller: framing, and statements about the provider's origin that would be read as about ours. */
const notForCaller = new Set([...hopByHop, "content-length", "alt-svc", "strict-transport-security"]);

const ours = "x-anyray-";

/** The caller's headers as the provider gets them, before authorization. */
export function headersForProvider(from: Headers, isStream: boolean): Headers {
  const nominated = nominatedBy(from);
  const headers = new Headers();
  for (const [name, value] of from) {
    if (notForProvider.has(name) || name.startsWith(ours) || nominated?.has(name)) continue;
    headers.set(name, value);
  }
  // A compressed event stream would hold events back until a block is full, and its events could not be seen.
  // Without the header Bun's client would name encodings that the caller may not understand.
  if (isStream || !headers.has("accept-encoding")) headers.set("accept-encoding", "identity");
  return headers;
}

/** The provider's headers as the caller gets them. Values stay as they are, `set-cookie` one by one. */
export function headersForCaller(from: Headers): Headers {
  const nominated = nominatedBy(from);
  const headers = new Headers();
  for (const [name, value] of from) {
    if (notForCaller.has(name) || name.startsWith(ours) || nominated?.has(name)) continue;
    headers.append(name, value);
  }
  return headers;
}

/** Names that `connection` declares to be hop-by-hop in this very message. */
function nominatedBy(headers: Headers): Set<string> | null {
  const connection = headers.get("connection");
  if (!connection || connection === "keep-alive" || connection === "close") return null;
  return new Set(connection.split(",").map((name) => name.trim().toLowerCase()));
}

/** What the caller authenticates with; either header is accepted on every route. */
export function callerCredential(headers: Headers): CallerCredential {
  const authorization = headers.get("authorization")?.trim() || null;
  const isBearer = authorization !== null && /^bearer(\s|$)/i.test(authorization);
  return {
    bearer: (isBearer && authorization.slice("bearer".length).trim()) || null,
    otherScheme: isBearer ? null : authorization,
    apiKey: headers.get("x-api-key")?.trim() || headers.get("api-key")?.trim() || null,
  };
}

/** Bytes of all names and values, with the four that each line adds on the wire. */
export function headerBytes(headers: Headers): number {
  let bytes = 0;
  for (const [name, value] of headers) bytes += name.length + value.length + 4;
  return bytes;
}
