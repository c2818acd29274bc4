// Owns the requests the bench sends, as parts for a client and as bytes for a raw socket.

import { askHeader, writeAsk } from "./answers";
import type { RequestSpec } from "./protocol";

export interface RequestParts {
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** `nth` picks the user where there are several. */
export function requestParts(spec: RequestSpec, nth = 0): RequestParts {
  const user = spec.users > 1 ? `${spec.user}-${nth % spec.users}` : spec.user;
  return {
    path: spec.endpoint === "chat" ? "/v1/chat/completions" : "/v1/embeddings",
    headers: {
      "content-type": "application/json",
      authorization: "Bearer the-key-of-a-caller",
      "x-anyray-metadata": JSON.stringify({ user, team: "bench" }),
      ...(spec.ask ? { [askHeader]: writeAsk(spec.ask) } : {}),
    },
    body: bodyOf(spec),
  };
}

function bodyOf({ endpoint, bodyBytes, ask }: RequestSpec): string {
  const compose = (text: string) =>
    JSON.stringify(
      endpoint === "embeddings"
        ? { model: "text-embedding-3-small", input: [text] }
        : {
            model: "gpt-5-mini",
            ...(ask?.events ? { stream: true, stream_options: { include_usage: true } } : {}),
            messages: [
              { role: "system", content: "You are a helpful assistant." },
              { role: "user", content: text },
            ],
          },
    );
  const empty = compose("").length;
  return compose("the quick brown fox ".repeat(bodyBytes / 20 + 1).slice(0, Math.max(1, bodyBytes - empty)));
}

/** At most so many are held ready; a crowd larger than that is met by every so-manieth of it. */
const variantsMax = 1_000;

/** Every request of the spec as the bytes of an HTTP/1.1 message, in an order that is the same each time. */
export function requestBytes(spec: RequestSpec, port: number): Buffer[] {
  const variants = Math.min(spec.users, variantsMax);
  const step = spec.users / variants;
  return Array.from({ length: variants }, (_, at) => {
    const { path, headers, body } = requestParts(spec, Math.floor(at * step));
    const lines = Object.entries({ host: `127.0.0.1:${port}`, ...headers, "content-length": String(body.length) });
    return Buffer.from(
      `POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`,
    );
  });
}
