import { describe, expect, test } from "bun:test";
import { contentModes } from "@anyray/shared/admin/privacy";
import fc from "fast-check";
import { createContentModes, isAllowed, stricter } from "./content-modes";

const modes = fc.constantFrom(...contentModes);
const rank = (mode: (typeof contentModes)[number]) => contentModes.indexOf(mode);

describe("content modes", () => {
  test("since a moment the strictest holds, and never a looser one than any in between", () => {
    fc.assert(
      fc.property(modes, fc.array(modes, { maxLength: 8 }), fc.nat(), (first, changes, at) => {
        const held = createContentModes(first);
        const from = at % (changes.length + 1);
        for (const mode of changes.slice(0, from)) held.set(mode);
        const mark = held.mark();
        const seen = [held.current(), ...changes.slice(from)];
        for (const mode of changes.slice(from)) held.set(mode);
        expect(rank(held.strictestSince(mark))).toBe(Math.min(...seen.map(rank)));
        expect(held.current()).toBe(changes.at(-1) ?? first);
      }),
    );
  });

  test("what was kept in the clear is not allowed unless that mode holds; what was sealed is, unless none is", () => {
    const allowed = (kept: "encrypted" | "plaintext") => contentModes.filter((mode) => isAllowed({ mode: kept }, mode));
    expect(allowed("encrypted")).toEqual(["encrypted", "plaintext"]);
    expect(allowed("plaintext")).toEqual(["plaintext"]);
    expect([stricter("off", "plaintext"), stricter("plaintext", "encrypted")]).toEqual(["off", "encrypted"]);
  });
});
