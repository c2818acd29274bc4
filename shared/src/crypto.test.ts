import { expect, test } from "bun:test";
import fc from "fast-check";
import { createKeyring, EnvelopeError } from "./crypto";
import { makeKey } from "./secrets";

const first = makeKey();
const second = makeKey();
const keyring = createKeyring(first);
const place = "provider-key/openai";

test("what was sealed opens to the same bytes, and shows none of them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.string(), (plain, where) => {
      expect(keyring.open(keyring.seal(plain, where), where)).toEqual(plain);
    }),
  );
  expect(keyring.seal("sk-canary-canary-canary", place)).not.toContain("canary");
});

test("equal plain texts never make equal envelopes", () => {
  const sealed = new Set(Array.from({ length: 1_000 }, () => keyring.seal("same", place)));
  expect(sealed.size).toBe(1_000);
});

test("an envelope opens nowhere but in its own place", () => {
  expect(() => keyring.open(keyring.seal("x", place), "provider-key/anthropic")).toThrow(EnvelopeError);
});

test("any changed character, and any cut, is noticed", () => {
  const sealed = keyring.seal("a secret of some length", place);
  for (let at = 0; at < sealed.length; at++) {
    const other = sealed[at] === "A" ? "B" : "A";
    const changed = sealed.slice(0, at) + other + sealed.slice(at + 1);
    let opened: Uint8Array | null = null;
    try {
      opened = keyring.open(changed, place);
    } catch (error) {
      expect(error).toBeInstanceOf(EnvelopeError);
    }
    // The last character of a part may carry unused bits: then the bytes are the same and so is the text.
    if (opened) expect(new TextDecoder().decode(opened)).toBe("a secret of some length");
    expect(() => keyring.open(sealed.slice(0, at), place)).toThrow(EnvelopeError);
  }
});

test("former keys open, only the active one seals, unknown ones do neither", () => {
  const old = keyring.seal("kept", place);
  const rotated = createKeyring(second, [first]);
  expect(new TextDecoder().decode(rotated.open(old, place))).toBe("kept");
  expect(rotated.seal("new", place)).toContain(`.${rotated.keyId}.`);
  expect(() => createKeyring(second).open(old, place)).toThrow("not configured");
});

test("a key of another length is refused", () => {
  expect(() => createKeyring("c2hvcnQ=")).toThrow(EnvelopeError);
});
