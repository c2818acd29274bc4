import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Identity } from "../call";
import { readIdentity } from "./identity";

const nobody: Identity = { user: null, team: null, session: null, tool: null, labels: null, isMetadataInvalid: false };
const invalid: Identity = { ...nobody, isMetadataInvalid: true };

/** UTF-8 as it arrives: each byte a character. */
const asHeader = (text: string) => Buffer.from(text, "utf8").toString("latin1");
const read = (metadata: unknown, others: Record<string, string> = {}) =>
  readIdentity(new Headers({ "x-anyray-metadata": asHeader(JSON.stringify(metadata)), ...others }));
const readText = (text: string) => readIdentity(new Headers({ "x-anyray-metadata": text }));

describe("metadata", () => {
  test("names user, team, session and tool by either spelling, and keeps the rest as labels", () => {
    expect(read({ user: "u", team: "t", session: "s", tool: "x", env: "prod", retries: 2, beta: false })).toEqual({
      ...nobody,
      ...{ user: "u", team: "t", session: "s", tool: "x" },
      labels: { env: "prod", retries: 2, beta: false },
    });
    expect(read({ userId: "u", teamId: "t", sessionId: "s" })).toEqual({
      ...nobody,
      user: "u",
      team: "t",
      session: "s",
    });
    expect(read({ userId: "first", user: "second" }).user).toBe("first");
    expect(read({ user: null, userId: "u" }).user).toBe("u");
    expect(read({ User: "u", USER: "v" })).toEqual({ ...nobody, labels: { User: "u", USER: "v" } });
  });

  test("may be empty, and empty names are no names", () => {
    expect(read({})).toEqual(nobody);
    expect(read({ user: "", team: null, tool: "   ", session: "\u00a0" })).toEqual(nobody);
    expect(read({ env: "", gone: null })).toEqual({ ...nobody, labels: { env: "" } });
    expect(readIdentity(new Headers())).toEqual(nobody);
  });

  test("takes whole numbers as names and nothing else that is no string", () => {
    expect(read({ user: 42, team: -7, session: 0 })).toMatchObject({ user: "42", team: "-7", session: "0" });
    for (const user of [1.5, 2 ** 53, true, [], ["u"], {}, { name: "u" }]) expect(read({ user })).toEqual(invalid);
    for (const label of [[], {}, ["a"], { a: 1 }]) expect(read({ label, user: "u" })).toEqual(invalid);
  });

  test("is read as UTF-8, brought to one form, and trimmed", () => {
    expect(read({ user: "Zoë 👩‍💻".replace("\u200d", "") }).user).toBe("Zoë 👩💻");
    expect(read({ user: "Zoe\u0308" }).user).toBe("Zoë");
    expect(read({ user: "  Zoë\u3000" }).user).toBe("Zoë");
    expect(read({ team: "日本語", клуб: "да" })).toEqual({ ...nobody, team: "日本語", labels: { клуб: "да" } });
    // Latin-1 from an older client is no UTF-8: it stays what it is.
    expect(readText('{"user":"Zo\u00eb"}').user).toBe("Zoë");
    expect(readText('{"user":"Zo\\u00eb"}').user).toBe("Zoë");
  });

  test("with characters that cannot be seen, or that reorder text, is not understood", () => {
    const hidden = [
      "\0",
      "\n",
      "\u007f",
      "\u0085",
      "\u00ad",
      "\u061c",
      "\u115f",
      "\u1160",
      "\u180e",
      "\u200b",
      "\u200d",
    ];
    hidden.push(
      "\u202e",
      "\u2028",
      "\u2029",
      "\u2060",
      "\u2066",
      "\u206f",
      "\u3164",
      "\ufeff",
      "\uffa0",
      "\ufff9",
      "\u{e0041}",
    );
    for (const character of [...hidden, "\ud800", "\udc00"]) {
      // As an escape, because a header cannot carry all of them as they are.
      const units = [...Array(character.length).keys()].map((at) =>
        character.charCodeAt(at).toString(16).padStart(4, "0"),
      );
      const text = `a${units.map((unit) => `\\u${unit}`).join("")}b`;
      for (const body of [`{"user":"${text}"}`, `{"label":"${text}"}`, `{"${text}":1}`]) {
        expect([body, readText(body)]).toEqual([body, invalid]);
      }
    }
  });

  test("keeps keys that mean something to JavaScript as labels, and pollutes nothing", () => {
    const { labels } = readText('{"__proto__":"p","constructor":"c","toString":1,"hasOwnProperty":true}');
    expect(JSON.parse(JSON.stringify(labels))).toEqual(
      JSON.parse('{"__proto__":"p","constructor":"c","toString":1,"hasOwnProperty":true}'),
    );
    expect(Object.keys(labels as object)).toEqual(["__proto__", "constructor", "toString", "hasOwnProperty"]);
    expect(({} as Record<string, unknown>)["p"]).toBeUndefined();
    expect(readText('{"__proto__":{"user":"x"}}')).toEqual(invalid);
  });

  test("has at most 16 labels and names of at most 128 characters", () => {
    const labels = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, at]));
    expect(Object.keys(read({ ...labels(16), user: "u", team: "t" }).labels as object)).toHaveLength(16);
    expect(read(labels(17))).toEqual(invalid);
    expect(read({ ...labels(16), gone: null }).isMetadataInvalid).toBe(false);
    for (const key of ["user", "label"]) {
      expect(read({ [key]: "é".repeat(128) }).isMetadataInvalid).toBe(false);
      expect(read({ [key]: "é".repeat(129) })).toEqual(invalid);
    }
    expect(read({ ["k".repeat(129)]: 1 })).toEqual(invalid);
    // Counted in the form that is stored.
    expect(read({ user: "e\u0308".repeat(128) }).user).toHaveLength(128);
  });

  test("that is no JSON object, or sent twice, or too large, leaves the call unattributed", () => {
    for (const text of ["", "{", "u", "null", "[]", "1", '"u"', '[{"user":"u"}]', "{'user':'u'}"])
      expect(readText(text)).toEqual(invalid);
    const twice = new Headers([
      ["x-anyray-metadata", '{"user":"a"}'],
      ["x-anyray-metadata", '{"user":"b"}'],
    ]);
    expect(readIdentity(twice)).toEqual(invalid);
    expect(readText(`{"user":"u"${" ".repeat(8_180)}}`).user).toBe("u");
    expect(readText(`{"user":"u"${" ".repeat(8_181)}}`)).toEqual(invalid);
    for (const deep of ["[".repeat(8_000), '{"a":'.repeat(1_600)]) expect(readText(deep)).toEqual(invalid);
  });
});

describe("a session", () => {
  const claude = (session: string) => ({ "x-claude-code-session-id": asHeader(session) });

  test("comes from the agent's own header where metadata names none", () => {
    expect(readIdentity(new Headers(claude("abc-1")))).toEqual({ ...nobody, session: "abc-1" });
    expect(read({ user: "u" }, claude("abc-1"))).toEqual({ ...nobody, user: "u", session: "abc-1" });
    expect(read({ session: "mine" }, claude("abc-1")).session).toBe("mine");
    expect(readIdentity(new Headers({ ...claude("abc-1"), "x-anyray-metadata": "{" }))).toEqual({
      ...invalid,
      session: "abc-1",
    });
    expect(readIdentity(new Headers(claude("Zoë"))).session).toBe("Zoë");
  });

  test("that cannot be stored is none, and makes nothing invalid", () => {
    for (const session of ["", "  ", "x".repeat(129), "a\u202eb", "a\u200bb"]) {
      expect(readIdentity(new Headers(claude(session)))).toEqual(nobody);
    }
  });
});

describe("whatever a caller sends", () => {
  const isName = (name: string | null) =>
    name === null ||
    (name.length >= 1 && name.length <= 128 && name.isWellFormed() && name === name.normalize("NFC").trim());

  function isSound(identity: Identity): boolean {
    const { user, team, session, tool, labels, isMetadataInvalid } = identity;
    const kept = Object.entries(labels ?? {});
    const isStorable = kept.every(
      ([key, value]) =>
        key.length <= 128 && (typeof value === "string" ? value.length <= 128 : typeof value !== "object"),
    );
    const isUnattributed = user === null && team === null && tool === null && labels === null;
    return (
      [user, team, session, tool].every(isName) &&
      kept.length <= 16 &&
      isStorable &&
      (!isMetadataInvalid || isUnattributed)
    );
  }

  test("nothing is thrown and only sound names come out", () => {
    // Header values are bytes without NUL, CR and LF.
    const header = fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)) });
    const values = header.map((text) => text.replace(/[\r\n]/g, ""));
    fc.assert(
      fc.property(values, values, (metadata, session) =>
        isSound(readIdentity(new Headers({ "x-anyray-metadata": metadata, "x-claude-code-session-id": session }))),
      ),
      { numRuns: 1_000 },
    );
  });

  test("the same for any JSON, escaped or not", () => {
    const keys = fc.oneof(fc.constantFrom("user", "userId", "team", "session", "tool", "__proto__", "x"), fc.string());
    const json = fc.dictionary(keys, fc.oneof(fc.jsonValue(), fc.string({ unit: "binary" }), fc.integer()), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(json, fc.boolean(), (metadata, isEscaped) => {
        const text = JSON.stringify(metadata);
        const escaped = text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
        const identity = isEscaped ? readText(escaped) : readText(asHeader(text));
        expect(isSound(identity)).toBe(true);
        expect(readText(escaped)).toEqual(identity);
      }),
      { numRuns: 1_000 },
    );
  });
});
