// Owns turning what people write as a base URL into addresses.

/** A path that already names its version, as in ".../v1beta/openai" or ".../paas/v4". */
const versioned = /\/v\d+[a-z0-9]*(\/|$)/;

/** Removes what people may or may not write at the end: slashes, "/v1" and a fragment. A query stays. */
export function trimBaseUrl(baseUrl: string): string {
  const { root, query } = partsOf(baseUrl.replace(/#.*$/s, ""));
  const whole = root.replace(/\/+$/, "");
  // Not where it is the host, as in "http://v1".
  const trimmed = whole.replace(/(?<=[^/])\/v1$/, "");
  // Behind another version it was written on purpose: ".../v1/account/gateway/anthropic/v1".
  return (isVersioned(trimmed) ? whole : trimmed) + (query === "?" ? "" : query);
}

/**
 * `baseUrl` + the caller's "/v1/…" path, with or without query; the base's own version takes the place of ours, and
 * its own query goes along.
 */
export function joinAddress(baseUrl: string, path: string): string {
  const { root, query } = partsOf(baseUrl);
  const address = root + (isVersioned(root) ? path.slice("/v1".length) : path);
  return query && path.includes("?") ? `${address}&${query.slice(1)}` : address + query;
}

/** `baseUrl` with `path` put behind its own. */
export function extendBaseUrl(baseUrl: string, path: string): string {
  const { root, query } = partsOf(baseUrl);
  return root + path + query;
}

function isVersioned(root: string): boolean {
  return versioned.test(pathnameOf(root));
}

/** The path of an address, without its query. Parsing a whole URL would cost more than the rest of forwarding. */
export function pathnameOf(address: string): string {
  const { root } = partsOf(address);
  const at = root.indexOf("/", root.indexOf("//") + 2);
  return at < 0 ? "" : root.slice(at);
}

/** The query with its "?", or "". */
function partsOf(baseUrl: string): { root: string; query: string } {
  const at = baseUrl.indexOf("?");
  return at < 0 ? { root: baseUrl, query: "" } : { root: baseUrl.slice(0, at), query: baseUrl.slice(at) };
}
