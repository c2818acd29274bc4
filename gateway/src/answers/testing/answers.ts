// Owns what the tests of the answer shapes share: generators of JSON, and putting events together without a collector.

import fc from "fast-check";
import type { JsonObject } from "../../endpoints/endpoint";
import type { AnswerShape } from "../answer-shape";

/** Text of every kind, long enough now and then to come in several pieces. */
export const text = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: "grapheme", maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", minLength: 100, maxLength: 300 }) },
  { weight: 1, arbitrary: fc.constantFrom("\n\ndata: [DONE]\n\n", "\u2028", "\ud83d", '{"usage":{', "🙂".repeat(60)) },
);

/** Fields that nobody has heard of. */
export const extras = fc.dictionary(
  fc.oneof(fc.constantFrom("__proto__", "x_extra", "toString", "constructor"), fc.stringMatching(/^x_[a-z]{1,8}$/)),
  fc.jsonValue({ maxDepth: 2 }),
  { maxKeys: 3 },
);

/** As it would come over the wire. */
export function json(value: unknown): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

/** What the events of one stream come to. */
export function foldText(shape: AnswerShape, events: readonly string[]): JsonObject | null {
  const fold = shape.createFold();
  for (const event of events) {
    const data = event
      .split("\n")
      .filter((line) => line.startsWith("data: "))
      .map((line) => line.slice(6))
      .join("\n");
    if (data !== "[DONE]" && !fold.add(JSON.parse(data) as JsonObject)) return null;
  }
  return fold.finish();
}

/** One text for equal JSON, whatever the order of fields; keeps what deep equality passes over. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))
      : inner,
  );
}
