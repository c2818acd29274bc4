import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compilePattern, type Search, search } from "./grep";
import { linesOf, unitsOfSpans } from "./units";

function grep(text: string, pattern: string, options: Partial<Search> = {}) {
  const units = linesOf(text);
  const compiled = compilePattern(pattern);
  if (!compiled) throw new Error("too large");
  return search(compiled, {
    text,
    units,
    from: 0,
    to: units.starts.length,
    context: 0,
    charsMax: 1e6,
    isOver: () => false,
    ...options,
  });
}

const ten = Array.from({ length: 10 }, (_, n) => `line ${n + 1}`).join("\n");

describe("a search", () => {
  test("shows numbers and what stands around, each line once", () => {
    expect(grep(ten, "line [25]$", { context: 1 }).content).toBe(
      "1-line 1\n2:line 2\n3-line 3\n4-line 4\n5:line 5\n6-line 6",
    );
    expect(grep(ten, "line [28]$", { context: 1 }).content).toBe(
      "1-line 1\n2:line 2\n3-line 3\n--\n7-line 7\n8:line 8\n9-line 9",
    );
    expect(grep(ten, "line [23]", { context: 2 }).content).toBe("1-line 1\n2:line 2\n3:line 3\n4-line 4\n5-line 5");
    expect(grep(ten, "nothing")).toEqual({ content: "", matches: 0, next: null, isCut: false });
  });

  test("takes RE2's syntax, and as it stands what is none", () => {
    expect(grep("a1\nb\na(", "(?i)^A\\d$").content).toBe("1:a1");
    expect(grep("a1\nb\na(", "a(").content).toBe("3:a(");
    expect(grep("x(?=y)\nxy", "x(?=y)").content).toBe("1:x(?=y)");
    expect(grep("caf\u00e9 \ud83d\ude00\nz", "\u00e9 .$").content).toBe("1:caf\u00e9 \ud83d\ude00");
    expect(grep("a\r\nb\r\n", "a$").content).toBe("1:a");
  });

  test("shows of a long line the part with the match", () => {
    const line = `${"x".repeat(150_000)}needle${"y".repeat(50_000)}`;
    const { content } = grep(line, "ne+dle");
    expect(content.length).toBeLessThan(600);
    expect(content).toMatch(/^1:\.\.\.x+needley+\.\.\.$/);
    expect(grep(`${"x".repeat(16_380)}needle`, "needl[e]").matches).toBe(1);
    expect(grep("x".repeat(400_000), "^y|x$").matches).toBe(1);
    expect(grep(`${"x".repeat(400_000)}y`, "^x+$").matches).toBe(0);
    expect(grep(`${"y ".repeat(10_000)}x`, "^x").matches).toBe(0);
  });

  test("stops at its limits and says where to go on", () => {
    const cut = grep(ten, "line", { charsMax: 22 });
    expect(cut).toEqual({ content: "1:line 1\n2:line 2", matches: 2, next: 2, isCut: false });
    let ticks = 0;
    const late = grep("a\n".repeat(1_000), "b", { isOver: () => ++ticks > 3 });
    expect(late).toMatchObject({ matches: 0, next: 256 });
    expect(grep("x".repeat(100_000), "[y]", { isOver: () => true })).toMatchObject({ isCut: true, next: null });
  });

  test("names rows where there are no lines", () => {
    const text = '[{"a":1},{"a":2}]';
    const units = unitsOfSpans("row", [
      { start: 1, end: 8 },
      { start: 9, end: 16 },
    ]);
    expect(grep(text, ":2", { units, to: 2 }).content).toBe('row 2:{"a":2}');
  });

  test("refuses patterns that are too large, and takes no harm from hostile ones", () => {
    expect(compilePattern("(?:a?){500}a{500}")).toBeNull();
    expect(compilePattern("[ab]{900}")).toBeNull();
    const begun = performance.now();
    expect(grep("a".repeat(20_000), "^(a+)+$").matches).toBe(1);
    expect(grep(`${"a".repeat(20_000)}!`, "^(a|aa)+$").matches).toBe(0);
    expect(grep("\ud800x\udc00".repeat(2_000), "\\x{FFFD}z").matches).toBe(0);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  test("finds what a plain loop finds, and all of it in pages", () => {
    const line = fc.string({ unit: fc.constantFrom("a", "b", "c", ".", "("), maxLength: 6 });
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 30 }),
        fc.constantFrom("a", "(", "b.c", "[ab]c", "^a", "c$"),
        fc.nat(60),
        (lines, pattern, charsMax) => {
          const text = lines.join("\n");
          let expected: RegExp | null = null;
          if (pattern !== "(") expected = new RegExp(pattern);
          const counted = linesOf(text).starts.length;
          const wanted = lines
            .slice(0, counted)
            .flatMap((one, at) => ((expected ? expected.test(one) : one.includes("(")) ? [`${at + 1}:${one}`] : []));
          const shown: string[] = [];
          let from: number | null = 0;
          while (from !== null) {
            const page = grep(text, pattern, { from, charsMax });
            if (page.matches > 0) shown.push(page.content);
            from = page.next;
          }
          expect(shown.join("\n")).toBe(wanted.join("\n"));
        },
      ),
      { numRuns: 300 },
    );
  });
});
