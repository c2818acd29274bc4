// What generators and upstream read off their sockets, wherever the bytes happen to be cut.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createAnswerReader } from "./answer-reader";
import { eventTemplate, jsonAnswer, jsonBody, readAsk, stampEvent, streamEnd, streamHead, writeAsk } from "./answers";
import { createRequestParser } from "./request-parser";
import { createStampReader } from "./stamp-reader";

/** Cuts bytes at the given places and hands them on piece by piece. */
function inPieces(bytes: Buffer, cuts: readonly number[], take: (piece: Buffer) => void): void {
  const places = [0, ...cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b), bytes.length];
  for (let at = 1; at < places.length; at += 1) take(bytes.subarray(places[at - 1]!, places[at]!));
}

const cuts = fc.array(fc.nat(100_000), { maxLength: 12 });

describe("wherever the bytes are cut", () => {
  test("answers come back whole, and every timestamp is found", () => {
    const sentAt = [1, 22_222, 1_795_294_618_339];
    const events = sentAt.map(stampEvent);
    const bytes = Buffer.concat([jsonAnswer(jsonBody), streamHead, ...events, streamEnd, jsonAnswer("{}")]);
    fc.assert(
      fc.property(cuts, (places) => {
        const bodies: string[] = [];
        const stamps: number[] = [];
        let body = "";
        const readStamps = createStampReader((stamp) => stamps.push(stamp));
        const read = createAnswerReader({
          body(piece) {
            body += piece.toString();
            readStamps(piece);
          },
          end(status) {
            expect(status).toBe(200);
            bodies.push(body);
            body = "";
          },
        });
        inPieces(bytes, places, read);
        expect(bodies).toHaveLength(3);
        expect([bodies[0], bodies[2]]).toEqual([jsonBody, "{}"]);
        expect(bodies[1]).toEndWith("data: [DONE]\n\n");
        expect(stamps).toEqual(sentAt);
      }),
    );
  });

  test("requests are understood, one after another on a connection", () => {
    const ask = writeAsk({ events: 3, gapMs: 5, isHeld: true });
    const first = `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Bench: ${ask}\r\nContent-Length: 5\r\n\r\nhello`;
    const bytes = Buffer.from(`${first}POST /v1/embeddings HTTP/1.1\r\ncontent-length: 0\r\n\r\n${first}`);
    fc.assert(
      fc.property(cuts, (places) => {
        const seen: unknown[] = [];
        inPieces(
          bytes,
          places,
          createRequestParser((head) => seen.push(head)),
        );
        const chat = { isEmbedding: false, ask };
        expect(seen).toEqual([chat, { isEmbedding: true, ask: "" }, chat]);
      }),
    );
    expect(readAsk(ask)).toEqual({ events: 3, gapMs: 5, isStill: false, isHeld: true });
  });

  test("what is no answer with a length is refused, and so is a chunked request", () => {
    const read = (text: string) => createAnswerReader({ body() {}, end() {} })(Buffer.from(text));
    expect(() => read("HTTP/1.1 200 OK\r\n\r\n")).toThrow("without a length");
    expect(() => read("HTTP/1.0 200 OK\r\n\r\n")).toThrow("not an HTTP/1.1 answer");
    const parse = createRequestParser(() => {});
    expect(() => parse(Buffer.from("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"))).toThrow("chunked");
  });
});

test("an event is 320 bytes in its chunk, as is one with a timestamp", () => {
  const size = Number.parseInt(eventTemplate.toString(), 16);
  expect(size).toBe(320);
  expect(stampEvent(123).length).toBe(eventTemplate.length);
});
