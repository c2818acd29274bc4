import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { asked, compress } from "../../../test/compress-stand";
import { faultsOf } from "../../../test/legality";
import { createDice } from "../../../test/needle-report";
import { diffFacts, diffHaystack } from "../../../test/needles/diffs";
import { recordFacts, recordForms, recordHaystack } from "../../../test/needles/records";
import { seriesFacts, seriesHaystack } from "../../../test/needles/series";
import { textFacts, textHaystack } from "../../../test/needles/texts";
import { endpoints, runStrategy } from "../../../test/run-stand";
import { handlesIn, hasMarker } from "../../markers";
import { unfold } from "../../text/line-shapes";
import { contextCompression } from "../context_compression";
import { hasTable, readTables } from "./read-table";

/** Texts of every kind that the strategy knows, worlds of their own. */
const haystack = fc
  .record({ seed: fc.nat(1_000_000), kind: fc.nat(100), family: fc.nat(8) })
  .map(({ seed, kind, family }) => {
    const dice = createDice(seed);
    const of = (kinds: readonly string[]) => kinds[kind % kinds.length] as string;
    if (family === 8) return recordHaystack(dice, "csv", of(recordFacts));
    if (family === 5) return seriesHaystack(dice, of(seriesFacts));
    if (family === 6) return diffHaystack(dice, of(diffFacts));
    if (family === 7) return textHaystack(dice, of(textFacts));
    return recordHaystack(dice, recordForms[family] as (typeof recordForms)[number], of(recordFacts));
  });
const hostile = fc.oneof(
  fc.string({ unit: "binary", minLength: 1_500, maxLength: 4_000 }),
  fc
    .array(fc.string({ unit: "binary", maxLength: 60 }), { minLength: 60, maxLength: 200 })
    .map((lines) => lines.join("\n")),
  fc.json({ maxDepth: 6 }).map((json) => `[${new Array(40).fill(json).join(", ")}]`),
);
const endpoint = fc.constantFrom(...endpoints);

describe("laws", () => {
  test("same bytes each time; never larger; idempotent; legal; the rest untouched; all of it retrievable", () => {
    fc.assert(
      fc.property(
        fc.oneof(haystack, hostile),
        endpoint,
        fc.boolean(),
        fc.boolean(),
        (given, at, selection, isFresh) => {
          const [content, question] = typeof given === "string" ? [given, asked] : [given.text, given.question];
          const options = { endpoint: at, question, isFresh, params: { selection } };
          const { output, text, source, stashes, draft } = compress(content, options);
          expect(compress(content, options).output).toBe(output);
          expect(text.length).toBeLessThanOrEqual(content.length);
          expect(runStrategy(contextCompression, output, { endpoint: at, params: { selection } }).output).toBe(output);
          expect(faultsOf(at, output)).toEqual([]);
          const parsed = JSON.parse(output) as Record<string, unknown>;
          expect(parsed["unknown_field"]).toEqual({ kept: [1, 2, 3] });
          for (const segment of draft.segments) {
            if (segment.kind !== "tool_result") expect(segment.text).toBe(segment.original);
          }
          const handles = handlesIn(output);
          for (const handle of handles)
            expect(stashes.get(handle)?.content).toBe(
              content.isWellFormed() ? content : (stashes.get(handle)?.content as string),
            );
          if (isFresh || !selection)
            expect([handles.length, text !== content && hasMarker(text) && !hasMarker(content)]).toEqual([0, false]);
          else if (text !== content && hasMarker(text)) expect(handlesIn(text)).toHaveLength(1);
          if (text === content) expect(output).toBe(source);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("a higher limit keeps all that a lower one kept", () => {
    const kept = (text: string) => new Set(readTables(text).flatMap(({ indexes }) => indexes));
    let compared = 0;
    fc.assert(
      fc.property(
        fc.nat(100_000),
        fc.nat(60),
        fc.nat(60),
        fc.constantFrom("maxArrayItems", "maxQueryRows"),
        (seed, a, b, name) => {
          const { text, question } = recordHaystack(createDice(seed), "json", "word asked for");
          const at = (limit: number) => compress(text, { question, params: { [name]: limit } }).text;
          const [low, high] = [at(Math.min(a, b)), at(Math.max(a, b))];
          if (!hasTable(low) || !hasTable(high)) return;
          compared += 1;
          expect(kept(high).isSupersetOf(kept(low))).toBe(true);
        },
      ),
      { numRuns: 25 },
    );
    expect(compared).toBeGreaterThan(5);
    fc.assert(
      fc.property(
        fc.nat(100_000),
        fc.integer({ min: 500, max: 9_000 }),
        fc.integer({ min: 500, max: 9_000 }),
        (seed, a, b) => {
          const { text, question } = textHaystack(createDice(seed), "severe");
          // Unfolded, so that lines can be compared: prose is not folded.
          const lines = (limit: number) => {
            const left = compress(`${text.replaceAll("\r", "")}`, { question, params: { textCapChars: limit } }).text;
            return new Set(unfold(left).filter((line) => !hasMarker(line)));
          };
          expect(lines(Math.max(a, b)).isSupersetOf(lines(Math.min(a, b)))).toBe(true);
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe("hostile texts", () => {
  const long = "x".repeat(200_000);
  const deep = `${"[".repeat(5_000)}${"]".repeat(5_000)}`;
  const cases: [string, string][] = [
    ["one line of 200 KB", long],
    ["one JSON line of 200 KB", JSON.stringify({ a: `${"ab ".repeat(66_000)}` })],
    ["nested 5,000 deep", deep],
    ["nested 200 deep", `${"[".repeat(200)}${JSON.stringify(long.slice(0, 5_000))}${"]".repeat(200)}`],
    ["lone surrogates", JSON.stringify(Array.from({ length: 100 }, (_, at) => ({ at, text: `\ud800${at}\udc00` })))],
    ["lone surrogates in text", "a\ud800b\n".repeat(2_000)],
    [
      "__proto__",
      `[${Array.from({ length: 200 }, (_, at) => `{"__proto__":{"x":${at}},"constructor":1,"toString":2}`).join(",")}]`,
    ],
    ["CRLF", "a line that comes again and again\r\n".repeat(500)],
    ["half a JSON", JSON.stringify(new Array(500).fill({ a: 1 })).slice(0, -2)],
    ["half a diff", "diff --git a/x b/x\n@@ -1,400 +1,400 @@\n".repeat(200)],
    ["a diff of huge ranges", `diff --git a/x b/x\n@@ -1,999999999 +1,999999999 @@\n${"+a\n".repeat(3_000)}`],
    ["for regexes", `${"a".repeat(50_000)}!${"(((((".repeat(5_000)}${"-".repeat(20_000)}${" ".repeat(20_000)}x`],
    ["escapes that never end", "\u001b[".repeat(20_000)],
    ["titles that never end", "\u001b]0;".repeat(20_000)],
    ["carriage returns", "\r".repeat(60_000)],
    ["quotes and backslashes", `["${"\\\\".repeat(30_000)}"]`],
    ["blanks", " ".repeat(100_000)],
    ["markers", `[... 5 of 6 rows elided; retrieve("ctx_aaaaaaaaaaaaaaaa")]\n`.repeat(60)],
    ["tables", `[table 1: 3 rows]\na,b\n1,2\n`.repeat(200)],
    ["nulls", `[${new Array(3_000).fill("null").join(",")}]`],
    ["empty rows", `[${new Array(3_000).fill("{}").join(",")}]`],
    ["numbers nobody can hold", `[${Array.from({ length: 900 }, (_, at) => `${at}e999`).join(",")}]`],
  ];

  test.each(cases)("%s", (_, content) => {
    for (const at of endpoints) {
      for (const isFresh of [true, false]) {
        const startedAt = performance.now();
        const { output, text } = compress(content, { endpoint: at, isFresh });
        expect(performance.now() - startedAt).toBeLessThan(2_000);
        expect(text.length).toBeLessThanOrEqual(content.length);
        expect(faultsOf(at, output)).toEqual([]);
        expect(runStrategy(contextCompression, output, { endpoint: at }).output).toBe(output);
      }
    }
  });

  test("a text with markers or tables of ours is left alone", () => {
    for (const name of ["markers", "tables"]) {
      const content = cases.find(([title]) => title === name)?.[1] ?? "";
      expect(compress(content).text).toBe(content);
    }
  });
});
