import { expect, test } from "bun:test";
import fc from "fast-check";
import { sampleTrace } from "./testing/trace";
import { Waiting } from "./waiting";

test("whatever is added and taken: the bounds hold, the order too, and nothing comes twice", () => {
  const limits = { itemsMax: 50, bytesMax: 200_000, batchItemsMax: 7, batchBytesMax: 40_000 };
  const step = fc.oneof(fc.constant("take" as const), fc.nat({ max: 60_000 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const waiting = new Waiting(limits);
      const expected: string[] = [];
      const given: string[] = [];
      for (const next of steps) {
        if (next === "take") {
          const batch = waiting.take();
          expect(batch.length).toBeLessThanOrEqual(limits.batchItemsMax);
          given.push(...batch.map(({ trace }) => trace.id));
        } else {
          const trace = sampleTrace();
          const contents = next > 0 ? { request: "x".repeat(next) } : null;
          if (waiting.add({ trace, traceparent: null, contents }) !== "nothing") expected.push(trace.id);
        }
        expect(waiting.count).toBeLessThanOrEqual(limits.itemsMax);
        expect(waiting.bytes).toBeLessThanOrEqual(limits.bytesMax);
        expect(waiting.bytes === 0).toBe(waiting.count === 0);
      }
      for (let batch = waiting.take(); batch.length > 0; batch = waiting.take())
        given.push(...batch.map(({ trace }) => trace.id));
      expect(given).toEqual(expected);
      expect([waiting.count, waiting.bytes]).toEqual([0, 0]);
    }),
    { numRuns: 50 },
  );
});
