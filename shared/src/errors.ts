// Owns the table of Anyray's own errors. Nothing else defines a code; the README lists exactly these.

export interface ErrorSpec {
  status: number;
  /** Whether the same request may succeed if sent again: becomes `x-should-retry`. */
  retry: boolean;
  /** `error.type` in OpenAI's protocol. */
  openaiType: string;
  /** `error.type` in Anthropic's protocol. */
  anthropicType: string;
  /** When it happens, for the README's table. */
  when: string;
}

export const errorTable = {
  invalid_json: {
    status: 400,
    retry: false,
    openaiType: "invalid_request_error",
    anthropicType: "invalid_request_error",
    when: "the body of an optimized or capped route is not a JSON object, or an admin request's is not JSON",
  },
  invalid_request: {
    status: 400,
    retry: false,
    openaiType: "invalid_request_error",
    anthropicType: "invalid_request_error",
    when: "an admin request names an unknown field or a value out of range (the message lists every fault), or the Host header names no host or more than one",
  },
  unauthorized: {
    status: 401,
    retry: false,
    openaiType: "authentication_error",
    anthropicType: "authentication_error",
    when: "an admin route without the admin token, or with a wrong one",
  },
  not_found: {
    status: 404,
    retry: false,
    openaiType: "invalid_request_error",
    anthropicType: "not_found_error",
    when: "no such route, or no such thing on an admin route",
  },
  body_too_large: {
    status: 413,
    retry: false,
    openaiType: "invalid_request_error",
    anthropicType: "request_too_large",
    when: "over `ANYRAY_MAX_BODY_BYTES`, compressed or inflated; an admin request over 1 MiB",
  },
  unsupported_encoding: {
    status: 415,
    retry: false,
    openaiType: "invalid_request_error",
    anthropicType: "invalid_request_error",
    when: "a request body with a `content-encoding` other than identity, gzip, deflate, br or zstd, or not what it says",
  },
  headers_too_large: {
    status: 431,
    retry: false,
    openaiType: "invalid_request_error",
    anthropicType: "invalid_request_error",
    when: "over `ANYRAY_MAX_HEADER_BYTES` of request line and headers",
  },
  unknown_provider: {
    status: 400,
    retry: false,
    openaiType: "invalid_request_error",
    anthropicType: "invalid_request_error",
    when: "a slug nobody configured; the message lists the known ones",
  },
  user_token_cap_exceeded: {
    status: 429,
    retry: false,
    openaiType: "insufficient_quota",
    anthropicType: "billing_error",
    when: "over the month's tokens",
  },
  upstream_unreachable: {
    status: 502,
    retry: true,
    openaiType: "api_error",
    anthropicType: "api_error",
    when: "no connection to the provider, TLS or DNS failure, or the connection was lost before or during the answer",
  },
  upstream_timeout: {
    status: 504,
    retry: true,
    openaiType: "api_error",
    anthropicType: "timeout_error",
    when: "no first byte from the provider in time, or a stream silent for longer than allowed",
  },
  draining: {
    status: 503,
    retry: true,
    openaiType: "api_error",
    anthropicType: "overloaded_error",
    when: "shutting down",
  },
  overloaded: {
    status: 503,
    retry: true,
    openaiType: "api_error",
    anthropicType: "overloaded_error",
    when: "more than `ANYRAY_MAX_CONCURRENCY` calls at once",
  },
  store_unavailable: {
    status: 503,
    retry: true,
    openaiType: "api_error",
    anthropicType: "api_error",
    when: "an admin request while the store does not answer; nothing was changed",
  },
  internal: {
    status: 500,
    retry: true,
    openaiType: "api_error",
    anthropicType: "api_error",
    when: "a fault of ours; details only in the log, under the request id",
  },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof errorTable;

/** An error with a place in the table. `message` is written for the caller and may name only what the caller sent. */
export class AnyrayError extends Error {
  readonly code: ErrorCode;
  /** Extra response headers, already validated. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.name = "AnyrayError";
    this.code = code;
    this.headers = headers;
  }

  get spec(): ErrorSpec {
    return errorTable[this.code];
  }
}
