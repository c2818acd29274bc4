// Owns sample outputs of the commands that are digested, and what a reader of each must still find in the digest.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Tool } from "../src/test-signatures";

export interface CommandOutput {
  /** `<tool>-<what happened>.txt` */
  name: string;
  tool: Tool;
  text: string;
}

const directory = join(import.meta.dir, "outputs");

/** By name. */
export const commandOutputs: readonly CommandOutput[] = readdirSync(directory)
  .sort()
  .map((name) => {
    const tool = (/^([a-z_]+)/.exec(name)?.[1] ?? "") as Tool;
    return { name, tool, text: readFileSync(join(directory, name), "utf8") };
  });

export function commandOutput(name: string): string {
  const found = commandOutputs.find((each) => each.name === name);
  if (!found) throw new Error(`no output ${name}`);
  return found.text;
}

/** Per file: what a reader must still find. */
export const told: Record<string, string[]> = {
  "pytest-fail.txt": [
    "_ test_invoice_anchor _",
    "E       AssertionError: assert 119.98 == 120",
    "tests/test_voucher.py:42: AssertionError",
    "3 failed, 137 passed, 2 warnings in 4.21s",
    "FAILED tests/test_parcel.py::test_parcel_meadow",
  ],
  "pytest-pass.txt": ["140 passed in 3.90s"],
  "pytest-chained.txt": [
    "FileNotFoundError: [Errno 2]",
    "During handling of the above exception",
    "shop.route.LoadError: depot.json",
    "The above exception was the direct cause",
    "RuntimeError: no plan without a depot",
    "1 failed, 117 passed in 2.10s",
  ],
  "unittest-fail.txt": [
    "ERROR: test_parcel_44",
    "KeyError: 'depot'",
    "FAIL: test_window_31",
    "AssertionError: 40 != 41",
    "FAILED (failures=1, errors=1)",
    "Ran 60 tests",
  ],
  "jest-fail.txt": [
    "Expected: 36",
    "Received: 26",
    "Tests:       2 failed, 142 passed, 144 total",
    "● ticket › keeps the depot in step 3",
    "src/ticket.test.ts:51:26",
  ],
  "vitest-fail.txt": ["FAIL  src/anchor", "expected 11.9 to be 12", "src/anchor.test.ts:18:25"],
  "mocha-fail.txt": ["1 failing", "adds the tax:", "-11.9", "+12", "test/parcel.js:44:14"],
  "bun_test-fail.txt": ["(fail) route > adds the tax", "Expected: 12", "Received: 11.9", " 1 fail"],
  "tap-fail.txt": ["not ok 33", "11.9 !== 12", "test/shop.test.js:91:3", "# fail 1"],
  "go_test-fail.txt": [
    "ledger_test.go:68: total() = 11.9, want 12",
    "--- FAIL: TestVoucher3",
    "FAIL\texample.com/shop/ledger",
  ],
  "go_test-panic.txt": ["panic: runtime error", "/srv/shop/depot/depot.go:41", "--- FAIL: TestDepotNil"],
  "cargo_test-fail.txt": [
    "test result: FAILED. 68 passed; 2 failed",
    "order::keeps_20",
    "left: 20.9",
    "panicked at src/basket.rs:50:9",
  ],
  "cargo_build-fail.txt": [
    "error[E0308]: mismatched types",
    "--> src/depot.rs:88:18",
    "cannot find value `depot_rate`",
    "due to 2 previous errors",
    "src/basket.rs 12:9",
  ],
  "maven-fail.txt": [
    "expected: <12.0> but was: <11.9>",
    "MeadowTest.addsTheTax:61",
    "Tests run: 96, Failures: 1",
    "BUILD FAILURE",
  ],
  "gradle-fail.txt": [
    "InvoiceTest > addsTheTax() FAILED",
    "expected: <12.0> but was: <11.9>",
    "InvoiceTest.java:44",
    "40 tests completed, 1 failed",
    "BUILD FAILED",
  ],
  "junit-fail.txt": ["JUnit Jupiter:TicketTest:keeps2()", "expected: <12> but was: <11>", "1 tests failed"],
  "rspec-fail.txt": [
    "1) Ledger keeps the ticket",
    "expected: 12",
    "got: 11.9",
    "rspec ./spec/ledger_spec.rb:19",
    "72 examples, 1 failure",
    "./spec/ledger_spec.rb:21",
  ],
  "phpunit-fail.txt": [
    "DepotTest::testOpens",
    "must be of type string, null given",
    "11.9 matches expected 12",
    "Tests: 1008, Assertions: 2210, Errors: 1, Failures: 1.",
  ],
  "dotnet-fail.txt": [
    "Failed Shop.Tests.CartTests.AddsTheTax",
    "Expected: 12",
    "Actual:   11.9",
    "CartTests.cs:line 28",
    "Failed:     1",
  ],
  "dotnet-build.txt": ["error CS0103", "warning CS8602", "18 Warning(s)", "1 Error(s)", "Invoice.cs 5:10"],
  "tsc-fail.txt": ["error TS2339", "error TS2322", "Property 'weight' is missing", "src/cedar.ts 29:10"],
  "tsc-pretty.txt": ["src/depot.ts:77:14", "Found 15 errors", "src/anchor.ts 23:5"],
  "eslint-fail.txt": [
    "'rate' is not defined",
    "✖ 71 problems (1 error, 70 warnings)",
    "/srv/shop/src/anchor.ts 3:5 10:6",
  ],
  "ruff-fail.txt": ["F821 Undefined name `rate`", "Found 41 errors.", "src/cedar.py 22:1"],
  "ruff-full.txt": ["F821 Undefined name `rate`", "--> src/depot.py:44:9", "src/depot.py 10:8"],
  "mypy-fail.txt": ["Incompatible return value type", "Found 37 errors", "src/cedar.py 22"],
  "golangci-fail.txt": ["func `rate` is unused", "internal/depot/depot.go:40:6", "27 issues:"],
  "gcc-fail.txt": ["'rate' undeclared", "src/depot.c:77:12", "src/meadow.c 35:9"],
  "make-fail.txt": [
    "src/depot.c:77:12: error",
    "make[1]: *** [Makefile:31: build/depot.o] Error 1",
    "make: *** [Makefile:8: all] Error 2",
  ],
  "ninja-fail.txt": ["FAILED: src/CMakeFiles/shop.dir/depot.cpp.o", "depot.cpp:77:12", "ninja: build stopped"],
  "npm-pass.txt": ["added 412 packages", "3 vulnerabilities (1 moderate, 2 high)"],
  "npm-fail.txt": ["ERESOLVE unable to resolve", 'peer lamp@"^17.0.0" from anchor@4.1.0'],
  "pip-pass.txt": ["Successfully installed order-1.0.0"],
  "pip-fail.txt": ["No matching distribution found for depot==9.9"],
  "docker_build-fail.txt": ["RUN npm run build", "error TS2304", "exit code: 2", "ERROR: failed to solve"],
  "docker_build-pass.txt": ["naming to docker.io/library/shop:latest", "[3/5] RUN apt-get update"],
  "terraform-plan.txt": [
    "# aws_db_instance.depot must be replaced",
    "# forces replacement",
    'cidr_blocks      = ["0.0.0.0/0"]',
    "Plan: 3 to add, 1 to change, 1 to destroy.",
  ],
  "git_status.txt": ["modified:   src/window.ts", "notes-depot.md", "On branch main"],
  "git_log.txt": ["Move the order out of the ledger", "Author: Builder", "Move the cedar out of the cart"],
  "git_stat.txt": ["package-lock.json", "72 files changed, 9120 insertions(+), 310 deletions(-)", "assets/depot.png"],
  "ls-long.txt": ["depot.pem", "assets", "huge.ts"],
  "tree.txt": ["8 directories, 121 files", "depot.toml", "index.md"],
  "find.txt": ["./src/order/depot.sql", "./README.md"],
  "kubectl_get.txt": ["CrashLoopBackOff", "1/2", "61 Running"],
  "kubectl_describe.txt": ["OOMKilled", "BackOff    2m (x881", "Exit Code:    137"],
  "ps.txt": ["/usr/bin/depot --serve", "/usr/bin/route --wait"],
  "df.txt": ["96% /", "/run/full", "/data"],
};
