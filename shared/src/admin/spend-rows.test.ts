import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { openStore } from "../store/open";
import type { SpendRow } from "../store/spend-row";
import type { Store } from "../store/store";
import { spendRow } from "../testing/spend-row";
import { csvText, plainText } from "./row-forms";
import { csvHeader, csvLine, parseRowsQuery, reportRows, rowColumns, rowJson, streamRows } from "./spend-rows";

const now = Date.UTC(2026, 10, 15, 12);
const parse = (query: string, accept = "") => parseRowsQuery(new URLSearchParams(query), accept, now, "UTC");

/** RFC 4180, strict: quoted cells may hold anything, bare ones neither quote, comma nor line end. */
function readCsv(text: string): string[][] {
  const lines: string[][] = [];
  let cells: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
  while (cell.lastIndex < text.length) {
    const match = cell.exec(text);
    if (!match) throw new Error(`not CSV: ${JSON.stringify(text)}`);
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === ",") continue;
    lines.push(cells);
    cells = [];
  }
  return lines;
}

const hostile = [
  "=1+1",
  "+1",
  "-1",
  "@x",
  "\t=1",
  "\r=1",
  "\n",
  " =1",
  "\u00a0=1",
  "\u200b=1",
  "＝1",
  "－1",
  "'=1",
  "\0=1",
];
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(...hostile, 'a"b', "a,b", "a;b", "a\r\nb", "", " a ", "__proto__", "🦊"),
  fc.tuple(fc.constantFrom("'", "''", " ", "\ufeff", ";"), fc.constantFrom(...hostile)).map((parts) => parts.join("")),
);

test("any text comes back from CSV as it was", () => {
  fc.assert(
    fc.property(anyText, anyText, (one, other) => {
      const [cells] = readCsv(`${csvText(one)},${csvText(other)}\r\n`);
      expect(cells?.map(plainText)).toEqual([one, other]);
    }),
  );
});

test("no text cell looks like a formula to a spreadsheet, also where it splits at ; or tabs", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const cell = csvText(text);
      const [[value = ""] = []] = readCsv(`${cell}\r\n`);
      expect(value).not.toMatch(/^[\s\u200b\ufeff]*[=+\-@＝＋－＠]/);
      expect(value).not.toMatch(/^[\t\r\n]/);
      if (!cell.startsWith('"')) expect(cell).not.toMatch(/[;\t\r\n]/);
    }),
  );
  for (const text of hostile) expect(readCsv(`${csvText(text)}\r\n`)[0]?.[0]).toBe(`'${text}`);
  expect(csvText("a=b")).toBe("a=b");
  expect(csvText("")).toBe('""');
});

const anyRow: fc.Arbitrary<SpendRow> = fc
  .record({
    id: fc.integer({ min: 0, max: 999_999_999 }),
    ts: fc.integer({ min: 0, max: 4e12 }),
    user: fc.option(anyText),
    model: fc.option(anyText),
    provider: anyText,
    labels: fc.option(fc.dictionary(anyText, fc.oneof(anyText, fc.boolean(), fc.integer()))),
    decisions: fc.option(fc.dictionary(anyText, fc.integer())),
    costNanoUsd: fc.option(fc.integer({ min: 0, max: 1e15 })),
    savingsNanoUsd: fc.integer({ min: -1e12, max: 1e12 }),
    tokensSaved: fc.integer({ min: -1e9, max: 1e9 }),
    ttftMs: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true })),
    stream: fc.boolean(),
  })
  .map(spendRow);

test("any row comes back from CSV as it was, numbers bare and money in plain decimals", () => {
  fc.assert(
    fc.property(anyRow, (row) => {
      const [header, cells] = readCsv(csvHeader + csvLine(row)) as [string[], string[]];
      expect(header).toEqual([...rowColumns]);
      const cellOf = new Map(header.map((name, at) => [name, cells[at]]));
      const report = rowJson(row);
      expect(plainText(cellOf.get("user") ?? "")).toBe(report.user ?? "");
      expect(plainText(cellOf.get("provider") ?? "")).toBe(report.provider);
      for (const name of ["labels", "decisions"] as const) {
        expect(cellOf.get(name)).toBe(report[name] === null ? "" : JSON.stringify(report[name]));
      }
      for (const name of ["costUsd", "savingsUsd"] as const) {
        expect(cellOf.get(name)).toMatch(report[name] === null ? /^$/ : /^-?\d+(\.\d+)?$/);
        if (report[name] !== null) expect(Number(cellOf.get(name))).toBe(report[name]);
      }
      expect(cellOf.get("tokensSaved")).toBe(String(report.tokensSaved));
      expect(cellOf.get("ttftMs")).toBe(report.ttftMs === null ? "" : String(report.ttftMs));
      expect(cellOf.get("stream")).toBe(String(report.stream));
    }),
  );
});

test("the columns are the fields of the JSON form, in the same order", () => {
  expect(Object.keys(rowJson(spendRow({ id: 1 })))).toEqual([...rowColumns]);
});

test("a row in its JSON form", () => {
  const row = spendRow({ id: 7, ts: now, costNanoUsd: 1_230_000, baselineCostNanoUsd: null, labels: { a: 1 } });
  expect(rowJson(row)).toMatchObject({
    id: row.id,
    ts: "2026-11-15T12:00:00.000Z",
    user: "ada",
    costUsd: 0.00123,
    baselineCostUsd: null,
    labels: { a: 1 },
  });
  expect(Object.keys(rowJson(row))).not.toContain("month");
});

test("the form: by parameter, else by what Accept likes best, else JSON", () => {
  expect(parse("format=csv", "application/json").format).toBe("csv");
  expect(parse("", "text/csv").format).toBe("csv");
  expect(parse("", "application/x-ndjson").format).toBe("jsonl");
  expect(parse("", "application/jsonl;q=0.5, text/csv;q=0.9, */*").format).toBe("csv");
  expect(parse("", "text/csv;q=0, text/html").format).toBe("json");
  for (const accept of ["", "*/*", "text/html", "text/*", "TEXT/CSV;q=x"])
    expect(parse("", accept).format).toBe("json");
  expect(parse("", "TEXT/CSV ; charset=utf-8").format).toBe("csv");
});

test("limits and cursors are checked, with the filters of the report", () => {
  expect(parse("")).toMatchObject({ limit: 1000, after: null });
  expect(parse("format=csv").limit).toBeNull();
  expect(parse("format=jsonl&limit=20000").limit).toBe(20_000);
  for (const query of ["limit=10001", "limit=0", "cursor=x", "cursor=", "format=xml", "groupBy=user", "status=x"]) {
    expect(() => parse(query)).toThrow("accepted");
  }
  const forged = Buffer.from("1.' OR 1=1 --").toString("base64url");
  expect(() => parse(`cursor=${forged}`)).toThrow("cursor: accepted is the nextCursor");
});

let dataDir: string;
let store: Store;
const rowCount = 2_345;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "anyray-rows-"));
  store = await openStore({ dataDir, timezone: "UTC" });
  // Many share one millisecond: the cursor must not lose or repeat rows there.
  const rows = Array.from({ length: rowCount }, (_, at) =>
    spendRow({ id: at, ts: now - Math.floor(at / 700), user: at % 2 ? "ada" : "=bob" }),
  );
  for (let start = 0; start < rowCount; start += 1000) await store.recordSpend(rows.slice(start, start + 1000));
});
afterAll(async () => {
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

test("pages of JSON hold every row once, newest first", async () => {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const page = await reportRows(store, parse(`limit=999${cursor ? `&cursor=${cursor}` : ""}`));
    for (const { ts, id } of page.rows) ids.push(`${ts} ${id}`);
    cursor = page.nextCursor;
  } while (cursor);
  expect(ids).toHaveLength(rowCount);
  expect(ids).toEqual([...new Set(ids)].sort().reverse());
});

test("a page larger than one question to the store is put together", async () => {
  const page = await reportRows(store, parse("limit=2001"));
  expect(page.rows).toHaveLength(2001);
  expect((await reportRows(store, parse("limit=10000"))).nextCursor).toBeNull();
});

const readAll = async (query: string) => {
  let text = "";
  for await (const piece of streamRows(store, parse(query))) text += piece;
  return text;
};

test("streams hold every row of the filter, or as many as asked for", async () => {
  expect((await readAll("format=jsonl")).split("\n")).toHaveLength(rowCount + 1);
  const lines = readCsv(await readAll("format=csv&user=%3Dbob"));
  expect(lines).toHaveLength(Math.ceil(rowCount / 2) + 1);
  expect(lines.slice(1).every((cells) => cells[2] === "'=bob")).toBe(true);
  expect((await readAll("format=jsonl&limit=1001")).trim().split("\n")).toHaveLength(1001);
  expect(await readAll("format=csv&user=nobody")).toBe(csvHeader);
  expect(await readAll("format=jsonl&user=nobody")).toBe("");
});

test("a stream asks for one page at a time, and for no more once it was left", async () => {
  let questions = 0;
  const counting: Pick<Store, "readRows"> = {
    readRows(...question) {
      questions += 1;
      return store.readRows(...question);
    },
  };
  const pieces = streamRows(counting as Store, parse("format=csv"));
  expect(questions).toBe(0);
  await pieces.next();
  expect(questions).toBe(1);
  await pieces.return(undefined);
  expect((await pieces.next()).done).toBe(true);
  expect(questions).toBe(1);
});
