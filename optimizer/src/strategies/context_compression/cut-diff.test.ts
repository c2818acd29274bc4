import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createDice } from "../../../test/needle-report";
import { diffFacts, diffHaystack } from "../../../test/needles/diffs";
import { buildQuestion } from "../../text/question";
import { cutDiff, hunkStarts } from "./cut-diff";
import { isMade, readDiff } from "./diff-parts";
import { changesOf, isTwin } from "./diff-twins";
import type { Cut } from "./elide";
import { riskWords } from "./risk-words";

const cut = (asked = "Is it safe?"): Cut => ({
  limits: {
    outlierK: 6,
    rareFrac: 0.1,
    maxArrayItems: 50,
    maxQueryRows: 20,
    textCapChars: 8_000,
    encoding: "auto",
    riskWords,
  },
  question: buildQuestion({ lastUser: asked, previousUser: null, toolArgs: null, lastAssistant: null }),
  handle: () => "ctx_aaaaaaaaaaaaaaaa",
  check() {},
  gone: new Map(),
});

const hunk = (...lines: string[]) => ({ header: "@@ -1 +1 @@", lines, added: 1, removed: 1 });
const others = Array.from({ length: 8 }, (_, at) =>
  hunk(`-  return load(item${at}, 5);`, `+  return fetchOne(item${at}, 5);`),
);
const areTwins = (...lines: string[]) => {
  const changes = changesOf([...others, hunk(...lines)]);
  return isTwin(changes[0] as never, changes.at(-1) as never);
};

describe("the same change elsewhere", () => {
  test("may differ by names that both its sides have", () => {
    expect(areTwins("-  return load(other, 5);", "+  return fetchOne(other, 5);")).toBe(true);
  });

  test.each([
    ["another number", ["-  return load(other, 5);", "+  return fetchOne(other, 50);"]],
    ["another name on one side", ["-  return load(other, 5);", "+  return fetchOne(another, 5);"]],
    ["another function", ["-  return load(other, 5);", "+  return fetchAny(other, 5);"]],
    ["a negation", ["-  return load(other, 5);", "+  return !fetchOne(other, 5);"]],
    ["a text in place of a name", ['-  return load("x", 5);', '+  return fetchOne("x", 5);']],
    ["the other direction", ["+  return load(other, 5);", "-  return fetchOne(other, 5);"]],
    ["another order", ["+  return fetchOne(other, 5);", "-  return load(other, 5);"]],
    ["a line more", ["-  return load(other, 5);", "+  return fetchOne(other, 5);", "+  log(other);"]],
  ])("but not by %s", (_, lines) => {
    expect(areTwins(...lines)).toBe(false);
  });
});

test("every changed line of a diff stays, or its hunk is said to be another's twin, or its file to be generated", () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.constantFrom(...diffFacts), (seed, kind) => {
      const { text, question } = diffHaystack(createDice(seed), kind);
      const left = cutDiff(text, cut(question)) ?? text;
      const lines = new Set(left.split("\n"));
      for (const file of readDiff(text)?.files ?? []) {
        expect(left).toContain(file.path);
        for (const { lines: own, header } of file.hunks) {
          const changed = own.filter((line) => line[0] === "+" || line[0] === "-");
          const isTold =
            left.includes(`${file.path} ${header} +`) || (isMade(file.path) && lines.has(`${header} +60/-0`));
          expect(isTold || changed.every((line) => lines.has(line))).toBe(true);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("parts of a diff are all of it, in order", () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.constantFrom("", "commit 1234\n\n    words\n\n"), (seed, before) => {
      const text = before + diffHaystack(createDice(seed), "line more").text;
      const diff = readDiff(text);
      const lines = [
        ...(diff?.before ?? []),
        ...(diff?.files ?? []).flatMap(({ head, hunks }) => [
          ...head,
          ...hunks.flatMap((each) => [each.header, ...each.lines]),
        ]),
      ];
      expect(lines.join("\n")).toBe(text);
      const starts = hunkStarts(text) ?? [];
      expect(starts).toHaveLength(diff?.files.reduce((sum, { hunks }) => sum + hunks.length, 0) ?? -1);
      for (const start of starts) expect(text.startsWith("@@ -", start)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test("a lock file is its header and its size, unless it is asked for", () => {
  const lines = Array.from({ length: 300 }, (_, at) => `+    "pkg-${at}": "1.0.${at}",`);
  const text = ["diff --git a/package-lock.json b/package-lock.json", "@@ -1,0 +1,300 @@", ...lines].join("\n");
  const left = cutDiff(text, cut()) ?? "";
  expect(left).toContain("@@ -1,0 +1,300 @@ +300/-0");
  expect(left.length).toBeLessThan(300);
  expect(cutDiff(text, cut("What changed in package-lock.json?"))).toBeNull();
});

test("context between two changes of a hunk is said to be gone", () => {
  const context = Array.from({ length: 9 }, (_, at) => ` calm ${at}`);
  const text = ["--- a/x.c", "+++ b/x.c", "@@ -1,11 +1,11 @@", "-a", ...context, "+b", " end", ""].join("\n");
  const left = cutDiff(text, cut()) ?? "";
  expect(left).toContain("-a\n calm 0\n[... 7 lines elided]\n calm 8\n+b\n end\n");
});

test("no diff, no cut", () => {
  expect(cutDiff("just\nwords\n", cut())).toBeNull();
});
