import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isCause, isFrame, isSevere, isSummary, isWarning } from "./severity";

describe("severe", () => {
  test.each([
    "ERROR could not open the file",
    "2026-11-03T10:00:00Z [error] worker stopped",
    "TypeError: x is not a function",
    "java.lang.NullPointerException",
    "Connection refused",
    "request timed out after 30s",
    "Killed process 77",
    "assertion failed: a == b",
    "permission denied",
    "FAILED tests/a.py::test_b",
    "3 errors found",
    "errors=2",
    "job failures: 12",
    '{"error":"no such table","row":4}',
    '{"level":50,"msg":"x"}',
    '{"is_error": true}',
    "error_code=E42",
    "last_error: disk full",
    '10.0.0.1 - - "GET /x HTTP/1.1" 503 12',
    "status=500 path=/x",
    "GET /orders/7 502 31ms",
    "upstream returned 504",
    "E1103 10:00:00.000000 1 main.go:7] boom",
    "kernel: Out of memory: oom-kill",
    "the pool is exhausted",
    "CRASHED with code 3",
    "panicked at src/main.rs",
  ])("%s", (line) => {
    expect(isSevere(line)).toBe(true);
  });

  test.each([
    "0 errors, 12 files",
    "no errors found",
    "errors=0",
    "failed: 0",
    "error_count=0 warnings=0",
    '{"error":null,"failed":false,"errors":[]}',
    "finished without error",
    "exceptional terrors of the mirror room",
    "function handleError(event) {",
    "import { error_handler } from 'x'",
    "GET /errors/list 200",
    "took 503 ms",
    "order 500 shipped",
    "status=200 bytes=5000",
    '{"level":30,"msg":"x"}',
    "INFO all is well",
    "exhaustive list",
    "",
  ])("not: %s", (line) => {
    expect(isSevere(line)).toBe(false);
  });

  test("does not depend on what stands around the word", () => {
    const around = fc.constantFrom("", "10:00 ", "[x] ", "worker-7: ", "\ud800 ", "汉 ");
    fc.assert(
      fc.property(
        around,
        fc.constantFrom("error", "FATAL", "Exception", "Denied", "crashed"),
        around,
        (head, word, tail) => {
          expect(isSevere(`${head}${word}${tail === "" ? "" : ` ${tail}`}`)).toBe(true);
        },
      ),
    );
  });
});

test("warnings", () => {
  expect(["WARN slow", "warning: x", "Deprecated: y", "1 warnings"].map(isWarning)).toEqual([true, true, true, true]);
  expect(["0 warnings", "forewarned is forearmed", "fine"].map(isWarning)).toEqual([false, false, false]);
});

test("summary lines", () => {
  const lines = [
    "=== 3 passed, 1 failed in 0.12s ===",
    "Tests: 4 total",
    "Ran 12 tests in 0.3s",
    "exit code: 1",
    "process exited with code 0",
    "Total: 12",
    "BUILD FAILED: x",
    "Found 3 errors.",
    "  12 passing (31ms)",
    "test result: ok. 3 passed; 0 failed",
  ];
  for (const line of lines) expect([line, isSummary(line)]).toEqual([line, true]);
  for (const line of ["totally fine", "we pass on", "the tests are here", ""])
    expect([line, isSummary(line)]).toEqual([line, false]);
});

test("frames and causes of many languages", () => {
  const frames = [
    "    at Pool.take (src/pool.ts:12:4)",
    "\tat com.x.Main.run(Main.java:7)",
    '  File "a.py", line 12, in <module>',
    "\t/src/main.go:77 +0x1d",
    "  12: core::panicking::panic",
    "#0  0x00007f in main () at a.c:3",
    "\tfrom a.rb:3:in `run'",
    "\t... 12 more",
  ];
  for (const line of frames) expect([line, isFrame(line)]).toEqual([line, true]);
  for (const line of ["at noon we met", "File a.py", "12: twelve", ""])
    expect([line, isFrame(line)]).toEqual([line, false]);
  expect(["Caused by: java.io.IOException", "goroutine 1 [running]:", "because of"].map(isCause)).toEqual([
    true,
    true,
    false,
  ]);
});

test("hostile lines take linear time", () => {
  const hostile = [
    "error_".repeat(4e4),
    "e".repeat(2e5),
    "fail".repeat(5e4),
    "GET ".repeat(5e4),
    "timed ".repeat(4e4),
    "status ".repeat(3e4),
    "0 ".repeat(1e5),
    " ".repeat(2e5),
    "\t".repeat(2e5),
    'File "'.repeat(4e4),
    "AError".repeat(3e4),
    "a::".repeat(7e4),
  ];
  for (const line of hostile) {
    const startedAt = performance.now();
    isSevere(line);
    isWarning(line);
    isSummary(line);
    isFrame(line);
    isCause(line);
    expect(performance.now() - startedAt).toBeLessThan(600);
  }
});

test("the end of a time or a date is no count of errors", () => {
  for (const time of ["10:00:00", "10:00:22", "2026-11-20", "12.5.0", "2026-11-21T10:00:30"]) {
    expect([time, isSummary(`${time} ERROR lost`), isSevere(`${time} ERROR lost`)]).toEqual([time, false, true]);
  }
  expect([isSummary("0 errors"), isSevere("0 errors"), isSummary("12 errors, 3 warnings")]).toEqual([
    true,
    false,
    true,
  ]);
});
