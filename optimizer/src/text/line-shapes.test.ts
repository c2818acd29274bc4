import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { foldSameShape, headOf, shapeOf, unfold } from "./line-shapes";

describe("the shape of a line", () => {
  test.each([
    [
      "2026-11-03T10:00:07.123Z INFO [worker-7] request_id=9f86 path=/api/7 ms=12",
      "# INFO [worker-#] request_id=* path=* ms=*",
    ],
    [
      "Nov  3 10:00:01 host sshd[1234]: Failed for root from 10.0.0.7 port 22",
      "Nov # # host sshd[#]: Failed for root from # port #",
    ],
    ['10.1.2.3 - - [03/Nov/2026:10:00:00 +0000] "GET /x HTTP/1.1" 200 512', '# - - [#/Nov/# #] "*" # #'],
    ['{"level":"error","n":12,"ok":true}', '{"level":"*","n":#,"ok":true}'],
    ["id 550e8400-e29b-41d4-a716-446655440000: took 1.5s or 12ms", "id #: took # or #"],
    ["commit 9fceb02d0ae598e95dc970b74767f19372d61af8", "commit #"],
    ["src/a/b.ts:12:4 - error TS2304: x", "src/a/b.ts:# - error TS#: x"],
    ["GET /api/v2/orders/123/items", "GET /api/v#/orders/#/items"],
    ["delta -5 +7 1e5 -0.25", "delta # # # #"],
    ["it's anna's turn, isn't it", "it's anna's turn, isn't it"],
    ["user='anna b' at=\"x y\" raw=a,b", "user=* at=* raw=*,b"],
    ["x == y => z = 3", "x == y => z = #"],
    ['an "open quote', 'an "open quote'],
    ['say \\"hi\\" "a \\" b" end', 'say \\"hi\\" "*" end'],
    ["\t indented   twice \r", " indented twice"],
    ["", ""],
  ])("%j", (line, shape) => {
    expect(shapeOf(line)).toBe(shape);
  });

  test("does not depend on the numbers", () => {
    const number = fc.integer({ min: 0, max: 1e9 });
    fc.assert(
      fc.property(number, number, number, number, (a, b, c, d) => {
        const line = (x: number, y: number) => `${x} INFO took ${y}ms for item ${x}/${y} v${x}.${y} [pid ${y}]`;
        expect(shapeOf(line(a, b))).toBe(shapeOf(line(c, d)));
      }),
    );
  });

  test("is a shape's own shape once the values are gone, for plain words and marks", () => {
    const word = fc.constantFrom("a", "[", "word", "12", "k=v", '"q"', "-", ":", "10.0.0.1", "x7");
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const shape = shapeOf(words.join(" "));
        expect(shapeOf(shape)).toBe(shape);
      }),
    );
  });

  test("takes linear time for hostile lines", () => {
    const hostile = [
      "1".repeat(2e5),
      "a1-".repeat(7e4),
      '"'.repeat(2e5),
      "'\"`".repeat(7e4),
      "k=".repeat(1e5),
      " ".repeat(2e5),
      "\ud800".repeat(2e5),
      "1.".repeat(1e5),
    ];
    for (const line of [...hostile, `"${"\\".repeat(2e5)}`, '="'.repeat(5e4)]) {
      const startedAt = performance.now();
      shapeOf(line);
      expect(performance.now() - startedAt).toBeLessThan(400);
    }
  });

  test("its head is three words", () => {
    expect(headOf("# INFO main: it works")).toBe("# INFO main:");
    expect(headOf("two words")).toBe("two words");
    expect(headOf("")).toBe("");
  });
});

describe("folding", () => {
  const entry = (index: number) => `10:00:0${index} INFO  worker took ${index * 7} ms for the whole batch`;

  test("keeps the first line and only what differs of the others", () => {
    const folded = foldSameShape([0, 1, 2, 3].map(entry))!;
    expect(folded.text).toBe(`${entry(0)}\n[+3 same shape; fields 1,5:]\n10:00:01 7\n10:00:02 14\n10:00:03 21`);
    expect(unfold(folded.text)).toEqual([0, 1, 2, 3].map(entry));
  });

  test("counts equal lines", () => {
    const folded = foldSameShape(["start", ...Array.from({ length: 9 }, () => "  waiting for the lock"), "end"])!;
    expect(folded.text).toBe("start\n  waiting for the lock\n[+8 identical]\nend");
  });

  test.each([
    ["two lines", [0, 1].map(entry)],
    ["lines of other blanks", ["a b c d e f", "a b  c d e f", "a  b c d e f"]],
    ["lines that differ in most words", ["a b c d", "e f g d", "h i j d", "k l m d"]],
    ["nothing", []],
    ["text that is folded already", [...[0, 1, 2, 3].map(entry), "[+3 same shape; fields 1,5:]"]],
    ["a line that is two", [...[0, 1, 2, 3].map(entry), "a\nb"]],
    [
      "little among much",
      [...[0, 1, 2].map(entry), ...Array.from({ length: 60 }, (_, index) => "x".repeat(40 + index))],
    ],
  ])("leaves %s", (_, lines) => {
    expect(foldSameShape(lines)).toBeNull();
  });

  const word = fc.oneof(
    fc.constantFrom("INFO", "a", "took", "[+3", "fields", "1,5:]", "\u00a0", "\ud800", "\r"),
    fc.nat(99).map(String),
  );
  const blanks = fc.constantFrom(" ", " ", " ", "  ", "\t");
  const line = fc.array(fc.tuple(word, blanks), { maxLength: 8 }).map((pairs) => pairs.flat().join(""));
  const runs = fc
    .array(fc.tuple(line, fc.array(fc.nat(999), { maxLength: 8 })), { maxLength: 8 })
    .map((some) =>
      some.flatMap(([base, numbers]) => numbers.map((number) => `${number} at the very same place ${base}`)),
    );

  test("is undone by unfolding, and always smaller", () => {
    let folds = 0;
    fc.assert(
      fc.property(fc.oneof(runs, fc.array(line, { maxLength: 20 })), (lines) => {
        const folded = foldSameShape(lines);
        if (folded === null) return;
        folds++;
        expect(unfold(folded.text)).toEqual(lines);
        expect(folded.text.length).toBeLessThan(lines.join("\n").length);
        expect(foldSameShape(folded.text.split("\n"))).toBeNull();
      }),
    );
    expect(folds).toBeGreaterThan(5);
  });

  test("unfolding takes what it is given: false headers are lines", () => {
    for (const text of ["[+3 identical]", "a\n[+9 same shape; fields 1:]\nb", "[+1 same shape; fields 1:]\nb", ""]) {
      expect(unfold(text)).toEqual(text.split("\n"));
    }
  });
});
