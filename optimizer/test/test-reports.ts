// Owns made-up test runs, and how four runners report them: which tests failed, and what each got, is known.

import fc from "fast-check";
import type { Tool } from "../src/test-signatures";

const word = fc.stringMatching(/^[a-z]{3,9}$/);
export const testRuns = fc.record({
  names: fc.uniqueArray(word, { minLength: 30, maxLength: 60 }),
  failing: fc.uniqueArray(fc.nat({ max: 29 }), { minLength: 0, maxLength: 28 }),
  got: fc.array(fc.nat({ max: 99_999 }), { minLength: 30, maxLength: 30 }),
  frames: fc.nat({ max: 30 }),
});

/** The same run as four tools report it. */
export const reports: {
  tool: Tool;
  write(names: string[], failing: number[], got: number[], frames: number): string;
  id(name: string): string;
  said(got: number): string;
}[] = [
  {
    tool: "pytest",
    id: (name) => `_ test_${name} _`,
    said: (got) => `E       assert ${got} == 7`,
    write: (names, failing, got, frames) =>
      [
        "============ test session starts ============",
        ...names.map((name, at) => `t/test_a.py::test_${name} ${failing.includes(at) ? "FAILED" : "PASSED"} [ 10%]`),
        ...(failing.length > 0 ? ["================= FAILURES ================="] : []),
        ...failing.flatMap((at) => [
          `________________ test_${names[at]} ________________`,
          "",
          ...Array.from({ length: frames }, (_, step) => `    step_${step}()`),
          `>       assert ${names[at]}() == 7`,
          `E       assert ${got[at]} == 7`,
          `t/test_a.py:${at + 3}: AssertionError`,
        ]),
        `========= ${failing.length > 0 ? `${failing.length} failed, ` : ""}${names.length - failing.length} passed in 1.20s =========`,
      ].join("\n"),
  },
  {
    tool: "jest",
    id: (name) => `● suite › ${name}`,
    said: (got) => `    Received: ${got}`,
    write: (names, failing, got, frames) =>
      [
        `${failing.length > 0 ? "FAIL" : "PASS"} src/a.test.ts`,
        ...names.map((name, at) => `    ${failing.includes(at) ? "✕" : "✓"} ${name} (1 ms)`),
        ...failing.flatMap((at) => [
          `  ● suite › ${names[at]}`,
          "",
          "    expect(received).toBe(expected)",
          "",
          "    Expected: 7",
          `    Received: ${got[at]}`,
          "",
          ...Array.from({ length: frames }, (_, step) => `      at step${step} (node_modules/x/run.js:${step}:7)`),
          `      at Object.<anonymous> (src/a.test.ts:${at}:3)`,
          "",
        ]),
        `Test Suites: ${failing.length > 0 ? "1 failed" : "1 passed"}, 1 total`,
        `Tests:       ${failing.length > 0 ? `${failing.length} failed, ` : ""}${names.length - failing.length} passed, ${names.length} total`,
        "Time:        1.1 s",
      ].join("\n"),
  },
  {
    tool: "cargo_test",
    id: (name) => `---- m::${name} stdout ----`,
    said: (got) => `  left: ${got}`,
    write: (names, failing, got, frames) =>
      [
        `running ${names.length} tests`,
        ...names.map((name, at) => `test m::${name} ... ${failing.includes(at) ? "FAILED" : "ok"}`),
        ...(failing.length > 0 ? ["", "failures:", ""] : []),
        ...failing.flatMap((at) => [
          `---- m::${names[at]} stdout ----`,
          ...Array.from({ length: frames }, (_, step) => `opened step ${step}`),
          `thread 'm::${names[at]}' panicked at src/m.rs:${at}:5:`,
          "assertion `left == right` failed",
          `  left: ${got[at]}`,
          " right: 7",
          "",
        ]),
        ...(failing.length > 0 ? ["failures:", ...failing.map((at) => `    m::${names[at]}`)] : []),
        "",
        `test result: ${failing.length > 0 ? "FAILED" : "ok"}. ${names.length - failing.length} passed; ${failing.length} failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s`,
      ].join("\n"),
  },
  {
    tool: "go_test",
    id: (name) => `--- FAIL: Test_${name} `,
    said: (got) => `got ${got}, want 7`,
    write: (names, failing, got, frames) =>
      [
        ...names.flatMap((name, at) => [
          `=== RUN   Test_${name}`,
          ...(failing.includes(at)
            ? [
                ...Array.from({ length: frames }, (_, step) => `    m_test.go:${step}: opened step ${step}`),
                `    m_test.go:${at}: got ${got[at]}, want 7`,
              ]
            : []),
          `--- ${failing.includes(at) ? "FAIL" : "PASS"}: Test_${name} (0.00s)`,
        ]),
        ...(failing.length > 0
          ? ["FAIL", "FAIL\texample.com/m\t0.01s", "FAIL"]
          : ["PASS", "ok  \texample.com/m\t0.01s"]),
      ].join("\n"),
  },
];
