import { expect, test } from "bun:test";
import { compileMatch, type MatchLogic, normalizeName, spellDates } from "./match";

const matches = (logic: MatchLogic, name: string) => compileMatch(logic)(normalizeName(name));

test("each kind of match takes what it says, whatever the case", () => {
  expect(matches({ equals: "MiniMax-M2" }, "minimax-m2")).toBe(true);
  expect(matches({ equals: "gpt-5" }, "gpt-5-mini")).toBe(false);
  expect(matches({ starts_with: "GPT-5-" }, "gpt-5-mini")).toBe(true);
  expect(matches({ starts_with: "5-mini" }, "gpt-5-mini")).toBe(false);
  expect(matches({ ends_with: ":Free" }, "x:FREE")).toBe(true);
  expect(matches({ ends_with: ":free" }, "x:free:y")).toBe(false);
  expect(matches({ contains: "Claude" }, "us.anthropic.CLAUDE-3")).toBe(true);
  expect(matches({ contains: "claude" }, "clau-de")).toBe(false);
  expect(matches({ regex: "^o[134]-\\d+$" }, "O3-16")).toBe(true);
  expect(matches({ regex: "^o[134]-\\d+$" }, "o2-16")).toBe(false);
});

test("`or` needs one, `and` needs all", () => {
  const either = { or: [{ equals: "a" }, { starts_with: "b" }] };
  expect([matches(either, "a"), matches(either, "bc"), matches(either, "c")]).toEqual([true, true, false]);
  const both = { and: [{ starts_with: "a" }, { ends_with: "z" }] };
  expect([matches(both, "a-z"), matches(both, "a-y"), matches(both, "b-z")]).toEqual([true, false, false]);
});

test("logic of an unknown kind is refused, not taken for 'never'", () => {
  expect(() => compileMatch({ sounds_like: "gpt" } as unknown as MatchLogic)).toThrow("sounds_like");
});

test("a pattern is as good the second time as the first", () => {
  const test = compileMatch({ regex: "^gpt-5-\\d{4}$" });
  expect([test("gpt-5-2025"), test("gpt-5-2025"), test("gpt-5-x")]).toEqual([true, true, false]);
});

test.each([
  ["gpt-5-20250807", "gpt-5-2025-08-07"],
  ["gpt-5-20250807-preview", "gpt-5-2025-08-07-preview"],
  ["ft:gpt-4o-20240806:org::id", "ft:gpt-4o-2024-08-06:org::id"],
  ["a-20250101-20260228", "a-2025-01-01-2026-02-28"],
  ["a-20240229", "a-2024-02-29"],
])("the date in %s is spelt out", (name, spelt) => {
  expect(spellDates(name)).toBe(spelt);
});

test.each([
  "gpt-5-2025-08-07",
  "a-20250229",
  "a-20250431",
  "a-20251301",
  "a-202508071",
  "a20250807",
  "a-19990807",
  "a-20250807x",
])("%s holds no date in the compact spelling", (name) => {
  expect(spellDates(name)).toBe(name);
});
