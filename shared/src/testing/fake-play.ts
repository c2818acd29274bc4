// Owns the sending of an answer: when each byte leaves and how the connection ends, and what was really handed over.
// Refuses to state as served what the socket has not taken.

import type { Answer, Json } from "./fake-call";
import type { Directives } from "./fake-directives";
import type { Exchange } from "./fake-http";
import {
  compressPieces,
  halfOf,
  type Piece,
  renderEvents,
  renderPlain,
  splitOnce,
  splitPieces,
  stopOf,
  stopPieces,
} from "./fake-pieces";
import type { LedgerEnd } from "./ledger";

/** How far an answer got. */
export interface Served {
  /** 0 until the status line is handed over. */
  status: number;
  /** Something of the body was handed over. */
  begun: boolean;
  /** Output tokens of the events handed over. */
  output: number;
  usage: Json | null;
  usageFinal: boolean;
  failed: boolean;
}

/** How long a reset waits, for what was sent before it to be read: on arrival it may discard what is not. */
const resetDelayMs = 30;

/**
 * Plays an answer to its end, as told by the directives. `settle` is called exactly once, at the moment the end is
 * known; a connection that was left silent stays open beyond it.
 */
export async function playAnswer(
  exchange: Exchange,
  answer: Answer,
  fake: Directives,
  settle: (end: LedgerEnd, served: Served) => void,
): Promise<void> {
  const served: Served = { status: 0, begun: false, output: 0, usage: null, usageFinal: false, failed: false };
  let settled = false;
  const end = (how: LedgerEnd) => {
    if (settled) return;
    settled = true;
    settle(how, served);
  };
  const handed = Promise.withResolvers<void>();
  exchange.onGone = (stopped) => {
    end(stopped ? "cut" : "client_left");
    handed.resolve();
  };
  // It may have left while the answer was decided.
  if (exchange.gone) return end("client_left");
  if (fake.hang) return end("silent");
  if (fake.delay) await exchange.pause(fake.delay);
  if (exchange.gone) return;
  if (fake["cut-before-headers"]) {
    end("cut");
    return breakConnection(exchange, fake);
  }
  // What was recorded of a broken connection breaks again, behind its last byte.
  const stop = stopOf(fake) ?? (answer.recorded?.broken ? { stop: "cut" } : undefined);
  const body = await piecesOf(answer, fake);
  body.empty = exchange.request.method === "HEAD" || answer.status === 204;
  exchange.write(headOf(exchange, answer, body, fake), () => {
    served.status = answer.status;
  });
  if (fake.ttfb) {
    exchange.flush();
    await exchange.pause(fake.ttfb);
  }
  await sendPieces(exchange, body, fake, served);
  if (exchange.gone) return;
  if (stop?.stop === "silent") {
    exchange.write("", () => end("silent"));
    return exchange.flush();
  }
  if (stop?.stop === "cut") {
    // A slow reader gets everything up to the break.
    exchange.write("", handed.resolve);
    exchange.flush();
    await handed.promise;
    end("cut");
    return breakConnection(exchange, fake);
  }
  exchange.write(body.chunked && !body.empty ? "0\r\n\r\n" : "", () => {
    const broken = stop?.stop === "fin" && !body.whole;
    end(served.failed || answer.status >= 400 ? "error" : broken ? "cut" : "complete");
    exchange.finish({ close: fake.close === true, dropNext: fake.stale === true });
  });
  exchange.flush();
}

interface Body {
  pieces: Iterable<Piece>;
  /** Else the length is stated. */
  chunked: boolean;
  bytes: number | undefined;
  /** By its method or status the answer has no body, whatever its headers say. */
  empty: boolean;
  /** Every piece was taken; known at the end. */
  whole: boolean;
}

async function piecesOf(answer: Answer, fake: Directives): Promise<Body> {
  const stop = stopOf(fake);
  const plain = "plain" in answer.body ? renderPlain(answer.body.plain, answer.body.mark, fake) : undefined;
  const whole = "events" in answer.body ? renderEvents(answer.body.events, fake) : plain ? [plain] : [];
  const encoded = fake.encoding ? await compressPieces(whole, fake.encoding) : whole;
  const body: Body = { pieces: encoded, chunked: true, bytes: undefined, empty: false, whole: true };
  if (plain) {
    const joined = joinPieces(encoded);
    body.bytes = joined.bytes.length;
    const inPieces = fake.split !== undefined || fake["split-at"] !== undefined;
    body.chunked = stop?.stop === "fin" || inPieces || answer.recorded?.chunked === true;
    body.pieces = stop ? [stop.stop === "fin" ? withoutPromise(halfOf(joined)) : halfOf(joined)] : [joined];
    body.whole = !stop;
  } else if (stop) {
    body.pieces = noteWhole(encoded, body, stop);
  }
  if (fake.split !== undefined) body.pieces = splitPieces(body.pieces, fake.split);
  else if (fake["split-at"] !== undefined) body.pieces = splitOnce(body.pieces, fake["split-at"]);
  return body;
}

/** A clean end promises no byte that does not come. */
function withoutPromise({ promisedBytes: _, ...piece }: Piece): Piece {
  return piece;
}

/** The pieces up to the stop; whether those were all is noted in passing. */
function* noteWhole(pieces: Iterable<Piece>, body: Body, { stop, after }: NonNullable<ReturnType<typeof stopOf>>) {
  let count = 0;
  const counted = (function* () {
    for (const piece of pieces) {
      if (count++ >= after) body.whole = false;
      yield piece;
    }
  })();
  yield* stopPieces(counted, stop, after);
}

function joinPieces(pieces: Iterable<Piece>): Piece {
  const all = [...pieces];
  const [first] = all;
  if (all.length === 1 && first) return first;
  return { bytes: Buffer.concat(all.map((piece) => piece.bytes)), marks: all.flatMap((piece) => piece.marks) };
}

async function sendPieces(exchange: Exchange, body: Body, fake: Directives, served: Served): Promise<void> {
  if (body.empty) return;
  const paced = fake.split !== undefined || fake["split-at"] !== undefined || (fake.gap ?? 0) > 0;
  let pauseMs: number | undefined;
  for (const piece of body.pieces) {
    if (pauseMs !== undefined) await exchange.pause(pauseMs);
    if (exchange.gone) return;
    sendPiece(exchange, piece, body.chunked, served);
    if (!paced) continue;
    exchange.flush();
    // The gap is between events; pieces of one event only leave one by one.
    pauseMs = piece.marks.length > 0 ? (fake.gap ?? 0) : fake["split-at"] === undefined ? 0 : 1;
  }
}

function sendPiece(exchange: Exchange, { bytes, marks, promisedBytes }: Piece, chunked: boolean, served: Served): void {
  if (chunked && (promisedBytes ?? bytes.length) > 0)
    exchange.write(`${(promisedBytes ?? bytes.length).toString(16)}\r\n`);
  exchange.write(bytes, () => {
    served.begun = true;
    for (const { output, usage, final, error } of marks) {
      if (output !== undefined) served.output = Math.max(served.output, output);
      if (usage) served.usage = { ...served.usage, ...usage };
      if (final) served.usageFinal = true;
      if (error) served.failed = true;
    }
  });
  if (chunked && promisedBytes === undefined && bytes.length > 0) exchange.write("\r\n");
}

async function breakConnection(exchange: Exchange, fake: Directives): Promise<void> {
  if (!fake.rst) return exchange.cut();
  await exchange.pause(resetDelayMs);
  exchange.reset();
}

const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  204: "No Content",
  307: "Temporary Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  413: "Payload Too Large",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

const hopHeaders = [
  "x-fake-hop: 1",
  "Keep-Alive: timeout=75",
  "Proxy-Authenticate: Basic",
  "Proxy-Connection: keep-alive",
];

let date = { second: 0, text: "" };

function dateText(): string {
  const second = Math.floor(Date.now() / 1_000);
  if (second !== date.second) date = { second, text: new Date(second * 1_000).toUTCString() };
  return date.text;
}

function headOf(exchange: Exchange, answer: Answer, body: Body, fake: Directives): string {
  const { status, contentType, headers } = answer;
  const closes = fake.close === true || exchange.request.lastOnConnection;
  const lines = [
    `HTTP/1.1 ${status} ${reasons[status] ?? ""}`,
    `Date: ${dateText()}`,
    ...(contentType === null ? [] : [`Content-Type: ${contentType}`]),
    ...(status === 204 ? [] : [body.chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${body.bytes ?? 0}`]),
    `Connection: ${closes ? "close" : "keep-alive"}${fake["hop-headers"] ? ", x-fake-hop" : ""}`,
    ...(fake["hop-headers"] ? hopHeaders : []),
    ...(fake.header ? [`${fake.header.name}: ${fake.header.value}`] : []),
    ...(fake.encoding && status !== 204 ? [`Content-Encoding: ${fake.encoding}`] : []),
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}
