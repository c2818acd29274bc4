import { expect, test } from "bun:test";
import { buildQuestion } from "../../text/question";
import { cutDelimited } from "./cut-delimited";
import type { Cut } from "./elide";

const cut = (asked = "Anything odd?"): Cut => ({
  limits: {
    outlierK: 6,
    rareFrac: 0.1,
    maxArrayItems: 50,
    maxQueryRows: 20,
    textCapChars: 8_000,
    encoding: "auto",
    riskWords: [],
  },
  question: buildQuestion({ lastUser: asked, previousUser: null, toolArgs: null, lastAssistant: null }),
  handle: () => "ctx_aaaaaaaaaaaaaaaa",
  check() {},
  gone: new Map(),
});

const rows = Array.from(
  { length: 120 },
  (_, at) => `${at},"Doe, ""J"" ${at}",${at === 66 ? 9_999 : 50 + (at % 9)},${at === 33 ? "lost" : "sent"}`,
);
const table = ["no,name,weight,state", ...rows].join("\n");

test("rows that stand out stay byte for byte, in order", () => {
  const left = cutDelimited(table, cut())?.split("\n") ?? [];
  expect(left[0]).toStartWith("[... ");
  const at = left.indexOf("no,name,weight,state");
  expect(at).toBe(3);
  const kept = left.slice(at + 1);
  expect(kept).toContainValues([rows[0], rows[33], rows[66], rows[119]]);
  expect(kept).toEqual(rows.filter((row) => kept.includes(row)));
  expect(left[1]).toContain("state: sent 119, lost 1");
  expect(left[0]).toContain(`${120 - kept.length} of 120 rows`);
});

test("what the question names stays", () => {
  expect(cutDelimited(table, cut("Which have weight between 57 and 57?"))).toContain(rows[7] as string);
});

test.each([
  ["a row of other width", `${table}\n1,2`],
  ["a quote that goes on over the line", table.replace('"Doe, ""J"" 5"', '"Doe')],
  ["one column", Array.from({ length: 99 }, (_, at) => `${at}`).join("\n")],
  ["few rows", table.split("\n").slice(0, 6).join("\n")],
])("%s: no table", (_, text) => {
  expect(cutDelimited(text, cut())).toBeNull();
});
