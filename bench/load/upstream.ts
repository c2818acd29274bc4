// The upstream's process: canned answers over HTTP/1.1 with and without TLS, on raw sockets, so that it costs a
// fraction of what any proxy does; and over HTTP/2 by Bun's own server. Counts what it gave, which is what rows of
// the gateway are held against.

import { makeCertificate } from "@anyray/shared/testing/self-signed";
import type { Socket } from "bun";
import {
  type Ask,
  embeddingBody,
  eventTemplate,
  jsonAnswer,
  jsonBody,
  readAsk,
  stampEvent,
  streamEnd,
  streamHead,
} from "./answers";
import { sharedNanoseconds } from "./clock";
import { serveHttp2 } from "./http2-upstream";
import { pace } from "./pace";
import type { UpstreamCounts, UpstreamReady } from "./protocol";
import { createRequestParser, type RequestHead } from "./request-parser";

interface Connection {
  parse(bytes: Buffer): void;
  /** Bytes that the socket did not take yet. */
  waiting: Buffer[];
  /** Goes on with a stream that is sent as fast as it is taken. */
  resume: (() => void) | null;
  endStream: (() => void) | null;
}

const counts: UpstreamCounts = { requests: 0, finished: 0, events: 0, bytes: 0, open: 0 };
const completion = jsonAnswer(jsonBody);
const embedding = jsonAnswer(embeddingBody);

function send(socket: Socket<Connection>, bytes: Buffer): boolean {
  const { waiting } = socket.data;
  if (waiting.length > 0) {
    waiting.push(bytes);
    return false;
  }
  const taken = Math.max(0, socket.write(bytes));
  counts.bytes += taken;
  if (taken === bytes.length) return true;
  waiting.push(bytes.subarray(taken));
  return false;
}

function drain(socket: Socket<Connection>): void {
  const { waiting } = socket.data;
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const taken = Math.max(0, socket.write(next));
    counts.bytes += taken;
    if (taken === next.length) continue;
    waiting.unshift(next.subarray(taken));
    return;
  }
  socket.data.resume?.();
}

function answer(socket: Socket<Connection>, { isEmbedding, ask }: RequestHead): void {
  counts.requests += 1;
  // Most requests ask for nothing special: they are not to pay for the reading.
  const wanted = ask === "" ? null : readAsk(ask);
  if (wanted && wanted.events > 0) {
    stream(socket, wanted);
    return;
  }
  counts.finished += 1;
  send(socket, isEmbedding ? embedding : completion);
}

function stream(socket: Socket<Connection>, ask: Required<Ask>): void {
  const makeEvent = () => (ask.isStill ? eventTemplate : stampEvent(sharedNanoseconds()));
  let sent = 0;
  const next = (): boolean => {
    const event = makeEvent();
    sent += 1;
    counts.events += 1;
    // The first event and the head are one packet, as they are where a model's first token ends the wait.
    const isTaken = send(socket, sent === 1 ? Buffer.concat([streamHead, event]) : event);
    if (sent === ask.events) {
      counts.finished += 1;
      send(socket, streamEnd);
    }
    return isTaken;
  };
  next();
  if (ask.isHeld || sent === ask.events) return;
  if (ask.gapMs > 0) {
    socket.data.endStream = pace(ask.gapMs, () => {
      next();
      return sent < ask.events;
    });
    return;
  }
  const rush = () => {
    while (sent < ask.events) if (!next()) return;
    socket.data.resume = null;
  };
  socket.data.resume = rush;
  rush();
}

const socketHandlers = {
  open(socket: Socket<Connection>) {
    counts.open += 1;
    const parse = createRequestParser((head) => answer(socket, head));
    socket.data = { parse, waiting: [], resume: null, endStream: null };
    socket.setNoDelay(true);
  },
  data: (socket: Socket<Connection>, bytes: Buffer) => socket.data.parse(bytes),
  drain,
  close(socket: Socket<Connection>) {
    counts.open -= 1;
    socket.data.resume = null;
    socket.data.endStream?.();
  },
  error() {},
};

const { cert, key } = makeCertificate();
const hostname = "127.0.0.1";
const plain = Bun.listen<Connection>({ hostname, port: 0, socket: socketHandlers });
const tls = Bun.listen<Connection>({ hostname, port: 0, tls: { cert, key }, socket: socketHandlers });
const http2 = serveHttp2({ cert, key }, counts);

process.on("message", () => process.send?.({ ...counts }));
process.on("disconnect", () => process.exit(0));
const ready: UpstreamReady = { port: plain.port, tlsPort: tls.port, http2Port: http2.port ?? 0, cert };
process.send?.(ready);
