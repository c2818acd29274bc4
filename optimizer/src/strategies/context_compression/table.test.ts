import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readTree } from "../../segments/json-tree";
import { readCells, stringCell } from "./cells";
import { findCollections } from "./collections";
import { nounOf, shortenJson } from "./json";
import { hasTable, readDocument, readTables } from "./read-table";
import { collapseJson, minifyJson } from "./squeeze";
import { writeTable } from "./table";

/** Values of every kind a parser gives, odd names and hostile strings among them. */
const name = fc.oneof(
  fc.constantFrom("id", "a.b", "#", "(key)", "__proto__", "constructor", "", " x", "a,b", 'q"=', "é", "1", "true"),
  fc.string({ unit: "binary", maxLength: 8 }),
);
const scalar = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom(
    "",
    " ",
    "1",
    "-1.5e3",
    "true",
    "null",
    "[x",
    "{",
    '"',
    "a,b",
    "a\nb",
    "\ud800",
    "[table 1 below]",
    "x=1",
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
  fc.boolean(),
  fc.constant(null),
);
const value = fc.oneof(
  { weight: 6, arbitrary: scalar },
  { weight: 1, arbitrary: fc.array(scalar, { maxLength: 3 }) },
  { weight: 2, arbitrary: fc.dictionary(name, scalar, { maxKeys: 3 }) },
);
const records = fc.uniqueArray(name, { minLength: 1, maxLength: 6 }).chain((names) =>
  fc.array(
    fc
      .record(Object.fromEntries(names.map((_, index) => [`f${index}`, fc.option(value, { freq: 8, nil: undefined })])))
      .map((row) => {
        const out: [string, unknown][] = [];
        names.forEach((each, index) => {
          const held = row[`f${index}`];
          if (held !== undefined) out.push([each, held]);
        });
        return `{${out.map(([key, held]) => `${JSON.stringify(key)}:${JSON.stringify(held)}`).join(",")}}`;
      }),
    { minLength: 8, maxLength: 20 },
  ),
);

describe("a table", () => {
  test("reads back as the rows it was written from", () => {
    let written = 0;
    fc.assert(
      fc.property(records, (rows) => {
        const source = `[${rows.join(",")}]`;
        const root = readTree(source);
        const [collection] = findCollections(root, 0);
        if (!collection) return;
        const all = collection.rows.map((_, index) => index);
        const table = writeTable(source, collection, all, 1, nounOf(collection), (_, text) => text);
        if (table === null) return;
        written += 1;
        expect(readDocument(table)).toEqual(JSON.parse(source));
        const some = all.filter((index) => index % 3 === 1);
        const part = writeTable(source, collection, some, 1, "rows", (_, text) => text);
        if (part === null) return;
        const [read] = readTables(part);
        expect(read?.indexes).toEqual(some);
        expect(read?.total).toBe(all.length);
        expect(read?.rows).toEqual(
          some.map((index) => (JSON.parse(source) as Record<string, unknown>[])[index] as never),
        );
      }),
      { numRuns: 400 },
    );
    expect(written).toBeGreaterThan(100);
  });

  test("holds any string in a cell", () => {
    fc.assert(
      fc.property(
        fc.array(
          scalar.filter((each) => typeof each === "string"),
          { minLength: 1 },
        ),
        (texts) => {
          expect(readCells(texts.map((text) => stringCell(text as string)).join(","))).toEqual(texts);
        },
      ),
    );
  });

  test("is not written where a name is doubled, rows are empty, or hardly a cell is filled", () => {
    const write = (rows: string[]) => {
      const source = `[${rows.join(",")}]`;
      const [collection] = findCollections(readTree(source), 0);
      return collection
        ? writeTable(
            source,
            collection,
            collection.rows.map((_, i) => i),
            1,
            "rows",
            (_, t) => t,
          )
        : null;
    };
    const plain = Array.from({ length: 9 }, (_, i) => `{"a":${i},"b":2}`);
    expect(write(plain)).not.toBeNull();
    expect(write([...plain, '{"a":1,"a":2}'])).toBeNull();
    expect(write([...plain, "{}"])).toBeNull();
    expect(write(plain.map((_, i) => `{"k${i}":1,"l${i}":1}`))).toBeNull();
  });
});

describe("JSON without loss", () => {
  test("is a deeply equal value, and shortening it again changes nothing", () => {
    fc.assert(
      fc.property(fc.json(), fc.integer({ min: 0, max: 4 }), records, (json, indent, rows) => {
        for (const source of [json, `{"data":[${rows.join(",")}],"other":${json}}`]) {
          const given = JSON.stringify(JSON.parse(source), null, indent);
          const short = shortenJson(given, "auto", false);
          expect(hasTable(short) ? readDocument(short) : JSON.parse(short)).toEqual(JSON.parse(given));
          expect(JSON.parse(shortenJson(given, "json", false))).toEqual(JSON.parse(given));
          expect(JSON.parse(shortenJson(given, "auto", true))).toEqual(JSON.parse(given));
          if (!hasTable(short)) expect(shortenJson(short, "auto", false)).toBe(short);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("keeps the spelling of numbers, the order of names and doubled names", () => {
    expect(minifyJson('{ "b" : 1.0 , "a" : 1E400,\n"a": 12345678901234567890 }')).toBe(
      '{"b":1.0,"a":1E400,"a":12345678901234567890}',
    );
    expect(minifyJson('["\\u00e9 \\u0041", "a  b"]')).toBe('["é A","a  b"]');
    expect(collapseJson('{ "b" :\n   "a  b\\u00e9" }')).toBe('{ "b" : "a  b\\u00e9" }');
  });

  test("of entries by key names every key", () => {
    const source = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [`host-${i}.example`, { cpu: i * 3, up: true, zone: "a" }]),
    );
    const short = shortenJson(JSON.stringify(source, null, 1), "auto", false);
    expect(short).toContain("(key)");
    expect(readDocument(short)).toEqual(source);
  });
});
