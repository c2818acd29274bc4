// Owns the bytes the bench's upstream answers with, and the words that ask for them. Nothing is made while it is
// timed but an event's timestamp.

/** What every answer states as used; a row with other figures is a wrong row. */
export const statedUsage = { inputTokens: 200, outputTokens: 50 };

/** The request header that says what to answer; without it, one JSON answer of 1 KB. */
export const askHeader = "x-bench";

/** How an answer is asked for, as the value of `askHeader`. */
export interface Ask {
  /** A stream of so many events, then a usage chunk and [DONE]. */
  events?: number;
  /** Milliseconds between two events; 0 or absent = as fast as they go. */
  gapMs?: number;
  /** All timestamps zero, so that two answers can be compared byte by byte. */
  isStill?: boolean;
  /** After the first event nothing more comes, until the caller leaves. */
  isHeld?: boolean;
}

export function writeAsk(ask: Ask): string {
  const words = [`events=${ask.events ?? 0}`, `gap=${ask.gapMs ?? 0}`];
  if (ask.isStill) words.push("still");
  if (ask.isHeld) words.push("held");
  return words.join(" ");
}

export function readAsk(value: string): Required<Ask> {
  return {
    events: Number(/\bevents=(\d+)/.exec(value)?.[1] ?? 0),
    gapMs: Number(/\bgap=(\d+)/.exec(value)?.[1] ?? 0),
    isStill: /\bstill\b/.test(value),
    isHeld: /\bheld\b/.test(value),
  };
}

const completion = {
  id: "chatcmpl-bench",
  object: "chat.completion",
  created: 1_760_000_000,
  model: "gpt-5-mini",
  choices: [
    { index: 0, message: { role: "assistant", content: "", refusal: null }, logprobs: null, finish_reason: "stop" },
  ],
  usage: usageOf(statedUsage),
};

function usageOf({ inputTokens, outputTokens }: typeof statedUsage) {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
}

/** A body of exactly `bytes`, filled up with text where the model's answer stands. */
function completionOf(bytes: number): string {
  const [choice] = completion.choices;
  const empty = JSON.stringify(completion).length;
  if (choice) choice.message.content = "lorem ipsum ".repeat(bytes).slice(0, Math.max(0, bytes - empty));
  return JSON.stringify(completion);
}

export const jsonBody = completionOf(1_024);

export const embeddingBody = JSON.stringify({
  object: "list",
  data: [
    { object: "embedding", index: 0, embedding: Array.from({ length: 512 }, (_, at) => ((at % 97) - 48) / 1_000) },
  ],
  model: "text-embedding-3-small",
  usage: { prompt_tokens: statedUsage.inputTokens, total_tokens: statedUsage.inputTokens },
});

export function jsonAnswer(body: string): Buffer {
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
}

export const streamHead = Buffer.from(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n",
);

/** Stands before each timestamp; generators look for it. */
export const stampMark = Buffer.from("@sent:");
export const stampDigits = 19;
const eventBytes = 320;

const chunkOf = (fields: object) =>
  JSON.stringify({
    id: "chatcmpl-bench",
    object: "chat.completion.chunk",
    created: 1_760_000_000,
    model: "gpt-5-mini",
    ...fields,
  });
const inChunk = (event: string) => `${event.length.toString(16)}\r\n${event}\r\n`;

function eventOf(content: string): string {
  return `data: ${chunkOf({ choices: [{ index: 0, delta: { content }, logprobs: null, finish_reason: null }], usage: null })}\n\n`;
}

function makeEvent(): string {
  const stamp = `${stampMark}${"0".repeat(stampDigits)}`;
  const padding = " lorem ipsum".repeat(40);
  return eventOf(stamp + padding.slice(0, eventBytes - eventOf(stamp).length));
}

/** One event as one HTTP chunk, with a timestamp of zeros. */
export const eventTemplate = Buffer.from(inChunk(makeEvent()));
const stampAt = eventTemplate.indexOf(stampMark) + stampMark.length;

/** A copy of the event that says when it was sent. */
export function stampEvent(nanoseconds: number): Buffer {
  const event = Buffer.from(eventTemplate);
  event.write(String(Math.floor(nanoseconds)).padStart(stampDigits, "0"), stampAt, stampDigits, "latin1");
  return event;
}

/** What follows the last event: a chunk that ends the choice, the usage, [DONE], and the end of the body. */
export const streamEnd = Buffer.from(
  [
    inChunk(
      `data: ${chunkOf({ choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: "stop" }], usage: null })}\n\n`,
    ),
    inChunk(`data: ${chunkOf({ choices: [], usage: usageOf(statedUsage) })}\n\n`),
    inChunk("data: [DONE]\n\n"),
    "0\r\n\r\n",
  ].join(""),
);
