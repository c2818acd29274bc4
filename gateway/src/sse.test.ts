import { describe, expect, test } from "bun:test";
import { cassettes, splits } from "@anyray/shared/testing/cassettes";
import fc from "fast-check";
import { createEventCutter, dataOf, endOfEvent, endOfEvents, eventsOf, headOf, joinBytes } from "./sse";

type Bytes = Uint8Array<ArrayBuffer>;

const bytesOf = (text: string) => new TextEncoder().encode(text) as Bytes;
const isSame = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one, other) === 0;

function cutAll(pieces: readonly Uint8Array[], heldMax: number): { batches: Bytes[]; rest: Bytes | null } {
  const cutter = createEventCutter(heldMax);
  const batches: Bytes[] = [];
  for (const piece of pieces) {
    // A copy in a buffer of its own, as chunks from the network are.
    const batch = cutter.push(piece.slice() as Bytes);
    if (batch) batches.push(batch);
  }
  return { batches, rest: cutter.rest() };
}

/** The same question answered the slow way. */
function eventEnds(bytes: Uint8Array): number[] {
  const text = Buffer.from(bytes).toString("latin1");
  const ends: number[] = [];
  for (let at = 0; at < text.length; ) {
    const blank = /\n\r?\n/.exec(text.slice(at));
    at = blank ? at + blank.index + blank[0].length : text.length;
    ends.push(at);
  }
  return ends;
}

/** Streams made of what matters at borders: line ends of both kinds, fields, characters of several bytes. */
const streams = fc
  .array(
    fc.constantFrom(
      "\n",
      "\n",
      "\r\n",
      "\r",
      "\n\n",
      "\r\n\r\n",
      "data: x",
      "data:",
      ": é",
      "👩‍👧",
      "event: y",
      "\ufeff",
    ),
    {
      maxLength: 24,
    },
  )
  .map((parts) => bytesOf(parts.join("")));

function pieceUp(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

describe("the cutter", () => {
  test("gives every recorded stream back, whatever it is split into, and only whole events before the rest", () => {
    for (const { name, response } of cassettes.filter(({ stream }) => stream)) {
      const whole = endOfEvents(response.body);
      for (const pieces of splits(response.body, 60)) {
        const { batches, rest } = cutAll(pieces, 1_000_000);
        if (!isSame(joinBytes(rest ? [...batches, rest] : batches), response.body)) throw new Error(`${name}: bytes`);
        if (batches.some((batch) => endOfEvents(batch) !== batch.length)) throw new Error(`${name}: open event`);
        if ((rest?.length ?? 0) !== response.body.length - whole) throw new Error(`${name}: rest`);
      }
    }
  });

  test("gives any bytes back in order, whatever the pieces and the bound", () => {
    fc.assert(
      fc.property(
        streams,
        fc.array(fc.nat(), { maxLength: 12 }),
        fc.constantFrom(0, 1, 2, 5, 20, 1_000),
        (bytes, cuts, heldMax) => {
          const { batches, rest } = cutAll(pieceUp(bytes, cuts), heldMax);
          return isSame(joinBytes(rest ? [...batches, rest] : batches), bytes);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("never holds more than its bound and half an empty line, nor what could go on", () => {
    fc.assert(
      fc.property(
        streams,
        fc.array(fc.nat(), { maxLength: 12 }),
        fc.constantFrom(0, 3, 20, 1_000),
        (bytes, cuts, heldMax) => {
          const cutter = createEventCutter(heldMax);
          let taken = 0;
          let given = 0;
          for (const piece of pieceUp(bytes, cuts)) {
            taken += piece.length;
            const batch = cutter.push(piece.slice() as Bytes) ?? new Uint8Array();
            given += batch.length;
            // An empty line is never torn, so that an event's end can be seen in one batch.
            if (endOfEvents(batch) < batch.length && /\n\r?$/.test(Buffer.from(batch).toString("latin1"))) return false;
            if (taken - given > heldMax + 2 || endOfEvents(bytes.subarray(given, taken)) > 0) return false;
          }
          return true;
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("lets an event that is too large through in pieces, also when it comes as one chunk", () => {
    const cutter = createEventCutter(10);
    expect(cutter.push(bytesOf("data: 0123"))).toBeNull();
    expect(headOf(cutter.push(bytesOf("4")) as Bytes, 0, 99)).toBe("data: 01234");
    expect(headOf(cutter.push(bytesOf("data: a whole chunk of it")) as Bytes, 0, 99)).toBe("data: a whole chunk of it");
    expect(cutter.push(bytesOf("\n"))).toBeNull();
    expect(headOf(cutter.push(bytesOf("\ndata")) as Bytes, 0, 99)).toBe("\n\n");
    expect(headOf(cutter.rest() as Bytes, 0, 99)).toBe("data");
    expect(cutter.rest()).toBeNull();
  });

  test("takes a megabyte event in small pieces in linear time", () => {
    const piece = bytesOf("x".repeat(64));
    const cutter = createEventCutter(2_000_000);
    const startedAt = performance.now();
    for (let count = 0; count < 16_384; count++) if (cutter.push(piece)) throw new Error("no event ends here");
    expect(cutter.push(bytesOf("\n\n"))).toHaveLength(1_048_578);
    expect(performance.now() - startedAt).toBeLessThan(500);
  });
});

describe("events", () => {
  test("end where a slow reader finds their ends", () => {
    fc.assert(
      fc.property(streams, (bytes) => {
        const ends = eventEnds(bytes);
        expect([...eventsOf(bytes)].map(([, end]) => end)).toEqual(ends);
        expect([...eventsOf(bytes)].map(([start]) => start)).toEqual([0, ...ends].slice(0, -1));
        let last = bytes.length;
        while (last > 0 && !/\n\r?\n$/.test(Buffer.from(bytes.subarray(0, last)).toString("latin1"))) last -= 1;
        expect(endOfEvents(bytes)).toBe(last);
      }),
      { numRuns: 1_000 },
    );
  });

  test("end after LF LF, CR LF CR LF and the mixed forms, and not after a lone CR LF", () => {
    for (const [text, end] of [
      ["a\n\nb", 3],
      ["a\r\n\r\nb", 5],
      ["a\n\r\nb", 4],
      ["a\r\n\nb", 4],
      ["a\r\nb", 4],
      ["a\n\r", 3],
    ] as const) {
      expect([text, endOfEvent(bytesOf(text), 0)]).toEqual([text, end]);
    }
  });

  test("are found in a large batch in linear time", () => {
    for (const end of ["\n\n", "\r\n\r\n"]) {
      const bytes = bytesOf(`data: {}${end}`.repeat(100_000));
      const startedAt = performance.now();
      expect([...eventsOf(bytes)]).toHaveLength(100_000);
      expect(performance.now() - startedAt).toBeLessThan(500);
    }
  });
});

describe("data of an event", () => {
  const dataIn = (text: string) => dataOf(bytesOf(text), 0, bytesOf(text).length);

  test("is what stands behind data:, less one space", () => {
    expect(dataIn("data: x\n\n")).toBe("x");
    expect(dataIn("data:x\n\n")).toBe("x");
    expect(dataIn("data:  x\r\n\r\n")).toBe(" x");
    expect(dataIn("\ufeffdata: x\n\n")).toBe("x");
    expect(dataIn(": c\nevent: e\nid: 1\ndata: x\nretry: 3\n\n")).toBe("x");
  });

  test("is joined from many lines, and empty where there is none", () => {
    expect(dataIn("data: [1,\ndata: 2]\n\n")).toBe("[1,\n2]");
    expect(dataIn("data: a\r\n: between\r\ndata: b\r\n\r\n")).toBe("a\nb");
    expect(dataIn(": ping\n\n")).toBe("");
    expect(dataIn("database: x\n data: y\n\n")).toBe("");
  });

  test("stays what it is for any JSON, line ends of JavaScript included", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom("\n", "\r\n"), (value, end) => {
        const text = JSON.stringify({ value, separators: "\u2028\u2029\u0085" });
        expect(dataIn(`data: ${text}${end}${end}`)).toBe(text);
      }),
    );
  });
});
