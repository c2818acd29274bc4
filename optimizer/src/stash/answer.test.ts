import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { StashIndex } from "../strategy";
import { answerQuery, type RetrieveAnswer } from "./answer";
import type { RetrieveQuery } from "./query";
import type { StashRecord } from "./record";

const handle = "ctx_abcdefghijklmnop";

function recordOf(content: string, index: StashIndex | null = null): StashRecord {
  const scope = { tenant: "t", user: "u", session: "s" };
  return { kind: "k", class: "lines", toolName: null, scope, content, index };
}

function ask(record: StashRecord, query: Partial<RetrieveQuery>): RetrieveAnswer {
  return answerQuery({ handle, offset: 0, maxChars: 8_000, ...query }, record);
}

/** All answers in a row, going on as each says. */
function askOn(record: StashRecord, query: Partial<RetrieveQuery>): RetrieveAnswer[] {
  const answers: RetrieveAnswer[] = [];
  for (let next: Partial<RetrieveQuery> | undefined = query; next; ) {
    const answer: RetrieveAnswer = ask(record, next);
    expect(answer.truncated).toBe(answer.next !== undefined);
    answers.push(answer);
    if (answers.length > 5_000) throw new Error("no end");
    next = answer.next;
  }
  return answers;
}

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.string({ unit: fc.constantFrom("a", "\n", "\r\n", "\ud800", "\udc00", "\ud83d\ude00"), maxLength: 200 }),
);

const log = Array.from({ length: 300 }, (_, n) => `line ${n + 1}\n`).join("");

describe("parts of an original", () => {
  test("without a part: all of it, or as much as may be told", () => {
    expect(ask(recordOf("one\ntwo"), {})).toEqual({
      handle,
      content: "one\ntwo",
      totalChars: 7,
      lines: [1, 2],
      totalLines: 2,
      truncated: false,
    });
    expect(ask(recordOf(""), {})).toEqual({ handle, content: "", totalChars: 0, truncated: false });
    const cut = ask(recordOf(log), { maxChars: 20 });
    expect(cut).toMatchObject({ content: "line 1\nline 2\n", lines: [1, 2], totalLines: 300, truncated: true });
    expect(cut.next).toEqual({ offset: 14, maxChars: 20 });
  });

  test("lines", () => {
    const answer = ask(recordOf(log), { lines: [10, 12] });
    expect(answer).toMatchObject({ content: "line 10\nline 11\nline 12\n", lines: [10, 12], truncated: false });
    expect(ask(recordOf(log), { lines: [299, 999] })).toMatchObject({ lines: [299, 300] });
    expect(() => ask(recordOf(log), { lines: [301, 302] })).toThrow("lines: this original has 300");
  });

  test("rows: as they were kept, as elements of an array, or as lines", () => {
    const json = '[{"n":1}, {"n":2},\n{"n":3}]';
    expect(ask(recordOf(json), { rows: [2, 3] })).toMatchObject({
      content: '{"n":2},\n{"n":3}',
      rows: [2, 3],
      totalRows: 3,
      lines: [1, 2],
    });
    const kept = recordOf("head|one|two|", { starts: [0, 5, 9], unit: "row" });
    expect(ask(kept, { rows: [2, 2] })).toMatchObject({ content: "one|", rows: [2, 2], totalRows: 3 });
    expect(ask(recordOf(log), { rows: [3, 3] })).toMatchObject({ content: "line 3\n", rows: [3, 3] });
    expect(() => ask(kept, { rows: [4, 4] })).toThrow("rows: this original has 3");
  });

  test("symbols", () => {
    const code = "function a() {}\nfunction b() {\n}\n";
    const kept = recordOf(code, { starts: [0, 16], unit: "symbol", symbols: { a: 0, b: 1 } });
    expect(ask(kept, { symbol: "b" })).toMatchObject({ content: "function b() {\n}\n", lines: [2, 3] });
    for (const symbol of ["c", "__proto__", "constructor"]) expect(() => ask(kept, { symbol })).toThrow("symbol: none");
    expect(() => ask(recordOf(code), { symbol: "a" })).toThrow("0 are known");
  });

  test("values of a path, with what was found", () => {
    const json = '{"items":[{"id":1.0},{"id":2}],\n"x":"y"}';
    expect(ask(recordOf(json), { jsonPath: "$.x" })).toMatchObject({ content: '"y"', matches: 1, lines: [2, 2] });
    expect(ask(recordOf(json), { jsonPath: "$.items[*].id" })).toMatchObject({ content: "1.0\n2", matches: 2 });
    expect(ask(recordOf(json), { jsonPath: "$.none" })).toMatchObject({ content: "", matches: 0, truncated: false });
    expect(() => ask(recordOf("text"), { jsonPath: "$.x" })).toThrow("no JSON");
    const many = recordOf(JSON.stringify(Array.from({ length: 500 }, (_, n) => ({ n }))));
    const pages = askOn(many, { jsonPath: "$[*].n", maxChars: 50 });
    expect(pages.map(({ content }) => content).join("")).toBe(Array.from({ length: 500 }, (_, n) => n).join("\n"));
  });

  test("a search in a part", () => {
    expect(ask(recordOf(log), { grep: "line 5\\d$", lines: [51, 60] })).toMatchObject({ matches: 9, totalLines: 300 });
    const found = ask(recordOf(log), { grep: "line 299", lines: [200, 300] });
    expect(found).toMatchObject({ content: "297-line 297\n298-line 298\n299:line 299\n300-line 300", matches: 1 });
    expect(ask(recordOf(log), { grep: "line 7$", lines: [8, 300] })).toMatchObject({ content: "", matches: 0 });
    const wide = recordOf(JSON.stringify(Array.from({ length: 300 }, (_, n) => ({ n, pad: "x".repeat(40) }))));
    expect(ask(wide, { grep: '"n":250\\b' }).content).toStartWith('row 251:{"n":250,');
    expect(ask(wide, { grep: "7", jsonPath: "$[0:20].n" })).toMatchObject({
      content: "result 8:7\nresult 18:17",
      matches: 2,
    });
    expect(() => ask(recordOf(log), { grep: "(?:a?){500}a{500}" })).toThrow("grep: the pattern is too large");
  });

  test("a long search is told in pages, none lost and none twice", () => {
    const pages = askOn(recordOf(log), { grep: "line \\d*3$", maxChars: 100 });
    expect(pages.length).toBeGreaterThan(5);
    const found = pages.flatMap(({ content }) => content.match(/^\d+:/gm) ?? []);
    expect(found).toEqual(Array.from({ length: 30 }, (_, n) => `${n * 10 + 3}:`));
  });
});

describe("for any text", () => {
  test("the pages of an original are the original", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 60 }), (content, maxChars) => {
        const answers = askOn(recordOf(content), { maxChars });
        expect(answers.map((answer) => answer.content).join("")).toBe(content);
        for (const answer of answers) expect(answer.content.length).toBeLessThanOrEqual(maxChars);
      }),
    );
  });

  test("the pages of any lines are a slice of it", () => {
    fc.assert(
      fc.property(
        anyText,
        fc.nat(20),
        fc.nat(20),
        fc.integer({ min: 1, max: 60 }),
        (content, from, count, maxChars) => {
          const lines = content.match(/[^\n]*\n|[^\n]+$/g) ?? [];
          fc.pre(from < lines.length);
          const answers = askOn(recordOf(content), { lines: [from + 1, from + 1 + count], maxChars });
          expect(answers.map((answer) => answer.content).join("")).toBe(lines.slice(from, from + 1 + count).join(""));
          for (const { content: shown, lines: told } of answers) {
            if (!told) throw new Error("lines are told");
            expect(
              lines
                .slice(told[0] - 1, told[1])
                .join("")
                .includes(shown),
            ).toBe(true);
          }
        },
      ),
    );
  });

  test("any units are slices of it", () => {
    fc.assert(
      fc.property(anyText, fc.array(fc.nat(200), { maxLength: 8 }), fc.nat(8), (content, cuts, unit) => {
        const starts = [0, ...cuts.map((cut) => Math.min(cut, content.length))].sort((a, b) => a - b);
        fc.pre(unit < starts.length);
        const record = recordOf(content, { starts, unit: "hunk" });
        const end = starts[unit + 1] ?? content.length;
        expect(ask(record, { rows: [unit + 1, unit + 1] }).content).toBe(content.slice(starts[unit], end));
      }),
    );
  });

  test("no answer is longer than asked for, whatever is searched for", () => {
    fc.assert(
      fc.property(
        anyText,
        fc.string({ minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 50 }),
        (content, grep, maxChars) => {
          for (const answer of askSearch(recordOf(content), grep, maxChars)) {
            expect(answer.content.length).toBeLessThanOrEqual(maxChars);
          }
        },
      ),
    );
  });
});

function askSearch(record: StashRecord, grep: string, maxChars: number): RetrieveAnswer[] {
  const answers: RetrieveAnswer[] = [];
  for (let next: Partial<RetrieveQuery> | undefined = { grep, maxChars }; next && answers.length < 1_000; ) {
    const answer: RetrieveAnswer = ask(record, next);
    answers.push(answer);
    next = answer.next;
  }
  expect(answers.length).toBeLessThan(1_000);
  return answers;
}
