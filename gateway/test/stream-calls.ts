// Owns the three streamed APIs as the tests of the relay call them: by raw bytes, named so that the provider's ledger
// and the gateway's row are found again.

import { connectRaw, type RawAnswer, rawRequest } from "./raw-http";

export interface StreamedApi {
  name: "chat" | "responses" | "messages";
  path: string;
  body: Record<string, unknown>;
  /** The protocol's event for an answer that breaks off, by the code it carries. */
  errorEvent: Record<"upstream_unreachable" | "upstream_timeout", RegExp>;
}

const messages = [{ role: "user", content: "How many rivers are there?" }];

const words = "The provider \\w+ (closed the connection|fell silent) in the middle of its answer\\.";
const openaiError = (code: string) =>
  new RegExp(`^data: \\{"error":\\{"message":"${words}","type":"api_error","param":null,"code":"${code}"\\}\\}\n\n$`);
const responsesError = (code: string) =>
  new RegExp(
    `^event: error\ndata: \\{"type":"error","code":"${code}","message":"${words}","param":null,[^\n]*\\}\n\n$`,
  );
const anthropicError = (type: string) =>
  new RegExp(
    `^event: error\ndata: \\{"type":"error","error":\\{"type":"${type}","message":"${words}"\\},"request_id":"[0-9a-f-]{36}"\\}\n\n$`,
  );

export const streamedApis: readonly StreamedApi[] = [
  {
    name: "chat",
    path: "/v1/chat/completions",
    body: { model: "gpt-4o-mini", messages, stream: true, stream_options: { include_usage: true } },
    errorEvent: {
      upstream_unreachable: openaiError("upstream_unreachable"),
      upstream_timeout: openaiError("upstream_timeout"),
    },
  },
  {
    name: "responses",
    path: "/v1/responses",
    body: { model: "gpt-4o", input: "How many rivers are there?", stream: true },
    errorEvent: {
      upstream_unreachable: responsesError("upstream_unreachable"),
      upstream_timeout: responsesError("upstream_timeout"),
    },
  },
  {
    name: "messages",
    path: "/v1/messages",
    body: { model: "claude-haiku-4-5", max_tokens: 4_000, messages, stream: true },
    errorEvent: {
      upstream_unreachable: anthropicError("api_error"),
      upstream_timeout: anthropicError("timeout_error"),
    },
  },
];

/** A call's bytes: `callId` is what the ledger knows it by, and the row's session. */
export function callBytes(
  { path, body }: Pick<StreamedApi, "path" | "body">,
  callId: string,
  fake: string,
  headers: readonly (readonly [name: string, value: string])[] = [],
): Uint8Array {
  return rawRequest(
    "POST",
    path,
    [
      ["content-type", "application/json"],
      ["anthropic-version", "2023-06-01"],
      ["authorization", "Bearer sk-caller"],
      ["x-call-id", callId],
      ["x-anyray-metadata", JSON.stringify({ session: callId })],
      ...(fake ? [["x-fake", fake] as const] : []),
      ...headers,
    ],
    JSON.stringify(body),
  );
}

/** One call on a connection of its own. */
export async function callOnce(url: string, ...call: Parameters<typeof callBytes>): Promise<RawAnswer> {
  const client = await connectRaw(url);
  try {
    return await client.ask(callBytes(...call));
  } finally {
    client.close();
  }
}

/** The events of a stream with LF line ends, each with the empty line that ends it. */
export function eventsOf(text: string): string[] {
  return text.split(/(?<=\n\n)/);
}
