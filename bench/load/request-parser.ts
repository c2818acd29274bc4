// Owns reading HTTP/1.1 requests off a socket as far as the bench's upstream needs: the head's few telling bytes, and
// how long the body is. Refuses chunked bodies: no arm sends any, and one that did would be measured wrongly.

import { askHeader } from "./answers";

export interface RequestHead {
  isEmbedding: boolean;
  /** The value of the ask header; empty when absent. */
  ask: string;
}

const headEnd = Buffer.from("\r\n\r\n");
const bodyLength = /\r\ncontent-length: *(\d+)/i;
const asked = new RegExp(`\\r\\n${askHeader}: *([^\\r]*)`, "i");
const chunked = /\r\ntransfer-encoding:/i;

/** Calls `onRequest` when a request is there to its last byte. The returned function takes what the socket gives. */
export function createRequestParser(onRequest: (head: RequestHead) => void): (bytes: Buffer) => void {
  let partialHead: Buffer | null = null;
  let current: RequestHead | null = null;
  let bodyBytesLeft = 0;

  const readHead = (bytes: Buffer): Buffer | null => {
    const from = partialHead ? Buffer.concat([partialHead, bytes]) : bytes;
    const end = from.indexOf(headEnd);
    if (end < 0) {
      partialHead = Buffer.from(from);
      return null;
    }
    partialHead = null;
    const head = from.toString("latin1", 0, end);
    if (chunked.test(head)) throw new Error("a chunked request reached the upstream");
    bodyBytesLeft = Number(bodyLength.exec(head)?.[1] ?? 0);
    current = { isEmbedding: head.startsWith("POST /v1/embeddings"), ask: asked.exec(head)?.[1] ?? "" };
    return from.subarray(end + headEnd.length);
  };

  return (bytes) => {
    let rest: Buffer | null = bytes;
    while (rest && (rest.length > 0 || current)) {
      if (!current) rest = readHead(rest);
      if (!current || !rest) return;
      const taken = Math.min(bodyBytesLeft, rest.length);
      bodyBytesLeft -= taken;
      if (bodyBytesLeft > 0) return;
      rest = rest.subarray(taken);
      const request: RequestHead = current;
      current = null;
      onRequest(request);
    }
  };
}
