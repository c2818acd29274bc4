import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { recognise, type Tool } from "./test-signatures";

/** Lines as the tools print them. */
const outputs: [Tool, string, string?][] = [
  ["pytest", "============================= test session starts ==============================\ncollected 3 items\n"],
  [
    "pytest",
    "F..                                                                      [100%]\n=========================== short test summary info ============================",
  ],
  ["pytest", ".F.\n1 failed, 2 passed in 0.12s\n", '{"command":"python -m pytest -q"}'],
  [
    "unittest",
    "..F\n----------------------------------------------------------------------\nRan 3 tests in 0.001s\n\nFAILED (failures=1)",
  ],
  [
    "jest",
    "PASS src/a.test.js\nFAIL src/b.test.js\n\nTest Suites: 1 failed, 1 passed, 2 total\nTests:       1 failed, 3 passed, 4 total",
  ],
  ["vitest", " RUN  v2.1.0 /app\n\n ✓ src/a.test.ts (3)\n\n Test Files  1 passed (1)"],
  ["mocha", "  Pool\n    ✔ takes\n\n  1 passing (5ms)\n  1 failing"],
  ["bun_test", "bun test v1.4.5 (a7733435c)\n\na.test.ts:\n(pass) works [0.1ms]\n\n 1 pass\n 0 fail"],
  ["tap", "TAP version 13\nok 1 - takes\nnot ok 2 - gives\n1..2"],
  [
    "go_test",
    "=== RUN   TestTake\n--- FAIL: TestTake (0.00s)\n    pool_test.go:12: empty\nFAIL\nFAIL\texample.com/pool\t0.003s",
  ],
  ["cargo_test", "running 2 tests\ntest take ... ok\n\ntest result: ok. 2 passed; 0 failed; 0 ignored"],
  ["cargo_build", "   Compiling pool v0.1.0 (/app)\nerror[E0308]: mismatched types\n --> src/main.rs:3:5"],
  [
    "junit",
    "[INFO] Running com.example.PoolTest\n[ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.1 s",
  ],
  ["maven", "[INFO] Scanning for projects...\n[INFO] BUILD SUCCESS"],
  ["gradle", "> Task :compileJava\n\nBUILD SUCCESSFUL in 2s"],
  ["rspec", "..F\n\n3 examples, 1 failure"],
  ["phpunit", "PHPUnit 10.5.1 by Sebastian Bergmann and contributors.\n\n..F  3 / 3 (100%)"],
  ["dotnet", "Failed!  - Failed:     1, Passed:     2, Skipped:     0, Total:     3"],
  ["tsc", "src/a.ts(3,5): error TS2304: Cannot find name 'x'."],
  ["tsc", "src/a.ts:3:5 - error TS2304: Cannot find name 'x'.\n\nFound 1 error in src/a.ts:3"],
  ["eslint", "/app/src/a.js\n  3:5  error  'x' is not defined  no-undef\n\n✖ 1 problem (1 error, 0 warnings)"],
  ["ruff", "a.py:1:8: F401 [*] `os` imported but unused\nFound 1 error."],
  ["mypy", 'a.py:3: error: Name "x" is not defined  [name-defined]\nFound 1 error in 1 file (checked 1 source file)'],
  ["golangci", "pool.go:12:3: Error return value is not checked (errcheck)"],
  ["gcc", "main.c: In function 'main':\nmain.c:3:5: error: 'x' undeclared (first use in this function)"],
  ["make", "cc -c a.c\nmake: *** [Makefile:3: a.o] Error 1"],
  ["ninja", "[1/3] CXX a.o\n[2/3] CXX b.o\nninja: build stopped: subcommand failed."],
  ["npm", "added 120 packages, and audited 121 packages in 3s\n\nfound 0 vulnerabilities"],
  ["npm", "npm ERR! code ERESOLVE\nnpm ERR! ERESOLVE unable to resolve dependency tree"],
  ["pnpm", "Packages: +120\n++++++\nProgress: resolved 120, reused 120, downloaded 0, added 120, done"],
  ["yarn", "yarn install v1.22.19\n[1/4] Resolving packages..."],
  ["pip", "Collecting requests\nSuccessfully installed requests-2.31.0"],
  ["docker_build", "#1 [internal] load build definition from Dockerfile\n#1 DONE 0.0s"],
  ["docker_build", "Step 1/4 : FROM node:22\n ---> abc"],
  ["terraform", "Terraform will perform the following actions:\n\nPlan: 1 to add, 0 to change, 0 to destroy."],
  ["git_status", "On branch main\nChanges not staged for commit:\n\tmodified:   a.ts"],
  ["git_log", `commit ${"9f".repeat(20)}\nAuthor: A\nDate:   Tue Nov 3\n\n    a change`],
  ["git_log", "9f8e7d6 a change\n1a2b3c4 another\n5d6e7f8 a third", '{"command":"git log --oneline"}'],
  ["git_stat", " src/a.ts | 3 ++-\n 1 file changed, 2 insertions(+), 1 deletion(-)"],
  ["ls", "total 12\ndrwxr-xr-x 2 a a 4096 Nov  3 10:00 src\n-rw-r--r-- 1 a a  120 Nov  3 10:00 a.ts"],
  ["tree", ".\n├── src\n│   └── a.ts\n└── b.ts\n\n1 directory, 2 files"],
  ["find", "./src\n./src/a.ts\n./src/b.ts\n./test", '{"command":"find . -type f"}'],
  ["kubectl_get", "NAME        READY   STATUS    RESTARTS   AGE\npool-0      1/1     Running   0          3d"],
  [
    "kubectl_describe",
    "Name:         pool-0\nNamespace:    default\nEvents:       <none>",
    '{"command":"kubectl describe pod pool-0"}',
  ],
  [
    "ps",
    "USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\nroot           1  0.0  0.1   1000   500 ?        Ss   10:00   0:00 init",
  ],
  [
    "df",
    "Filesystem     1K-blocks    Used Available Use% Mounted on\n/dev/sda1       10000000 5000000   5000000  50% /",
  ],
];

describe("recognising", () => {
  test.each(outputs.map(([tool, output, toolArgs = null]) => [tool, output, toolArgs] as const))(
    "%s: %#",
    (tool, output, toolArgs) => {
      expect(recognise(output, toolArgs)).toBe(tool);
      expect(recognise(output.replaceAll("\n", "\r\n"), toolArgs)).toBe(tool);
    },
  );

  test("every tool has a sample", () => {
    const tools: Record<Tool, true> = {
      pytest: true,
      unittest: true,
      jest: true,
      vitest: true,
      mocha: true,
      bun_test: true,
      tap: true,
      go_test: true,
      cargo_test: true,
      cargo_build: true,
      junit: true,
      maven: true,
      gradle: true,
      rspec: true,
      phpunit: true,
      dotnet: true,
      tsc: true,
      eslint: true,
      ruff: true,
      mypy: true,
      golangci: true,
      gcc: true,
      make: true,
      ninja: true,
      npm: true,
      pnpm: true,
      yarn: true,
      pip: true,
      docker_build: true,
      terraform: true,
      git_status: true,
      git_log: true,
      git_stat: true,
      ls: true,
      tree: true,
      find: true,
      kubectl_get: true,
      kubectl_describe: true,
      ps: true,
      df: true,
    };
    expect([...new Set(outputs.map(([tool]) => tool))].sort()).toEqual(Object.keys(tools).sort() as Tool[]);
  });

  test("sees through colours, and finds the summary behind a long run", () => {
    const run = Array.from({ length: 900 }, (_, index) => `working on ${index}`).join("\n");
    expect(recognise(`${run}\n\u001b[1m\u001b[31mTest Suites: \u001b[0m1 failed, 2 total\n`, null)).toBe("jest");
  });

  test("does not see what stands in the middle", () => {
    const run = Array.from({ length: 200 }, (_, index) => `working on ${index}`).join("\n");
    expect(recognise(`${run}\nPHPUnit 10.5.1 by somebody\n${run}`, null)).toBeNull();
  });

  test.each([
    ["", null],
    ["total 12 apples and pears", null],
    ["the tests passed, 3 failed in my dreams", null],
    ["2026-11-03T10:00:00Z INFO 12 passed through the gate", null],
    ["whatever it printed", '{"command":"pytest -q"}'],
    ["const find = 1;\nfunction x() {\n  return find;\n}", '{"command":"cat find.js"}'],
  ])("nothing in %j", (text, toolArgs) => {
    expect(recognise(text, toolArgs)).toBeNull();
  });

  test("is the same twice and quick, whatever it is given", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.option(fc.string()), (text, toolArgs) => {
        expect(recognise(text, toolArgs)).toBe(recognise(text, toolArgs));
      }),
    );
    for (const text of [
      "=".repeat(2e5),
      "= ".repeat(1e5),
      " ".repeat(2e5),
      "\n".repeat(2e5),
      "a.go:1:1: (".repeat(2e4),
      "\u001b[".repeat(1e5),
      `${"=".repeat(590)}\n`.repeat(99),
    ]) {
      const startedAt = performance.now();
      recognise(text, text);
      expect(performance.now() - startedAt).toBeLessThan(500);
    }
  });
});
