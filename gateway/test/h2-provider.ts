// Owns a provider that speaks HTTP/2 over TLS and can misbehave as only HTTP/2 can: it takes connections back, resets
// single streams, and counts what it is sent over which connection. Knows one route, chat completions.

import http2, { type Http2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { type Certificate, makeCertificate } from "@anyray/shared/testing/self-signed";

export interface H2Call {
  id: string;
  /** "h2" or "http/1.1". */
  protocol: string;
  bodyBytes: number;
  end: "running" | "complete" | "reset";
}

export interface H2Provider {
  url: string;
  cert: string;
  calls: Map<string, H2Call>;
  /** Calls by an id that was already there. */
  repeated: string[];
  /** Connections opened so far. */
  connections(): number;
  /** Takes every open connection back: what runs on it may end, nothing new may begin. */
  goAway(): void;
  /** Breaks every connection. */
  breakAll(): void;
  stop(): void;
}

/** What the header `x-h2` asks for, as "events=20,gap=5". */
interface Wish {
  /** Events of a stream. */
  events: number;
  /** Milliseconds between events, and before a plain answer. */
  gap: number;
  /** Bytes of text in an event. */
  bytes: number;
  /** Resets the stream instead of answering. */
  reset: number;
}

interface Answering {
  /** Resolves when more may be written: what nobody takes is not heaped up. */
  write(text: string): Promise<void>;
  end(text: string): void;
  isOver(): boolean;
}

export async function startH2Provider(): Promise<H2Provider> {
  const certificate: Certificate = makeCertificate();
  const calls = new Map<string, H2Call>();
  const repeated: string[] = [];
  const sessions = new Set<Http2Session>();
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = http2.createSecureServer({ ...certificate, allowHTTP1: true });
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
    session.on("error", () => {});
  });
  server.on("secureConnection", (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });

  const begin = (id: string, protocol: string): H2Call => {
    if (calls.has(id)) repeated.push(id);
    const call: H2Call = { id, protocol, bodyBytes: 0, end: "running" };
    calls.set(id, call);
    return call;
  };
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    const call = begin(String(headers["x-call-id"]), "h2");
    const wish = readWish(String(headers["x-h2"] ?? ""));
    stream.on("error", () => {});
    stream.on("close", () => {
      if (call.end === "running") call.end = "reset";
    });
    collect(stream, call, (isStream) => {
      if (wish.reset > 0) return void stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
      stream.respond({ ":status": 200, "content-type": isStream ? "text/event-stream" : "application/json" });
      void answer(call, wish, isStream, {
        write: (text) => writeTo(stream, text),
        end: (text) => void stream.end(text),
        isOver: () => stream.destroyed || stream.closed,
      });
    });
  });
  server.on("request", (request, response) => {
    if (request.httpVersion === "2.0") return;
    const call = begin(String(request.headers["x-call-id"]), "http/1.1");
    collect(request, call, (isStream) => {
      response.writeHead(200, { "content-type": isStream ? "text/event-stream" : "application/json" });
      void answer(call, readWish(String(request.headers["x-h2"] ?? "")), isStream, {
        write: (text) => writeTo(response, text),
        end: (text) => void response.end(text),
        isOver: () => false,
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const breakAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cert: certificate.cert,
    calls,
    repeated,
    connections: () => connections,
    goAway() {
      for (const session of sessions) session.close();
    },
    breakAll,
    stop() {
      breakAll();
      server.close();
    },
  };
}

function writeTo(stream: NodeJS.WritableStream, text: string): Promise<void> {
  if (stream.write(text)) return Promise.resolve();
  return new Promise((resolve) => {
    const goOn = () => {
      stream.off("drain", goOn);
      stream.off("close", goOn);
      resolve();
    };
    stream.on("drain", goOn);
    stream.on("close", goOn);
  });
}

function readWish(text: string): Wish {
  const wish: Wish = { events: 5, gap: 0, bytes: 10, reset: 0 };
  for (const [, name, value] of text.matchAll(/(\w+)=(\d+)/g)) Object.assign(wish, { [name ?? ""]: Number(value) });
  return wish;
}

interface Incoming {
  on(event: "data" | "end", listener: (part: Buffer) => void): unknown;
}

function collect(body: Incoming, call: H2Call, then: (isStream: boolean) => void): void {
  const parts: Buffer[] = [];
  body.on("data", (part: Buffer) => {
    parts.push(part);
    call.bodyBytes += part.length;
  });
  body.on("end", () => then(Buffer.concat(parts).includes('"stream":true')));
}

const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };

async function answer(call: H2Call, wish: Wish, isStream: boolean, to: Answering): Promise<void> {
  const { id } = call;
  if (!isStream) {
    if (wish.gap > 0) await Bun.sleep(wish.gap);
    call.end = "complete";
    return to.end(JSON.stringify({ id, object: "chat.completion", model: "gpt-4o", choices: [], usage }));
  }
  for (let nth = 0; nth < wish.events; nth++) {
    if (nth > 0 && wish.gap > 0) await Bun.sleep(wish.gap);
    if (to.isOver()) return;
    const content = `${nth} `.padEnd(wish.bytes, "x");
    await to.write(`data: ${JSON.stringify({ id, choices: [{ delta: { content } }], usage: null })}\n\n`);
  }
  call.end = "complete";
  to.end(`data: ${JSON.stringify({ id, choices: [], usage })}\n\ndata: [DONE]\n\n`);
}
