// Owns reading usage and model out of a whole JSON answer.

import type { AnswerFacts, Endpoint } from "./endpoints/endpoint";
import { isObject } from "./endpoints/fields";
import { nestingIsDeep } from "./request/json";

const nothing: AnswerFacts = { usage: null, model: null };
const decoder = new TextDecoder();

/** Never throws: an answer that is not JSON tells nothing, and goes to the caller all the same. */
export function readAnswerFacts(endpoint: Endpoint, body: Uint8Array): AnswerFacts {
  if (endpoint.metering === "never" || nestingIsDeep(body)) return nothing;
  try {
    const json: unknown = JSON.parse(decoder.decode(body));
    return isObject(json) ? endpoint.readAnswer(json, null) : nothing;
  } catch {
    return nothing;
  }
}
