import { expect, test } from "bun:test";
import { AnyrayError } from "../errors";
import { readFields, readInteger, readName, readParameters, refuseFaults, shown } from "./request";

test("one fault stands alone, several are counted and all told", () => {
  expect(() => refuseFaults([])).not.toThrow();
  expect(() => refuseFaults(["a: wrong"])).toThrow(new AnyrayError("invalid_request", "a: wrong."));
  expect(() => refuseFaults(["a: wrong", "b: wrong"])).toThrow("2 faults: a: wrong; b: wrong.");
});

test("what is shown of a value is short and hides nothing", () => {
  expect(shown("ada")).toBe('"ada"');
  expect(shown(undefined)).toBe("nothing");
  expect(shown("x".repeat(1_000_000))).toHaveLength(61);
  expect(shown("\u202eevil\u0085\u2028\u200b\u001b")).toBe('"\\u202eevil\\u0085\\u2028\\u200b\\u001b"');
  expect(shown("\ud83d".repeat(100)).isWellFormed()).toBe(true);
});

test("a name is normalised, trimmed, bounded and printable", () => {
  expect(readName("Zoe\u0308")).toBe("Zo\u00eb");
  expect(readName(" ada ")).toBe("ada");
  expect(readName("__proto__")).toBe("__proto__");
  expect(readName("🦊")).toBe("🦊");
  expect(readName("a".repeat(128))).toHaveLength(128);
  expect(readName("e\u0301".repeat(128))).toHaveLength(128);
  const refused = [
    "",
    "  ",
    "a".repeat(129),
    "a".repeat(1_000_000),
    "a\0b",
    "a\nb",
    "a\u0085b",
    "\u202eada",
    "a\u200db",
  ];
  for (const name of [...refused, "\ud800", 42, null, undefined, {}]) expect(readName(name)).toBeUndefined();
});

test("unknown, repeated and NUL parameters are faults, each told once", () => {
  const faults: string[] = [];
  const params = new URLSearchParams("a=1&a=2&a=3&x=1&x=2&__proto__=1&b=%00&c=");
  const given = readParameters(params, ["a", "b", "c"], faults);
  expect(Object.fromEntries(given)).toEqual({ a: "1", c: "" });
  expect(faults).toEqual([
    "b: must not contain U+0000",
    'unknown parameters "x", "__proto__": accepted are a, b, c',
    "a: given more than once",
  ]);
});

test("a number out of range, in another notation or with blanks is a fault", () => {
  const bounds = { min: 1, max: 1000 };
  for (const text of ["0", "1001", "-1", "+1", "1e2", "0x1", "1.0", " 1", "", "9".repeat(400), "NaN", "١"]) {
    const faults: string[] = [];
    expect(readInteger(new Map([["limit", text]]), "limit", bounds, 100, faults)).toBe(100);
    expect(faults).toHaveLength(1);
  }
  expect(readInteger(new Map([["limit", "1000"]]), "limit", bounds, 100, [])).toBe(1000);
  expect(readInteger(new Map(), "limit", bounds, null, [])).toBeNull();
});

test("fields of hostile names are reported, never taken as the object's own nature", () => {
  const faults: string[] = [];
  const fields = readFields(
    JSON.parse('{"user":"a","__proto__":{"x":1},"constructor":2}'),
    ["user"],
    "caps[0]",
    faults,
  );
  expect(fields?.get("user")).toBe("a");
  expect(faults).toEqual([
    'unknown field "__proto__" in caps[0]: accepted are user',
    'unknown field "constructor" in caps[0]: accepted are user',
  ]);
  for (const value of [null, [], "text", 1, undefined]) {
    const noObject: string[] = [];
    expect(readFields(value, ["user"], "", noObject)).toBeUndefined();
    expect(noObject).toEqual(["the body must be a JSON object with user"]);
  }
});
