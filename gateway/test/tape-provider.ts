// Owns a provider that plays back: the answer is what the test says, byte for byte, in the pieces the request asks
// for, each in a write of its own. Knows no protocol.

import { type Exchange, type HttpListener, listenHttp } from "@anyray/shared/testing/fake-http";
import { type HttpRequest, headerOf } from "@anyray/shared/testing/request-reader";

export interface Tape {
  status: number;
  headers: readonly (readonly [name: string, value: string])[];
  /** Each is a write and, unless `length` is stated in the headers, a chunk of its own. */
  pieces: readonly Uint8Array[];
  /** Between two pieces; else just long enough for the first to be read before the second is written. */
  gapMs?: number;
  /**
   * The connection breaks where the pieces end, in the middle of a chunk, once this resolves: when the caller has what
   * came before. (The runtime's client forgets what arrives in the same moment as the end of its connection.)
   */
  cutWhen?: Promise<unknown>;
}

export interface TapeProvider {
  url: string;
  /** What was asked, oldest first, exactly as it came. */
  received: HttpRequest[];
  stop(): void;
}

/** Answers every request with what `tapeFor` gives. */
export function startTapeProvider(tapeFor: (request: HttpRequest) => Tape): TapeProvider {
  const received: HttpRequest[] = [];
  const listener: HttpListener = listenHttp({
    hostname: "127.0.0.1",
    port: 0,
    onRequest(exchange) {
      received.push(exchange.request);
      void play(exchange, tapeFor(exchange.request));
    },
  });
  return { url: `http://127.0.0.1:${listener.port}`, received, stop: listener.stop };
}

async function play(exchange: Exchange, { status, headers, pieces, gapMs = 1, cutWhen }: Tape): Promise<void> {
  const hasLength = headers.some(([name]) => name === "content-length");
  const lines = [...headers, ...(hasLength ? [] : [["transfer-encoding", "chunked"] as const])];
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  exchange.write(Buffer.from(`HTTP/1.1 ${status} Played\r\n${head}\r\n`, "latin1"));
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await exchange.pause(gapMs);
    if (hasLength) exchange.write(piece);
    else {
      exchange.write(`${piece.length.toString(16)}\r\n`);
      exchange.write(piece);
      exchange.write("\r\n");
    }
    exchange.flush();
  }
  if (cutWhen) {
    await cutWhen;
    exchange.write("ff\r\n");
    exchange.flush();
    exchange.cut();
    return;
  }
  if (!hasLength) exchange.write("0\r\n\r\n");
  exchange.flush();
  exchange.finish();
}

/** The places named by a request's `x-cuts` ("17,40") applied to `body`. */
export function cutAsAsked(request: HttpRequest, body: Uint8Array): Uint8Array[] {
  const places = (headerOf(request, "x-cuts") ?? "").split(",").filter(Boolean).map(Number);
  return [...places, body.length].map((end, index) => body.subarray(places[index - 1] ?? 0, end));
}
