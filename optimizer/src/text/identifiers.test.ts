import { expect, test } from "bun:test";
import fc from "fast-check";
import { identifiersOf } from "./identifiers";

test("identifiers, paths and long numbers are found; words are not", () => {
  const text = "See src/queue.ts, worker_7 and maxRetries: 8812 of 12 failed. req-8f3a. The end.";
  expect([...identifiersOf(text)]).toEqual(["src/queue.ts", "worker_7", "maxRetries", "8812", "req-8f3a"]);
});

test("what is found stands in the text, and hostile texts take no time", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      for (const identifier of identifiersOf(text)) expect(text).toContain(identifier);
    }),
  );
  const started = performance.now();
  for (const text of ["a".repeat(1_000_000), "a_".repeat(500_000), ".".repeat(1_000_000), "1 ".repeat(500_000)]) {
    identifiersOf(text);
  }
  expect(performance.now() - started).toBeLessThan(1_000);
});
