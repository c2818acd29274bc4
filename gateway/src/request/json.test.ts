import { describe, expect, test } from "bun:test";
import { AnyrayError } from "@anyray/shared/errors";
import fc from "fast-check";
import { findValue, insertMember, nestingIsDeep, parseObject, replaceBytes, startOfObject } from "./json";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

function refusal(body: string | Uint8Array | null): AnyrayError {
  try {
    parseObject(typeof body === "string" ? bytesOf(body) : body);
  } catch (error) {
    if (error instanceof AnyrayError) return error;
    throw error;
  }
  throw new Error("was taken");
}

const space = fc.constantFrom("", "", "", " ", "\n", "\t", "\r\n", "  \n\t ");

/** A string as JSON, some of its characters escaped though they need not be. */
function rendered(text: string, salt: number): string {
  const escaped = [...text].map((character, at) => {
    if ((salt >> (at % 24)) % 3 !== 0) return JSON.stringify(character).slice(1, -1);
    return [...Array(character.length).keys()]
      .map((unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`)
      .join("");
  });
  return `"${escaped.join("")}"`;
}

const keys = fc.oneof(
  fc.constantFrom(
    "model",
    "stream_options",
    "",
    "__proto__",
    "constructor",
    "mo\\del",
    "model\u0000",
    '"model"',
    "{",
    "é",
  ),
  fc.string({ unit: "binary", maxLength: 6 }),
);
const traps = ['"model":"x"', "}{][", '\\"', "\\", ",", ":", "\u2028", "👩‍👧"];
const leaves = fc.oneof(
  fc.constantFrom("null", "true", "false", "0", "-1.5e+3", "{}", "[]", '""'),
  fc.oneof(fc.constantFrom(...traps), fc.string({ unit: "binary", maxLength: 8 })).map((text) => JSON.stringify(text)),
);

/** Text of a JSON value, with spaces wherever a parser allows them. */
const values = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, leaves, tie("array"), tie("object")),
  array: fc
    .tuple(space, fc.array(fc.tuple(tie("value"), space), { maxLength: 3 }))
    .map(([inner, items]) => `[${inner}${items.map(([item, after]) => item + after).join(",")}]`),
  object: fc
    .tuple(space, fc.array(fc.tuple(space, keys, fc.nat(), space, space, tie("value"), space), { maxLength: 5 }))
    .map(([inner, members]) => {
      const texts = members.map(
        ([before, key, salt, one, two, item, after]) => `${before}${rendered(key, salt)}${one}:${two}${item}${after}`,
      );
      return texts.length > 0 ? `{${texts.join(",")}}` : `{${inner}}`;
    }),
}));

const bodies = fc.tuple(fc.constantFrom("", "", "\ufeff"), space, values.object, space).map((parts) => parts.join(""));
const parse = (text: string) => JSON.parse(text.replace(/^\ufeff/, "")) as Record<string, unknown>;

describe("single values in place", () => {
  test("are found where a parser finds them, of doubled keys the last", () => {
    fc.assert(
      fc.property(bodies, keys, (text, key) => {
        const found = findValue(bytesOf(text), key);
        const json = parse(text);
        if (!found) return !Object.hasOwn(json, key);
        expect(JSON.parse(textOf(bytesOf(text).subarray(...found)))).toEqual(json[key]);
        return true;
      }),
      { numRuns: 3_000 },
    );
  });

  test("are replaced and nothing else", () => {
    fc.assert(
      fc.property(bodies, keys, fc.jsonValue(), (text, key, value) => {
        const body = bytesOf(text);
        const found = findValue(body, key);
        if (!found) return;
        const edited = replaceBytes(body, found[0], found[1], JSON.stringify(value));
        const members = Object.entries(parse(text)).map(([name, old]) => [
          name,
          name === key ? JSON.parse(JSON.stringify(value)) : old,
        ]);
        expect(Object.entries(parse(textOf(edited)))).toEqual(members as [string, unknown][]);
        expect(edited.subarray(0, found[0])).toEqual(body.subarray(0, found[0]));
        expect(edited.subarray(edited.length - (body.length - found[1]))).toEqual(body.subarray(found[1]));
      }),
      { numRuns: 1_000 },
    );
  });

  test("are put in as first member of any object, empty ones too", () => {
    fc.assert(
      fc.property(bodies, (text) => {
        const body = bytesOf(text);
        const edited = insertMember(body, startOfObject(body), '"an added one":[1]');
        const { "an added one": added, ...others } = parse(textOf(edited));
        expect(added).toEqual([1]);
        const { "an added one": _, ...before } = parse(text);
        expect(others).toEqual(before);
        expect(edited.length - body.length).toBeGreaterThanOrEqual(18);
      }),
      { numRuns: 1_000 },
    );
  });

  test("are told from their namesakes inside other values and from escaped spellings", () => {
    const at = (text: string, key = "model") => {
      const found = findValue(bytesOf(text), key);
      return found && textOf(bytesOf(text).subarray(...found));
    };
    expect(at('{"a":{"model":1},"b":"\\"model\\":2","c":["model",3]}')).toBeNull();
    expect(at('{"\\u006dodel" : 4 }')).toBe("4");
    expect(at('\ufeff {"x":"{\\"","model":{"model":"}"},"y":1}')).toBe('{"model":"}"}');
    expect(at('{"model":1,"model":2}')).toBe("2");
    expect(at('{"__proto__":{"model":1}}')).toBeNull();
    expect(at('{"__proto__":7}', "__proto__")).toBe("7");
    expect(at("{}")).toBeNull();
  });

  test("are found behind strings of any length that end in any run of backslashes", () => {
    for (let length = 0; length < 200; length += 1) {
      const text = JSON.stringify({
        a: `${"x".repeat(length)}"\\`,
        b: "\\".repeat(length),
        c: '"'.repeat(length),
        model: "m",
      });
      expect(findValue(bytesOf(text), "model")).toEqual([text.length - 4, text.length - 1]);
    }
  });
});

describe("nesting", () => {
  const mebibyte = 1_048_576;

  test("is deep from level 257 on, brackets in strings not counted", () => {
    const padded = (text: string) => bytesOf(`${text}${" ".repeat(20_000)}`);
    expect(nestingIsDeep(padded("[".repeat(256)))).toBe(false);
    expect(nestingIsDeep(padded("[".repeat(257)))).toBe(true);
    expect(nestingIsDeep(padded('{"a":'.repeat(257)))).toBe(true);
    expect(nestingIsDeep(padded("[]".repeat(9_000)))).toBe(false);
    expect(nestingIsDeep(padded(`["${"[".repeat(300)}\\"${"{".repeat(300)}"]`))).toBe(false);
  });

  test("is told of a mebibyte of anything in a few milliseconds", () => {
    const hostile = ["[", "[]", '"', '""', '"\\"', "\\", '"\\\\', "1", '{"":', '"a\\"', `"${"x".repeat(62)}\\"`, "x"];
    for (const unit of hostile) {
      for (const opening of ["", '"']) {
        const body = bytesOf(opening + unit.repeat(mebibyte / unit.length));
        // Asked again while it is slow: other processes share the machine.
        let bestMs = Number.POSITIVE_INFINITY;
        for (let tries = 0; tries < 30 && bestMs > 10; tries++) {
          const startedAt = performance.now();
          nestingIsDeep(body);
          bestMs = Math.min(bestMs, performance.now() - startedAt);
        }
        expect([unit, bestMs <= 10]).toEqual([unit, true]);
      }
    }
  });
});

describe("a body that must be an object", () => {
  test("is read as a parser reads it", () => {
    fc.assert(
      fc.property(bodies, (text) => {
        expect(parseObject(bytesOf(text))).toEqual(parse(text));
      }),
      { numRuns: 500 },
    );
  });

  test("keeps __proto__ as a key of its own and pollutes nothing", () => {
    const json = parseObject(bytesOf('{"__proto__":{"polluted":true},"constructor":1}'));
    expect(Object.keys(json)).toEqual(["__proto__", "constructor"]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("is refused when it is none, saying what was wrong", () => {
    expect(refusal(null).message).toContain("no body");
    expect(refusal("").message).toContain("no body");
    for (const text of ["null", "[]", '"x"', "1", "true"]) expect(refusal(text).message).toContain("not an object");
    for (const text of ["{", "{'a':1}", '{"a":1,}', "\ufeff", "   ", '{"a":\u00a01}'])
      expect(refusal(text).code).toBe("invalid_json");
    expect(refusal(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])).message).toContain("not valid UTF-8");
    expect(refusal(`{"a":${"[".repeat(20_000)}`).message).toContain("nested");
    expect(refusal(`{"a":${"[".repeat(8_000)}`).code).toBe("invalid_json");
  });

  test("leaves no more than a short fragment of itself in a refusal", () => {
    const prompt = "my-very-private-words-".repeat(40);
    for (const text of [
      prompt,
      `{"a":${prompt}}`,
      `{${prompt}:1}`,
      `{"a":"${prompt}`,
      `{"a":"\\u12${prompt}"}`,
      `{"a":1}${prompt}`,
      `{"${prompt}" 1}`,
    ]) {
      const { message } = refusal(text);
      expect(message.length).toBeLessThan(160);
      expect(message).not.toContain(prompt.slice(0, 60));
    }
  });
});
