import { describe, expect, test } from "bun:test";
import { type Cassette, cassettes, splits } from "@anyray/shared/testing/cassettes";
import fc from "fast-check";
import { type EventPiece, eventPieces } from "../test/event-streams";
import { chatCompletions } from "./endpoints/chat-completions";
import type { Endpoint } from "./endpoints/endpoint";
import { messages } from "./endpoints/messages";
import { endpoints } from "./endpoints/registry";
import { responses } from "./endpoints/responses";
import { createMeter, type Meter } from "./meter";
import { createEventCutter, joinBytes } from "./sse";

type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const isSame = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one, other) === 0;

/** The pieces through a cutter and a meter, as an answer goes. */
function run(endpoint: Endpoint, removesUsage: boolean, pieces: readonly Uint8Array[], heldMax = 1_000_000) {
  const meter: Meter = createMeter(endpoint, removesUsage);
  const cutter = createEventCutter(heldMax);
  const out: Bytes[] = [];
  for (const piece of pieces) {
    const batch = cutter.push(piece.slice() as Bytes);
    if (batch) out.push(meter.push(batch));
  }
  const rest = cutter.rest();
  if (rest) out.push(meter.push(rest));
  return { meter, out: joinBytes(out) };
}

const runText = (endpoint: Endpoint, text: string, removesUsage = false) =>
  run(endpoint, removesUsage, [encoder.encode(text)]);

const endpointOf = (cassette: Cassette) => endpoints.find(({ path }) => path === cassette.request.path) as Endpoint;

function without(body: Uint8Array, span: { start: number; end: number } | null): Uint8Array {
  return span ? joinBytes([body.subarray(0, span.start), body.subarray(span.end)]) : body;
}

describe("recorded streams, split at every byte and into many pieces, keep their bytes and tell their usage", () => {
  for (const cassette of cassettes.filter(({ stream }) => stream)) {
    const { name, response, usage, ends } = cassette;
    test(name, () => {
      for (const removesUsage of [false, true]) {
        const expected = removesUsage ? without(response.body, cassette.usageChunk) : response.body;
        for (const pieces of splits(response.body, 60)) {
          const { meter, out } = run(endpointOf(cassette), removesUsage, pieces);
          const isEnded = meter.isTerminated() || meter.isFailed() || meter.isWhole();
          const isAsItShould = isSame(out, expected) && Bun.deepEquals(meter.facts().usage, usage);
          if (isAsItShould && isEnded === (ends !== "cut") && meter.isFailed() === (ends === "error")) continue;
          const sizes = pieces.map((piece) => piece.length);
          throw new Error(`split into ${sizes}: ${Bun.inspect(meter.facts())}, ${Buffer.from(out).toString()}`);
        }
      }
    });
  }
});

describe("any stream of events, split anywhere", () => {
  const bytesOf = (parts: readonly EventPiece[]) => encoder.encode(parts.map(({ text }) => text).join(""));

  test("keeps every byte but those of extra usage chunks, and the last usage stated is found", () => {
    fc.assert(
      fc.property(
        fc.array(eventPieces, { maxLength: 8 }),
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 20 }),
        (parts, removes, cuts) => {
          const body = bytesOf(parts);
          const expected = removes ? bytesOf(parts.filter(({ isExtra }) => !isExtra)) : body;
          const usage = parts.findLast((part) => part.usage !== null)?.usage ?? null;
          const places = [0, ...cuts.map((cut) => cut % (body.length + 1)).sort((a, b) => a - b), body.length];
          const { meter, out } = run(
            chatCompletions,
            removes,
            places.slice(1).map((end, at) => body.subarray(places[at], end)),
          );
          expect(meter.facts().usage).toEqual(usage);
          expect(isSame(out, expected)).toBe(true);
        },
      ),
      { numRuns: 1_500 },
    );
  });

  test("is the same at each single cut", () => {
    fc.assert(
      fc.property(fc.array(eventPieces, { minLength: 1, maxLength: 5 }), (parts) => {
        const body = bytesOf(parts);
        const expected = bytesOf(parts.filter(({ isExtra }) => !isExtra));
        return [...splits(body)].every((cut) => isSame(run(chatCompletions, true, cut).out, expected));
      }),
      { numRuns: 60 },
    );
  });

  test("loses nothing but whole extra chunks when events are too large to be held", () => {
    fc.assert(
      fc.property(
        fc.array(eventPieces, { maxLength: 6 }),
        fc.integer({ min: 0, max: 80 }),
        fc.integer({ min: 1, max: 40 }),
        (parts, heldMax, step) => {
          const body = bytesOf(parts);
          const cut = Array.from({ length: Math.ceil(body.length / step) }, (_, at) =>
            body.subarray(at * step, (at + 1) * step),
          );
          // The line ends of an extra chunk may come in a piece of their own, and stay.
          const sent = Buffer.from(run(chatCompletions, true, cut, heldMax).out)
            .toString()
            .replace(/[\r\n]/g, "");
          let at = 0;
          for (const { text, isExtra } of parts) {
            const event = text.replace(/[\r\n]/g, "");
            if (sent.startsWith(event, at)) at += event.length;
            else if (!isExtra) return false;
          }
          return at === sent.length;
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test("passes garbage on as it came", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), (garbage) => {
        for (const endpoint of endpoints) {
          const { meter, out } = run(endpoint, true, garbage);
          expect(isSame(out, joinBytes(garbage))).toBe(true);
          expect(meter.facts().usage).toBeNull();
          expect(meter.seenOutputTokens()).toBe(0);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("the end of an answer", () => {
  const start =
    'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}}\n\n';
  const stop = 'event: message_stop\ndata: {"type":"message_stop"}\n\n';

  test("is not seen in an Anthropic answer that stops early, though its input was stated", () => {
    const { meter } = runText(messages, start);
    expect(meter.facts().usage?.inputTokens).toBe(9);
    expect([meter.isTerminated(), meter.isWhole(), meter.isUsageOpen()]).toEqual([false, false, true]);
    const delta = 'data: {"type":"message_delta","usage":{"output_tokens":7}}\n\n';
    expect(runText(messages, start + delta).meter.isUsageOpen()).toBe(false);
    expect(runText(messages, start + stop).meter.isTerminated()).toBe(true);
  });

  test("is not seen in a chat answer that stops early, though every chunk states usage", () => {
    const chunk = 'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}],"usage":{"prompt_tokens":1}}\n\n';
    expect(runText(chatCompletions, chunk).meter.isWhole()).toBe(false);
    expect(runText(chatCompletions, chunk.replace("null", '"stop"')).meter.isWhole()).toBe(true);
  });

  test("is seen though empty lines, a comment or no line end follow it", () => {
    for (const [endpoint, end] of [
      [messages, stop],
      [chatCompletions, "data: [DONE]\n\n"],
      [responses, 'data: {"type":"response.completed","response":{}}\n\n'],
    ] as const) {
      for (const tail of ["\n", "\n\n\n\n", "\r\n\r\n", ": ping\n\n"])
        expect(runText(endpoint, end + tail).meter.isWhole()).toBe(true);
      expect(runText(endpoint, end.trimEnd()).meter.isWhole()).toBe(true);
    }
  });

  test("by an error is seen wherever in a batch the error stands", () => {
    const error = 'data: {"error":{"message":"overloaded","code":529}}\n\n';
    for (const tail of ["", "data: [DONE]\n\n", ": ping\n\n"]) {
      expect(runText(chatCompletions, error + tail).meter.isFailed()).toBe(true);
    }
    expect(runText(messages, `event: error\ndata: {"type":"error","error":{}}\n\n${stop}`).meter.isFailed()).toBe(true);
    const harmless = 'data: {"choices":[{"delta":{"content":"x"}}],"error":null,"kind":"error"}\n\n';
    expect(runText(chatCompletions, harmless).meter.isFailed()).toBe(false);
  });

  test("cannot be faked by the text of an answer", () => {
    const words = [
      "event: message_stop",
      "data: [DONE]",
      "event: response.completed",
      "event: error",
      'data: {"error":{',
    ];
    for (const endpoint of endpoints) {
      for (const word of words) {
        for (const line of ["\u2028", "\u2029", "\u0085"]) {
          const { meter } = runText(endpoint, `data: {"delta":"${line}${word}"}\n\n`);
          expect([word, meter.isTerminated(), meter.isFailed()]).toEqual([word, false, false]);
        }
      }
    }
  });

  test("comes with its last byte: a piece of a large last event is not the end", () => {
    const usage = '"usage":{"input_tokens":5,"output_tokens":6}';
    const event = encoder.encode(
      `event: response.completed\ndata: {"type":"response.completed","response":{"text":"${"x".repeat(999)}",${usage}}}\n\n`,
    );
    const meter = createMeter(responses, false);
    meter.push(event.slice(0, 500));
    expect(meter.isTerminated()).toBe(false);
    const whole = run(responses, false, [event.subarray(0, 500), event.subarray(500)]).meter;
    expect([whole.isTerminated(), whole.facts().usage?.outputTokens]).toEqual([true, 6]);
  });
});

describe("an event too large to be held", () => {
  const content = `data: {"choices":[{"delta":{"content":"${"x".repeat(999)}"}}]}`;
  const extra = 'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":6}}';

  test("hides nothing of what follows it, wherever it is cut", () => {
    for (const end of ["\n", "\r\n"]) {
      const [before, behind] = [content + end + end, `data: [DONE]${end}${end}`].map((text) =>
        encoder.encode(text),
      ) as [Bytes, Bytes];
      const body = joinBytes([before, encoder.encode(extra + end + end), behind]);
      for (const cut of splits(body)) {
        const { meter, out } = run(chatCompletions, true, cut, 150);
        expect([meter.facts().usage?.outputTokens, meter.isTerminated()]).toEqual([6, true]);
        expect(isSame(out, joinBytes([before, behind]))).toBe(true);
      }
    }
  });

  test("tells its own usage, wherever it is cut", () => {
    const usage = '"usage":{"input_tokens":5,"output_tokens":6}';
    const body = encoder.encode(
      `event: response.completed\ndata: {"type":"response.completed","response":{"text":"${"x".repeat(999)}",${usage}}}\n\n`,
    );
    for (const cut of splits(body)) {
      const { meter, out } = run(responses, false, cut, 150);
      expect([meter.facts().usage?.outputTokens, meter.isTerminated(), isSame(out, body)]).toEqual([6, true, true]);
    }
  });
});

describe("an answer that never states its usage", () => {
  const chunk = (content: string, end: string) =>
    `data: {"model":"m-1","choices":[{"delta":{"content":"${content}"}}]}${end}${end}`;

  test("is estimated from its text, however it is framed and chunked", () => {
    for (const end of ["\n", "\r\n"]) {
      for (const perBatch of [1, 7, 200]) {
        const meter = createMeter(chatCompletions, false);
        for (let sent = 0; sent < 1_400; sent += perBatch)
          meter.push(encoder.encode(chunk("12345678", end).repeat(perBatch)));
        expect(meter.seenOutputTokens()).toBe(Math.ceil(1_400 / perBatch) * perBatch * 2);
        expect(meter.facts()).toEqual({ usage: null, model: "m-1" });
      }
    }
  });

  test("is estimated also when its text comes as one large event", () => {
    expect(runText(chatCompletions, chunk("x".repeat(20_000), "\n")).meter.seenOutputTokens()).toBe(5_000);
  });
});
