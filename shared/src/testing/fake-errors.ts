// Owns how the fake provider refuses: error bodies in each protocol's shape, and the headers that both providers send
// with every answer.

import type { Answer, Json, Refusal } from "./fake-call";
import type { Directives } from "./fake-directives";
import { noTokens } from "./ledger";

export type Protocol = "openai" | "anthropic";

function openaiType(status: number): string {
  if (status >= 500) return "server_error";
  return status === 429 ? "requests" : "invalid_request_error";
}

const anthropicTypes: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error",
};

/** What the providers say where the request itself was in order. */
const told: Readonly<Record<Protocol, Readonly<Record<number, { message: string; code?: string }>>>> = {
  openai: {
    400: { message: "Invalid 'messages[0].role': unsupported value.", code: "invalid_value" },
    401: {
      message:
        "Incorrect API key provided: sk-fake***. You can find your API key at https://platform.openai.com/account/api-keys.",
      code: "invalid_api_key",
    },
    404: { message: "The model does not exist or you do not have access to it.", code: "model_not_found" },
    429: {
      message:
        "Rate limit reached for requests per min (RPM): Limit 500, Used 500, Requested 1. Please try again in 120ms.",
      code: "rate_limit_exceeded",
    },
    500: { message: "The server had an error while processing your request. Sorry about that!" },
    503: { message: "That model is currently overloaded with other requests." },
  },
  anthropic: {
    400: { message: "messages.0.role: Input should be 'user' or 'assistant'" },
    401: { message: "invalid x-api-key" },
    404: { message: "Not found" },
    429: { message: "This request would exceed your organization's rate limit of 50,000 input tokens per minute." },
    500: { message: "Internal server error" },
    529: { message: "Overloaded" },
  },
};

/** An error answer for a status that a directive asks for. */
export function errorAnswer(protocol: Protocol, status: number, fake: Directives, requestId: string): Answer {
  const { message, code } = told[protocol][status] ?? { message: `The request failed with status ${status}.` };
  return shape(protocol, { status, message, code: code ?? null, param: null }, fake, requestId);
}

/** An error answer for what is wrong with the request. */
export function refusalAnswer(protocol: Protocol, refusal: Refusal, fake: Directives, requestId: string): Answer {
  return shape(protocol, refusal, fake, requestId);
}

type Fault = Pick<Refusal, "status" | "message" | "code" | "param">;

function shape(protocol: Protocol, fault: Fault, fake: Directives, requestId: string): Answer {
  const { status, message, code, param } = fault;
  const body: Json =
    protocol === "openai"
      ? { error: { message, type: openaiType(status), param, code } }
      : { type: "error", error: { type: anthropicTypes[status] ?? "api_error", message }, request_id: requestId };
  return {
    status,
    contentType: "application/json",
    headers: retryHeaders(protocol, status, fake["retry-after"]),
    // OpenAI indents its errors.
    body: { plain: JSON.stringify(body, null, protocol === "openai" ? 4 : undefined) },
    tokens: noTokens,
  };
}

function retryHeaders(protocol: Protocol, status: number, retryAfter: number | undefined): [string, string][] {
  if (status !== 429 && status !== 503 && status !== 529) return [];
  const seconds = retryAfter ?? (status === 429 ? 1 : undefined);
  return [
    ...(seconds === undefined ? [] : ([["retry-after", String(seconds)]] as [string, string][])),
    ...(protocol === "anthropic" ? ([["x-should-retry", "true"]] as [string, string][]) : []),
  ];
}

/** The page a proxy in front of a provider answers with when the provider does not. */
export function htmlAnswer(status: number): Answer {
  const title = `${status === 502 ? "Bad gateway" : "Error"} | Error code ${status}`;
  const plain = `<!DOCTYPE html>\n<html lang="en-US">\n<head><title>${title}</title></head>\n<body>\n<h1>${title}</h1>\n<p>The web server reported an error.</p>\n</body>\n</html>\n`;
  return { status, contentType: "text/html; charset=UTF-8", headers: [], body: { plain }, tokens: noTokens };
}

/** What each provider sends with every answer. `fresh` lowers what is left of a limit. */
export function providerHeaders(protocol: Protocol, requestId: string, limited: boolean): [string, string][] {
  const left = limited ? "0" : "499";
  if (protocol === "anthropic") {
    return [
      ["anthropic-organization-id", "00000000-0000-4000-8000-000000000000"],
      ["anthropic-ratelimit-requests-limit", "500"],
      ["anthropic-ratelimit-requests-remaining", left],
      ["anthropic-ratelimit-requests-reset", "2026-11-15T12:00:01Z"],
      ["anthropic-ratelimit-input-tokens-limit", "50000"],
      ["anthropic-ratelimit-input-tokens-remaining", limited ? "0" : "49000"],
      ["anthropic-ratelimit-input-tokens-reset", "2026-11-15T12:00:01Z"],
      ["request-id", requestId],
      ["strict-transport-security", "max-age=31536000; includeSubDomains; preload"],
      ["server", "cloudflare"],
      ["cf-cache-status", "DYNAMIC"],
    ];
  }
  return [
    ["access-control-expose-headers", "X-Request-ID"],
    ["openai-organization", "org-fake"],
    ["openai-processing-ms", "12"],
    ["openai-version", "2020-10-01"],
    ["x-ratelimit-limit-requests", "500"],
    ["x-ratelimit-limit-tokens", "200000"],
    ["x-ratelimit-remaining-requests", left],
    ["x-ratelimit-remaining-tokens", limited ? "0" : "199000"],
    ["x-ratelimit-reset-requests", "120ms"],
    ["x-ratelimit-reset-tokens", "6ms"],
    ["x-request-id", requestId],
    // Two of a name: they must arrive as two.
    ["set-cookie", "__cf_bm=fake-1; path=/; HttpOnly; Secure; SameSite=None"],
    ["set-cookie", "_cfuvid=fake-2; path=/; HttpOnly; Secure; SameSite=None"],
    ["strict-transport-security", "max-age=31536000; includeSubDomains; preload"],
    ["x-content-type-options", "nosniff"],
    ["server", "cloudflare"],
    ["cf-cache-status", "DYNAMIC"],
  ];
}
