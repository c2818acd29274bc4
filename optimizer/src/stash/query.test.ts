import { describe, expect, test } from "bun:test";
import { AnyrayError } from "@anyray/shared/errors";
import fc from "fast-check";
import { parseRetrieveQuery } from "./query";

const handle = "ctx_abcdefghijklmnop";

function faultOf(body: unknown): string {
  try {
    parseRetrieveQuery(body);
  } catch (error) {
    if (error instanceof AnyrayError && error.code === "invalid_request") return error.message;
    throw error;
  }
  return "";
}

describe("a question", () => {
  test("has defaults; null is missing; metadata is somebody else's", () => {
    expect(parseRetrieveQuery({ handle, lines: null, metadata: { user: "u" } })).toEqual({
      handle,
      offset: 0,
      maxChars: 8_000,
    });
    const asked = { handle, lines: [1, 5] as const, grep: "x", maxChars: 200_000, offset: 7 };
    expect(parseRetrieveQuery(asked)).toEqual(asked);
  });

  test("any handle may be asked for", () => {
    expect(parseRetrieveQuery({ handle: "ctx_NoSuchThing0189" }).handle).toBe("ctx_NoSuchThing0189");
  });

  test.each([
    [undefined, "JSON object"],
    [[], "JSON object"],
    ["x", "JSON object"],
    [{}, "handle: missing"],
    [{ handle: 7 }, "handle: accepted is a string"],
    [{ handle: "" }, "handle:"],
    [{ handle, lines: [0, 3] }, "lines: accepted is [first, last]"],
    [{ handle, lines: [3, 2] }, "lines:"],
    [{ handle, lines: [1.5, 2] }, "lines:"],
    [{ handle, lines: [1] }, "lines:"],
    [{ handle, lines: "1-3" }, "lines:"],
    [{ handle, rows: [1, 1e300] }, "rows:"],
    [{ handle, maxChars: 0 }, "maxChars: accepted is a whole number from 1 to 200000"],
    [{ handle, maxChars: 200_001 }, "maxChars:"],
    [{ handle, maxChars: "10" }, "maxChars:"],
    [{ handle, offset: -1 }, "offset:"],
    [{ handle, grep: "" }, "grep:"],
    [{ handle, grep: "x".repeat(1_001) }, "grep:"],
    [{ handle, jsonPath: "$..a" }, "jsonPath: accepted is $"],
    [{ handle, jsonPath: "$[?(@.a)]" }, "jsonPath:"],
    [{ handle, symbol: {} }, "symbol:"],
    [{ handle, lines: [1, 2], rows: [1, 2] }, "lines, rows: accepted is one of them"],
    [{ handle, line: [1, 2] }, '"line": no such field'],
    [JSON.parse(`{"handle":"${handle}","__proto__":1}`), '"__proto__": no such field'],
    [{ handle, constructor: 1 }, '"constructor": no such field'],
  ])("%j is refused", (body, fault) => {
    expect(faultOf(body)).toContain(fault);
  });

  test("all faults are named at once", () => {
    const fault = faultOf({ lines: [0, 0], maxChars: -1, size: 1 });
    for (const part of ["lines:", "maxChars:", '"size"', "handle: missing"]) expect(fault).toContain(part);
  });

  test("whatever comes, it is a question or a clear refusal", () => {
    fc.assert(
      fc.property(
        fc.record({ handle: fc.anything(), lines: fc.anything(), grep: fc.anything(), x: fc.anything() }),
        (body) => {
          faultOf(body);
        },
      ),
    );
  });
});
