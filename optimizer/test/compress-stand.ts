// Owns asking the strategy of compression about one text: as a tool's result in a conversation of any API.

import { contextCompression } from "../src/strategies/context_compression";
import { writeRequest } from "./agent-steps";
import { type Endpoint, runStrategy, type StandOptions } from "./run-stand";

export const asked = "Is there anything unusual in it?";

export interface Asking {
  endpoint?: Endpoint;
  question?: string;
  /** The tool's result is the last there is. */
  isFresh?: boolean;
}

function requestWith(
  content: string,
  { endpoint = "/v1/messages", question = asked, isFresh = false }: Asking,
): string {
  const steps = [{ user: question }, { calls: [{ tool: "look", args: { what: "it" }, result: content }] }];
  const later = isFresh ? [] : [{ say: "I have it." }, { user: question }];
  return writeRequest(endpoint, [...steps, ...later], { more: { unknown_field: { kept: [1, 2, 3] } } });
}

/** `text` is what became of the content; one turn later, unless `isFresh`. */
export function compress(content: string, options: Partial<StandOptions> & Asking = {}) {
  const { endpoint = "/v1/messages", question, isFresh, ...more } = options;
  const source = requestWith(content, { endpoint, ...(question ? { question } : {}), ...(isFresh ? { isFresh } : {}) });
  const stood = runStrategy(contextCompression, source, { endpoint, ...more });
  const segment = stood.draft.segments.find(({ kind }) => kind === "tool_result");
  return { ...stood, source, text: segment?.text ?? "" };
}
