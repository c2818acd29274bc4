import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createFinder, includesWord, literalsOf } from "./literals";

describe("literals", () => {
  test.each([
    ["order 4711 and v1.2.3", ["4711", "v1.2.3"]],
    ["who saw \"connection reset\" or 'pool empty'?", ["connection reset", "pool empty"]],
    ["it's Anna's turn, isn't it", []],
    ["see `retry_limit`, (src/pool/lease.ts) and and/or either", ["retry_limit", "src/pool/lease.ts"]],
    ["https://host.example/a?b=c failed with ECONNREFUSED", ["https://host.example/a?b=c", "ECONNREFUSED"]],
    ["why is OrderService.place() slow, and place()?", ["OrderService.place()", "place()"]],
    ["id=9f86d081 user:anna", ["id=9f86d081", "9f86d081"]],
    ["any 5xx at 10:42:07?", ["5xx", "10:42:07"]],
    ["I AM SHOUTING, a.b is short", ["a.b"]],
    ["C:\\logs\\app.txt", ["C:\\logs\\app.txt"]],
    ["C:\\logs\\app", ["C:\\logs\\app"]],
  ])("%s", (text, expected) => {
    expect(literalsOf(text)).toEqual(expected);
  });

  test("small numbers of a command are its limits", () => {
    expect(literalsOf("head -n 500 4711 990001", { smallNumbers: false })).toEqual(["990001"]);
  });

  test("at most 64 of at most 200 characters", () => {
    expect(literalsOf(Array.from({ length: 500 }, (_, index) => `id${index}`).join(" "))).toHaveLength(64);
    expect(literalsOf(`"${"x1".repeat(200)}" ${"y1".repeat(200)}`)).toEqual([]);
  });

  test("every literal of a text is found in it", () => {
    const word = fc.constantFrom(
      "a_b",
      "12",
      "x/y.z",
      '"two words"',
      "Foo.bar",
      "A-1",
      "5xx",
      "get()",
      "plain",
      "(v2)",
    );
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const text = words.join(" ");
        const finder = createFinder(literalsOf(text).filter((literal) => literal !== "5xx"));
        expect(finder.find(text)).toHaveLength(finder.count);
      }),
    );
  });
});

describe("finding", () => {
  test("whole words, any case, brackets of a call aside", () => {
    const { find } = createFinder(["12", "OrderId", "a.b", "place()", "/var/x"]);
    expect(find("312 orderids a.bc misplace cd /var/xy")).toEqual([]);
    expect(find("12. ORDERID=3 xa.b a.b place(3) -/var/x")).toEqual([0, 1, 2, 3, 4]);
  });

  test("5xx is every status of its hundred, and no other number", () => {
    const { has } = createFinder(["5xx"]);
    for (const text of ["503", "GET /x 500 12ms", "status=599"]) expect(has(text)).toBe(true);
    for (const text of ["1503", "5030", "403", "50", "a500", "500a"]) expect(has(text)).toBe(false);
  });

  test("is no regular expression", () => {
    expect(createFinder(["(a+)+$"]).has("aaaa")).toBe(false);
    expect(createFinder(["(a+)+$"]).has("x (a+)+$ y")).toBe(true);
    expect(includesWord("anything", "")).toBe(false);
  });

  test("no literal, nothing found", () => {
    expect(createFinder([]).has("x")).toBe(false);
  });
});
