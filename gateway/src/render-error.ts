// The one error renderer: every error of ours, in the words of the protocol its caller speaks.

import { AnyrayError } from "@anyray/shared/errors";
import { CallerLeft } from "./call";
import type { Protocol } from "./endpoints/endpoint";

/** What is not ours to explain becomes a hidden `internal`; the caller gets an id, the log gets the cause. */
export function asAnyrayError(error: unknown, requestId: string): AnyrayError {
  if (error instanceof AnyrayError) return error;
  const hidden = new AnyrayError("internal", `Something went wrong in the gateway. The log has it under ${requestId}.`);
  hidden.cause = error;
  return hidden;
}

export function renderError(error: unknown, protocol: Protocol, requestId: string): Response {
  // Nobody reads it; 499 is what logs of other servers call the same thing.
  if (error instanceof CallerLeft) return new Response(null, { status: 499 });
  const { code, message, spec, headers } = asAnyrayError(error, requestId);
  const body =
    protocol === "anthropic"
      ? { type: "error", error: { type: spec.anthropicType, message }, request_id: requestId }
      : { error: { message, type: spec.openaiType, param: null, code } };
  return Response.json(body, {
    status: spec.status,
    headers: {
      ...headers,
      "x-should-retry": String(spec.retry),
      "x-anyray-error": code,
      "x-anyray-request-id": requestId,
      // Where each vendor's SDK looks for an id to show.
      ...(protocol === "anthropic" ? { "request-id": requestId } : { "x-request-id": requestId }),
    },
  });
}
