import { describe, expect, test } from "bun:test";
import { closingLineOf, skippedIn, tallyOf } from "./tally";

const closing = (counts: string) =>
  `(pass) some test\n\n${counts}\n 2 expect() calls\nRan 11 tests across 5 files. [22.00ms]\n`;

describe("tallyOf", () => {
  test("adds up passed, failed, skipped and tests that are still to be written", () => {
    const output = closing(" 4 pass\n 2 skip\n 1 todo\n 4 fail\n 1 error");
    expect(tallyOf(output, 1)).toEqual({ passed: 4, failed: 4, skipped: 3, complete: true });
  });

  test("reads the last closing lines only, without their colours", () => {
    const output = `${closing(" 9 pass\n 9 fail")}\x1b[0m\x1b[32m 3 pass\x1b[0m\n\x1b[2m 0 fail\x1b[0m\nRan 3 tests across 1 file. \x1b[2m[\x1b[1m5ms]\x1b[0m\n`;
    expect(tallyOf(output, 0)).toEqual({ passed: 3, failed: 0, skipped: 0, complete: true });
  });

  test("is not taken in by what a test prints", () => {
    expect(tallyOf(" 77 pass\nnoise\n 1 pass\n 0 fail\nRan 1 test across 1 file. [1ms]\n", 0).passed).toBe(1);
  });

  test("counts errors between tests, a failed run without a failed test, and a run that broke off", () => {
    expect(tallyOf(closing(" 4 pass\n 0 fail\n 2 errors"), 1).failed).toBe(2);
    expect(tallyOf(closing(" 4 pass\n 0 fail"), 1).failed).toBe(1);
    expect(tallyOf("(pass) a\n", 0)).toEqual({ passed: 0, failed: 1, skipped: 0, complete: false });
    expect(tallyOf(closing(" 4 pass\n 0 fail"), null).failed).toBe(1);
  });
});

test("the closing line names skipped tests only when there are any", () => {
  expect(closingLineOf({ passed: 5, failed: 0, skipped: 0, complete: true })).toBe("5 passed, 0 failed");
  expect(closingLineOf({ passed: 5, failed: 1, skipped: 2, complete: true })).toBe("5 passed, 1 failed, 2 skipped");
});

test("skippedIn names file, groups outermost first, and test, unescaped", () => {
  const report = `
    <testcase name="ok &lt;a/&gt;" classname="" time="0" file="a.test.ts" line="2" assertions="1" />
    <testcase name="one &quot;x&quot; &amp; y (no PostgreSQL)" classname="" time="0" file="a.test.ts">
      <skipped />
    </testcase>
    <testcase name="fails" classname="" time="0" file="b.test.ts"><failure type="E" message="m">text</failure></testcase>
    <testcase name="two" classname="inner &gt; outer" time="0" file="b/c.test.ts">
      <skipped message="TO&#68;O" />
    </testcase>`;
  expect(skippedIn(report)).toEqual(['a.test.ts: one "x" & y (no PostgreSQL)', "b/c.test.ts: outer > inner > two"]);
});
