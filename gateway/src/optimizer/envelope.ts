// Owns the question as it goes over the wire: the caller's request in it byte for byte.

import type { Capabilities, RequestMetadata } from "@anyray/shared/protocol";
import type { Call } from "../call";
import { objectIn } from "../request/json";
import { joinBytes } from "../sse";

type Bytes = Uint8Array<ArrayBuffer>;

const close = Buffer.from("}");

export interface Envelope {
  bytes: Bytes;
  /** The request as it stands in the envelope: the body without what stands around its object. */
  request: Bytes;
}

/** @param body the request as JSON text that is known to be an object */
export function makeEnvelope(call: Call, body: Bytes, capabilities: Capabilities): Envelope {
  const request = objectIn(body);
  const facts = {
    endpoint: call.endpoint.path,
    metadata: metadataOf(call),
    capabilities: { ...capabilities, canRetrieve: call.canRetrieve },
  };
  const head = Buffer.from(`${JSON.stringify(facts).slice(0, -1)},"request":`);
  return { bytes: joinBytes([head, request, close]), request };
}

function metadataOf({ identity }: Call): RequestMetadata {
  const { user, team, session, tool, labels } = identity;
  // Last, so that no label can stand for a name.
  return { ...labels, user, team, sessionId: session, ...(tool === null ? {} : { tool }) };
}
