// Makes streams of events as providers of chat completions send them, and as they might: both line ends, data lines with
// and without a space, comments, garbage, text that looks like events. Each says what a meter must make of it.

import type { Usage } from "@anyray/shared/usage";
import fc from "fast-check";

export interface EventPiece {
  /** Whole lines, and the empty line that ends the event. */
  text: string;
  /** Usage and no choices: the chunk that a caller who did not ask for it must not get. */
  isExtra: boolean;
  /** What it states, or null. */
  usage: Usage | null;
}

const noUsageStated = { isExtra: false, usage: null };
const counts = fc.nat({ max: 1_000_000 });
const lookalikes = [
  '{"usage": {"prompt_tokens": 1}}',
  "\n\ndata: [DONE]\n\n",
  "é👩‍👩‍👧‍👦",
  "\u2028event: error",
  '"usage"',
  "\r\n",
];
const texts = fc.oneof(fc.string({ unit: "binary", maxLength: 12 }), fc.constantFrom(...lookalikes));

function statedUsage(input: number, output: number): Usage {
  const parts = { cachedInputTokens: 0, cacheWriteTokens: 0, cacheWriteLongTokens: 0, reasoningTokens: 0 };
  return { ...parts, inputTokens: input, outputTokens: output };
}

/** A chunk's JSON, compact or with spaces where a parser allows them. */
const renderings = [
  JSON.stringify,
  (value: unknown) => JSON.stringify(value, null, 1).replaceAll("\n", " ").replaceAll('":', '" :'),
];

/** The data of an event, one entry a line, with what a meter is to make of it. */
interface Chunk extends Omit<EventPiece, "text"> {
  lines: string[];
}

const chunks: fc.Arbitrary<Chunk> = fc.oneof(
  fc
    .record({
      text: texts,
      usage: fc.constantFrom({}, { usage: null }, { usage: "none" }),
      render: fc.constantFrom(...renderings),
    })
    .map(({ text, usage, render }) => ({
      lines: [render({ choices: [{ delta: { content: text } }], ...usage })],
      ...noUsageStated,
    })),
  fc
    .record({
      input: counts,
      output: counts,
      isExtra: fc.boolean(),
      text: texts,
      render: fc.constantFrom(...renderings),
    })
    .map(({ input, output, isExtra, text, render }) => ({
      lines: [
        render({
          choices: isExtra ? [] : [{ delta: { content: text, tool: { usage: { prompt_tokens: 1 } } } }],
          usage: { prompt_tokens: input, completion_tokens: output },
        }),
      ],
      isExtra,
      usage: statedUsage(input, output),
    })),
  fc.constantFrom<Chunk[]>(
    { lines: ['{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}'], ...noUsageStated },
    { lines: ['{"choices":[],"usage":null}'], ...noUsageStated },
    { lines: ['{"choices":[],"usage":{'], ...noUsageStated },
    { lines: ['{"choices":[],', '"usage":', '{"prompt_tokens":3}}'], isExtra: true, usage: statedUsage(3, 0) },
    { lines: ["[DONE]"], ...noUsageStated },
    { lines: ["not json at all"], ...noUsageStated },
    { lines: [], ...noUsageStated },
  ),
);

export const eventPieces: fc.Arbitrary<EventPiece> = fc
  .record({
    chunk: chunks,
    end: fc.constantFrom("\n", "\r\n"),
    blank: fc.constantFrom("\n", "\r\n"),
    prefix: fc.constantFrom("data: ", "data:"),
    before: fc.constantFrom([], [": ping"], ["event: message", "id: 7"], ["nonsense"]),
  })
  .map(({ chunk, end, blank, prefix, before }) => {
    const lines = [...before, ...chunk.lines.map((line) => prefix + line)];
    return {
      ...chunk,
      text: lines.map((line) => line + end).join("") + (lines.length > 0 ? blank : ": only a comment\n\n"),
    };
  });
