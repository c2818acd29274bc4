import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { joinBytes } from "../sse";
import { ContentTape, type Held } from "./content-tape";

const bytesOf = (length: number, from = 0) => Uint8Array.from({ length }, (_, at) => (from + at) % 251);

describe("a tape", () => {
  test("holds what came, in its order, up to its bound, and says when that is not all", () => {
    const lengthsOf = fc.array(fc.nat({ max: 5_000 }), { maxLength: 20 });
    const bounds = fc.tuple(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 20_000 }));
    fc.assert(
      fc.property(lengthsOf, bounds, (lengths, [one, other]) => {
        const held: Held = { bytes: 0, bytesMax: 1e9 };
        const [headBytes, bytesMax] = [Math.min(one, other), Math.max(one, other)];
        const tape = new ContentTape(held, { bytesMax, headBytes });
        let total = 0;
        for (const length of lengths) {
          tape.push(bytesOf(length, total));
          total += length;
        }
        const kept = total > bytesMax ? headBytes : total;
        expect(joinBytes(tape.parts())).toEqual(bytesOf(kept));
        expect([tape.length, tape.isCut]).toEqual([kept, total > bytesMax]);
        expect(held.bytes).toBeLessThanOrEqual(2 * kept + 1_024);
        tape.drop();
        expect([held.bytes, tape.length]).toEqual([0, 0]);
      }),
    );
  });

  test("stops where all tapes together have no more room, and gives its own back", () => {
    const held: Held = { bytes: 0, bytesMax: 4_096 };
    const tapes = Array.from({ length: 3 }, () => new ContentTape(held, { bytesMax: 1e6, headBytes: 1e6 }));
    for (const tape of tapes) tape.push(bytesOf(2_000));
    expect(tapes.map(({ length, isCut }) => [length, isCut])).toEqual([
      [2_000, false],
      [2_000, false],
      [0, true],
    ]);
    expect(held.bytes).toBe(4_096);
    tapes[0]?.push(bytesOf(500));
    expect(tapes[0]?.length).toBe(2_048);
    for (const tape of tapes) tape.drop();
    expect(held.bytes).toBe(0);
  });

  test("takes a copy, and nothing after it was cut or dropped", () => {
    const tape = new ContentTape({ bytes: 0, bytesMax: 1e6 }, { bytesMax: 10, headBytes: 10 });
    const chunk = bytesOf(4);
    tape.push(chunk);
    chunk.fill(9);
    tape.push(bytesOf(20, 4));
    tape.push(bytesOf(1));
    expect(joinBytes(tape.parts())).toEqual(bytesOf(10));
    tape.drop();
    tape.push(bytesOf(3));
    expect(tape.length).toBe(0);
  });
});
