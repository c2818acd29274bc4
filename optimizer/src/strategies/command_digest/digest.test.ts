import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { commandOutput as fixture, commandOutputs as fixtures } from "../../../test/command-outputs";
import { clopperPearson, createDice } from "../../../test/needle-report";
import { reports, testRuns } from "../../../test/test-reports";
import { buildQuestion } from "../../text/question";
import { digest } from "./digest";
import type { Limits } from "./sheet";

const limits: Limits = { maxFailures: 20, contextLines: 12, groupSameMessage: true };
const questionOf = (lastUser: string) =>
  buildQuestion({ lastUser, previousUser: null, toolArgs: null, lastAssistant: null });
const anything = questionOf("Please go on.");

describe.each(reports)("$tool, whatever fails", ({ tool, write, id, said }) => {
  test("every failing test is named, and what it got is told, however many there are", () => {
    fc.assert(
      fc.property(testRuns, fc.integer({ min: 1, max: 30 }), fc.nat({ max: 15 }), (run, maxFailures, contextLines) => {
        const text = write(run.names, run.failing, run.got, run.frames);
        const made = digest(text, tool, { maxFailures, contextLines, groupSameMessage: true }, anything);
        if (made === null) return expect(text.length).toBeLessThan(4_000);
        for (const at of run.failing) {
          expect(made.text).toContain(id(run.names[at] ?? ""));
          expect(made.text).toContain(said(run.got[at] ?? 0));
        }
        expect(digest(text, tool, { maxFailures, contextLines, groupSameMessage: true }, anything)).toEqual(made);
      }),
      { numRuns: 40 },
    );
  });
});

test("files covered whole are counted, others and the sum are shown", () => {
  const rows = Array.from({ length: 40 }, (_, at) => ` seat-${at}.ts | 100 |  100 |  100 | 100 |`);
  const table = [
    " File | % Stmts | % Branch | % Funcs | % Lines |",
    "All files | 98.1 | 97 | 99 | 98 |",
    ...rows,
    " lamp.ts | 61.2 | 50 | 70 | 61 | 12-19",
  ];
  const text = fixture("jest-pass.txt").replace("Test Suites:", `${table.join("\n")}\nTest Suites:`);
  const made = digest(text, "jest", limits, anything)?.text ?? "";
  expect(made).toContain("All files | 98.1");
  expect(made).toContain(" lamp.ts | 61.2 | 50 | 70 | 61 | 12-19");
  expect(made).not.toContain("seat-20.ts");
});

/** Planted anywhere in any output: lines that no digest may lose. */
const needles = [
  (code: number) => ({ line: `FATAL: depot refused the connection, code ${code}`, question: "Please go on." }),
  (code: number) => ({ line: `ERROR shop.worker: job ${code} was killed`, question: "Please go on." }),
  (code: number) => ({ line: `the lamp of seat-${code} is warm`, question: `What about seat-${code}?` }),
];

test("severe lines and what the question names survive anywhere", () => {
  const tries = Number(process.env["NEEDLES"] ?? 300);
  const seed = Number(process.env["SEED"] ?? 11);
  const dice = createDice(seed);
  const lost: string[] = [];
  let shortened = 0;
  const sizes: number[] = [];
  for (let at = 0; at < tries; at += 1) {
    const { name, tool, text } = dice.pick(fixtures);
    const { line, question } = needles[at % needles.length]!(dice.int(10_000, 99_999));
    const lines = text.split("\n");
    lines.splice(dice.int(0, lines.length - 1), 0, line);
    const made = digest(lines.join("\n"), tool, limits, questionOf(question));
    if (made === null) continue;
    shortened += 1;
    sizes.push(made.text.length / text.length);
    if (!made.text.includes(line)) lost.push(`${name}: ${line}`);
  }
  const { low } = clopperPearson(shortened - lost.length, shortened);
  const median = sizes.sort((a, b) => a - b)[sizes.length >> 1] ?? 1;
  console.log(
    `command_digest: ${shortened - lost.length} of ${shortened} needles survive (at least ${(low * 100).toFixed(1)} %), median size ${(median * 100).toFixed(0)} %, ${tries - shortened} outputs left alone, seed ${seed}`,
  );
  expect(lost).toEqual([]);
});

describe("hostile texts", () => {
  const hostile = [
    "",
    "\n".repeat(5_000),
    "=".repeat(200_000),
    `${"=".repeat(100)} ${"1 failed ".repeat(20_000)} in 1s ${"=".repeat(100)}`,
    "\u001b[31m".repeat(20_000),
    `\u001b]8;;${"x".repeat(100_000)}`,
    "\ud800".repeat(5_000),
    "__proto__\nconstructor\n".repeat(2_000),
    "  ● \r\n".repeat(4_000),
    `${"a:1:1: error: ".repeat(3_000)}\n`,
    "((((((((((".repeat(20_000),
    `${"1".repeat(390)}:\n`.repeat(500),
    `${"[".repeat(399)}\n`.repeat(500),
    "├── ".repeat(2_000),
  ];
  const tools = [...new Set(fixtures.map(({ tool }) => tool))];
  test("are read in linear time, and nothing breaks", () => {
    const startedAt = performance.now();
    for (const text of hostile) {
      for (const tool of tools) {
        const made = digest(text, tool, limits, anything);
        if (made !== null) expect(made.text.length).toBeLessThanOrEqual(text.length + 200);
      }
    }
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  test("Windows line ends, colours and overwritten progress do not hide a failure", () => {
    const plain = fixture("pytest-fail.txt");
    const coloured = plain
      .split("\n")
      .map((line) => `\u001b[31m${line}\u001b[0m`)
      .join("\r\n");
    expect(digest(coloured, "pytest", limits, anything)?.text).toBe(
      digest(plain, "pytest", limits, anything)?.text ?? "",
    );
    const bar = `${Array.from({ length: 300 }, (_, at) => `building ${at} %`).join("\r")}\r`;
    const cargo = fixture("cargo_build-fail.txt").replace("error[E0308]", `${bar}\nerror[E0308]`);
    expect(digest(cargo, "cargo_build", limits, anything)?.text).toContain("error[E0308]: mismatched types");
  });

  test("two halves of different outputs, cut anywhere, lose no failure they still report", () => {
    fc.assert(
      fc.property(fc.constantFrom(...fixtures), fc.double({ min: 0, max: 1, noNaN: true }), ({ tool, text }, share) => {
        const cut = text.slice(Math.floor(text.length * share));
        const made = digest(cut, tool, limits, anything);
        if (made !== null) expect(made.text.length).toBeLessThanOrEqual(cut.length + 100);
      }),
      { numRuns: 100 },
    );
  });
});
