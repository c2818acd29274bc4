import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeFrame, type Frame, type FrameType, frameBufferBytes, payloadBytesMax, scanFrames } from "./frame";

type Record = [FrameType, string];

const buffer = Buffer.alloc(frameBufferBytes);

function encode(records: readonly Record[]): Buffer {
  return Buffer.concat(
    records.map(([type, payload]) => Buffer.from(buffer.subarray(0, encodeFrame(buffer, type, payload)))),
  );
}

const read = (frames: readonly Frame[]): Record[] => frames.map(({ type, payload }) => [type, payload]);

const text = fc.string({ unit: "binary", maxLength: 40 });
const record = fc.tuple(
  fc.constantFrom<FrameType>("start", "end", "drop"),
  fc
    .dictionary(text, fc.oneof(text, fc.double(), fc.constant(null), fc.boolean()), { maxKeys: 5 })
    .map((value) => JSON.stringify(value)),
);
const records = fc.array(record, { minLength: 1, maxLength: 8 });

describe("a frame", () => {
  test("comes back as it was, whatever its payload", () => {
    fc.assert(
      fc.property(records, (given) => {
        const { frames, damagedRuns, tornBytes } = scanFrames(encode(given));
        expect(read(frames)).toEqual(given);
        expect([damagedRuns, tornBytes]).toEqual([0, 0]);
      }),
    );
  });

  test("tells where it lies: a scan may begin at any of them", () => {
    const given: Record[] = [
      ["start", '{"id":1}'],
      ["end", '{"id":"ü💥"}'],
      ["drop", "{}"],
    ];
    const bytes = encode(given);
    const { frames } = scanFrames(bytes);
    for (const [at, { start }] of frames.entries()) {
      expect(read(scanFrames(bytes, start).frames)).toEqual(given.slice(at));
    }
    expect(frames.map(({ end }) => end)).toEqual([frames[1]!.start, frames[2]!.start, bytes.length]);
  });

  test("takes a payload of the largest size in characters of three bytes, and not one more", () => {
    const largest = `{"a":"${"€".repeat(payloadBytesMax - 8)}"}`;
    expect(read(scanFrames(encode([["end", largest]])).frames)).toEqual([["end", largest]]);
    expect(() => encodeFrame(buffer, "end", `${largest} `)).toThrow(RangeError);
  });
});

describe("damage", () => {
  test("by cutting off loses the tail alone, and is seen", () => {
    fc.assert(
      fc.property(records, (given) => {
        const bytes = encode(given);
        const ends = scanFrames(bytes).frames.map(({ end }) => end);
        for (let length = 0; length < bytes.length; length++) {
          const { frames, damagedRuns, tornBytes } = scanFrames(bytes.subarray(0, length));
          const whole = ends.filter((end) => end <= length).length;
          expect(read(frames)).toEqual(given.slice(0, whole));
          expect(damagedRuns).toBe(0);
          expect(tornBytes).toBe(length - (ends[whole - 1] ?? 0));
        }
      }),
      { numRuns: 30 },
    );
  });

  test("of a single byte loses that frame alone, invents none, and is seen", () => {
    fc.assert(
      fc.property(records, fc.integer({ min: 1, max: 255 }), (given, flip) => {
        const bytes = encode(given);
        const ends = scanFrames(bytes).frames.map(({ end }) => end);
        for (let at = 0; at < bytes.length; at++) {
          const damaged = Buffer.from(bytes);
          damaged[at]! ^= flip;
          const hit = ends.findIndex((end) => at < end);
          const { frames, damagedRuns, tornBytes } = scanFrames(damaged);
          expect(read(frames)).toEqual(given.toSpliced(hit, 1));
          expect(damagedRuns + tornBytes).toBeGreaterThan(0);
          if (hit < given.length - 1) expect([damagedRuns, tornBytes]).toEqual([1, 0]);
        }
      }),
      { numRuns: 20 },
    );
  });

  test("of any bytes anywhere never throws and never invents a record", () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 30 })), { maxLength: 4 });
    fc.assert(
      fc.property(records, damage, fc.nat(2_000), (given, changes, length) => {
        const bytes = encode(given);
        for (const [at, noise] of changes)
          bytes.set(noise.subarray(0, bytes.length - (at % bytes.length)), at % bytes.length);
        const found = read(scanFrames(bytes.subarray(0, length)).frames);
        let from = 0;
        for (const [type, payload] of found) {
          const at = given.findIndex(([t, p], index) => index >= from && t === type && p === payload);
          expect(at).toBeGreaterThanOrEqual(0);
          from = at + 1;
        }
      }),
      { numRuns: 500 },
    );
  });

  test("of the last frame is told from a write that a crash cut short", () => {
    const bytes = encode([
      ["start", '{"id":1}'],
      ["end", '{"id":2}'],
    ]);
    const flipped = Buffer.from(bytes);
    flipped[bytes.length - 2]! ^= 1;
    expect(scanFrames(flipped)).toMatchObject({ damagedRuns: 1, tornBytes: 0 });
    expect(scanFrames(bytes.subarray(0, -2))).toMatchObject({ damagedRuns: 0, tornBytes: 15 });
    const zeros = Buffer.concat([bytes, Buffer.alloc(4_096)]);
    expect(scanFrames(zeros)).toMatchObject({ damagedRuns: 0, tornBytes: 4_096 });
    expect(scanFrames(zeros).frames).toHaveLength(2);
  });

  test("does not bring to light a frame that a caller wrote into a name", () => {
    const inner = encode([["end", '{"id":"forged"}']]).toString("latin1");
    const bytes = encode([
      ["start", JSON.stringify({ id: 1, user: inner, model: encode([["end", "{}"]]).toString("utf8") })],
      ["end", '{"id":2}'],
    ]);
    for (let at = 0; at < 9; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0xff;
      expect(read(scanFrames(damaged).frames)).toEqual([["end", '{"id":2}']]);
    }
  });
});

describe("a segment's length of noise", () => {
  const length = 8 * 1_048_576;
  const random = (seed: number) => {
    const bytes = Buffer.allocUnsafe(length);
    let state = seed;
    for (let at = 0; at < length; at++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      bytes[at] = state >>> 24;
    }
    return bytes;
  };
  test.each([
    ["random bytes", () => random(1)],
    ["zeros", () => Buffer.alloc(length)],
    ["small numbers, each of which could be a length", () => Buffer.alloc(length, Buffer.from([1, 0]))],
    ["lengths and types", () => Buffer.alloc(length, Buffer.from([0, 0, 8, 0, 0, 0, 0, 0, 1]))],
    ["opening braces", () => Buffer.alloc(length, Buffer.from("{"))],
  ])(
    "%s is read through in reasonable time, and what follows is found",
    (_, make) => {
      const bytes = Buffer.concat([make(), encode([["end", '{"id":"after"}']])]);
      const startedAt = performance.now();
      const { frames, damagedRuns } = scanFrames(bytes);
      expect(read(frames)).toEqual([["end", '{"id":"after"}']]);
      expect(damagedRuns).toBe(1);
      // Quadratic would be hours.
      expect(performance.now() - startedAt).toBeLessThan(20_000);
    },
    30_000,
  );
});
