// Owns the Provider interface: how a kind of provider wants to be addressed. Imports nothing of its kind.

import type { Protocol } from "../endpoints/endpoint";

/** What the caller sent to prove itself, by header. */
export interface CallerCredential {
  /** The token of `authorization: Bearer …`, or null. */
  bearer: string | null;
  /** `x-api-key` or Azure's `api-key`, or null. */
  apiKey: string | null;
  /** The whole of an `authorization` that is no bearer token, as in "Basic …", or null. */
  otherScheme: string | null;
}

export interface Provider {
  readonly kind: "openai" | "anthropic" | "azure-openai" | "openai-compatible";
  /** Public address, or null where there is none to assume. */
  readonly publicUrl: string | null;
  /** Base URL and the caller's path ("/v1/…", with or without query) to the full address. */
  address(baseUrl: string, path: string): string;
  /** Puts a server-held key, or else the caller's own credential, into `headers` in the form this kind wants. */
  authorize(headers: Headers, serverKey: string | null, caller: CallerCredential, protocol: Protocol): void;
}

/** A provider this deployment knows: from variables, from the admin, or built in. */
export interface ConfiguredProvider {
  slug: string;
  provider: Provider;
  /** Without trailing slash and without "/v1", as `trimBaseUrl` leaves it. */
  baseUrl: string;
  serverKey: string | null;
  onAbort: "cancel" | "drain";
}
