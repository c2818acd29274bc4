import { describe, expect, test } from "bun:test";
import { writeRequest } from "../../test/agent-steps";
import { commandOutput as fixture, commandOutputs as fixtures, told } from "../../test/command-outputs";
import { type Endpoint, endpoints, runStrategy } from "../../test/run-stand";
import { hasMarker } from "../markers";
import { recognise, type Tool } from "../test-signatures";
import { buildQuestion } from "../text/question";
import { commandDigest } from "./command_digest";
import { digest } from "./command_digest/digest";
import { failedNames } from "./command_digest/flips";
import type { Limits } from "./command_digest/sheet";

const limits: Limits = { maxFailures: 20, contextLines: 12, groupSameMessage: true };
const questionOf = (lastUser: string) =>
  buildQuestion({ lastUser, previousUser: null, toolArgs: null, lastAssistant: null });
const anything = questionOf("Please go on.");

/** Tool as the file's name begins → a command line that prints such output. */
const commands: Partial<Record<Tool, string>> = {
  find: "find . -type f",
  tree: "tree",
  ls: "ls -la",
  make: "make all",
  ninja: "ninja -C build",
  junit: "java -jar junit-platform-console-standalone.jar",
  kubectl_describe: "kubectl describe pod depot",
  kubectl_get: "kubectl get pods -A",
};

describe("the outputs of each tool", () => {
  test.each(fixtures)("$name is digested, line by line its own", ({ name, tool, text }) => {
    const made = digest(text, tool, limits, anything);
    if (made === null) throw new Error("left alone");
    const own = new Set(text.split("\n"));
    for (const line of made.text.split("\n")) {
      const isTold = line.startsWith("[") || line.startsWith("  [also at ");
      if (!own.has(line) && !isTold) throw new Error(`made up: ${line}`);
    }
    for (const words of told[name] ?? []) expect(made.text).toContain(words);
    expect(made.text.length).toBeLessThan(text.length * 0.85);
  });

  test.each(fixtures)("$name is recognised, and its digest stands in a request with its handle", ({ tool, text }) => {
    const command = commands[tool] ?? "";
    const { output, stashes } = run("/v1/chat/completions", text, { command });
    const known = recognise(text, JSON.stringify({ command }));
    if (known === null) {
      // Progress of CMake and the tree of the JUnit launcher: no words of their own at head or tail.
      expect(["junit", "make"]).toContain(tool);
      return;
    }
    const { digestText } = findDigest(output);
    expect(hasMarker(digestText)).toBe(true);
    expect([...stashes.values()].map(({ content }) => content)).toEqual([text]);
  });
});

function run(
  endpoint: Endpoint,
  output: string,
  more: {
    command?: string;
    user?: string;
    isFresh?: boolean;
    canElide?: boolean;
    params?: Record<string, unknown>;
  } = {},
) {
  const args = { command: more.command ?? "run the tests" };
  const steps = [
    { user: more.user ?? "Please go on." },
    { calls: [{ tool: "bash", args, result: output }] },
    ...(more.isFresh ? [] : [{ say: "I see." }, { user: "Thanks, next." }]),
  ];
  const source = writeRequest(endpoint, steps);
  const stood = runStrategy(commandDigest, source, {
    endpoint,
    canElide: more.canElide ?? true,
    ...(more.params ? { params: more.params } : {}),
  });
  return { ...stood, source };
}

function findDigest(output: string): { digestText: string } {
  const texts: string[] = [];
  JSON.parse(output, (_key, value) => {
    if (typeof value === "string" && value.startsWith("[... ")) texts.push(value);
    return value;
  });
  return { digestText: texts[0] ?? "" };
}

describe("what it leaves alone", () => {
  test("an output whose own summary counts otherwise", () => {
    const lies: [string, Tool, string, string][] = [
      ["pytest-fail.txt", "pytest", "3 failed", "4 failed"],
      ["unittest-fail.txt", "unittest", "failures=1", "failures=2"],
      ["jest-fail.txt", "jest", "Tests:       2 failed", "Tests:       3 failed"],
      ["vitest-fail.txt", "vitest", "Tests  1 failed", "Tests  2 failed"],
      ["mocha-fail.txt", "mocha", "1 failing", "2 failing"],
      ["bun_test-fail.txt", "bun_test", " 1 fail\n", " 2 fail\n"],
      ["tap-fail.txt", "tap", "1..80", "1..81"],
      ["cargo_test-fail.txt", "cargo_test", "68 passed; 2 failed", "67 passed; 3 failed"],
      ["cargo_build-fail.txt", "cargo_build", "due to 2 previous", "due to 3 previous"],
      ["maven-fail.txt", "maven", "Tests run: 96, Failures: 1", "Tests run: 96, Failures: 2"],
      ["gradle-fail.txt", "gradle", "40 tests completed, 1 failed", "40 tests completed, 2 failed"],
      ["junit-fail.txt", "junit", "1 tests failed", "2 tests failed"],
      ["rspec-fail.txt", "rspec", "72 examples, 1 failure", "72 examples, 2 failures"],
      ["phpunit-fail.txt", "phpunit", "Failures: 1.", "Failures: 2."],
      ["dotnet-fail.txt", "dotnet", "Failed:     1", "Failed:     2"],
      ["tsc-pretty.txt", "tsc", "Found 15 errors", "Found 16 errors"],
      ["eslint-fail.txt", "eslint", "✖ 71 problems", "✖ 72 problems"],
      ["ruff-fail.txt", "ruff", "Found 41", "Found 42"],
      ["mypy-fail.txt", "mypy", "Found 37", "Found 38"],
      ["git_stat.txt", "git_stat", "72 files changed", "73 files changed"],
      ["tree.txt", "tree", "121 files", "125 files"],
      ["terraform-plan.txt", "terraform", "Plan: 3 to add", "Plan: 4 to add"],
    ];
    for (const [name, tool, told, lie] of lies) {
      const text = fixture(name);
      expect(text).toContain(told);
      expect(digest(text, tool, limits, anything)).not.toBeNull();
      const lied = digest(text.replace(told, lie), tool, limits, anything);
      if (lied !== null) throw new Error(`${name}: believed the lie`);
    }
  });

  test.each(endpoints)("%s: fresh outputs, other texts, and everything where nothing can be retrieved", (endpoint) => {
    const text = fixture("pytest-fail.txt");
    const fresh = run(endpoint, text, { isFresh: true });
    expect(fresh.output).toBe(fresh.source);
    const blind = run(endpoint, text, { canElide: false });
    expect(blind.output).toBe(blind.source);
    expect(blind.said.suppressed).toBe("no_retrieve");
    const other = run(endpoint, "Nothing of a command is in here, only words and words. ".repeat(60));
    expect(other.output).toBe(other.source);
    expect(other.said).toEqual({ summary: null, metric: null, suppressed: null });
  });
});

describe("what stays", () => {
  test.each(endpoints)("%s: digested once, the same bytes for ever, the original behind the handle", (endpoint) => {
    const text = fixture("jest-fail.txt");
    const once = run(endpoint, text);
    expect(once.output.length).toBeLessThan(once.source.length / 2);
    expect(run(endpoint, text).output).toBe(once.output);
    expect(runStrategy(commandDigest, once.output, { endpoint }).output).toBe(once.output);
    const [stash] = [...once.stashes.values()];
    expect(stash?.content).toBe(text);
    const { starts } = stash?.index ?? { starts: [] };
    expect(starts.map((start, at) => text.slice(start, starts[at + 1]))).toEqual(
      text.split(/(?<=\n)/).concat(text.endsWith("\n") ? [""] : []),
    );
    expect(once.said.summary).not.toMatch(/tax|shop|src/);
  });

  test("a test that passes now and failed before", () => {
    const pairs: [string, string, string][] = [
      ["pytest-fail.txt", "pytest-pass.txt", "test_parcel.py::test_parcel_meadow PASSED"],
      ["jest-fail.txt", "jest-pass.txt", "✓ keeps the depot in step 3"],
      ["cargo_test-fail.txt", "cargo_test-pass.txt", "test order::keeps_20 ... ok"],
      ["go_test-fail.txt", "go_test-pass.txt", "--- PASS: TestVoucher3"],
      ["unittest-fail.txt", "unittest-pass.txt", "test_window_31 "],
      ["tap-fail.txt", "tap-pass.txt", "ok 33 - keeps the"],
    ];
    for (const [failing, passing, line] of pairs) {
      const { tool } = fixtures.find(({ name }) => name === passing) as { tool: Tool };
      const failed = failedNames(fixture(failing));
      expect(failed.length).toBeGreaterThan(0);
      expect(digest(fixture(passing), tool, limits, anything)?.text).not.toContain(line);
      expect(digest(fixture(passing), tool, limits, anything, failed)?.text).toContain(line);
    }
    const bash = (result: string) => ({ calls: [{ tool: "bash", args: { command: "pytest" }, result }] });
    const steps = [
      { user: "Mend it." },
      bash(fixture("pytest-fail.txt")),
      bash(fixture("pytest-pass.txt")),
      { say: "Done." },
      { user: "Thanks." },
    ];
    const { output } = runStrategy(commandDigest, writeRequest("/v1/messages", steps), { endpoint: "/v1/messages" });
    expect(output).toContain("test_parcel.py::test_parcel_meadow PASSED");
  });

  test("all of an output that is mostly something else", () => {
    const other = Array.from({ length: 400 }, (_, at) => `the lamp of seat ${at} is warm and so is the room`).join(
      "\n",
    );
    expect(digest(`${other}\n${fixture("jest-fail.txt")}`, "jest", limits, anything)).toBeNull();
  });

  test("what stands around an output that comes wrapped in an object", () => {
    const text = fixture("cargo_test-fail.txt");
    const wrapped = `{ "metadata": {"exit_code": 101, "id": 12345678901234567890},  "output": ${JSON.stringify(text)}, "__proto__": 1 }`;
    const { output, stashes } = run("/v1/responses", wrapped);
    expect([...stashes.values()][0]?.content).toBe(wrapped);
    const results: string[] = [];
    JSON.parse(output, (_key, value) => {
      if (typeof value === "string" && value.startsWith("{ ")) results.push(value);
      return value;
    });
    const [result = ""] = results;
    expect(result).toStartWith('{ "metadata": {"exit_code": 101, "id": 12345678901234567890},  "output": "[... ');
    expect(result).toEndWith(', "__proto__": 1 }');
    expect(JSON.parse(result).output).toContain("test result: FAILED. 68 passed; 2 failed");
    expect(runStrategy(commandDigest, output, { endpoint: "/v1/responses" }).output).toBe(output);
  });

  test("a test that passed, where the question names it", () => {
    const text = fixture("pytest-pass.txt");
    const name = "test_cart_harbor";
    expect(text).toContain(name);
    expect(digest(text, "pytest", limits, anything)?.text).not.toContain(name);
    expect(digest(text, "pytest", limits, questionOf(`Did ${name} run at all?`))?.text).toContain(name);
  });

  test("more with every limit that is raised", () => {
    for (const { name, tool, text } of fixtures) {
      let before: Set<string> | null = null;
      for (const [maxFailures, contextLines] of [
        [1, 0],
        [1, 3],
        [2, 3],
        [5, 12],
        [50, 40],
      ] as const) {
        const made = digest(text, tool, { ...limits, maxFailures, contextLines }, anything);
        const lines = new Set((made?.text ?? text).split("\n").filter((line) => !/^\s*\[/.test(line)));
        for (const line of before ?? []) if (!lines.has(line)) throw new Error(`${name}: lost ${line}`);
        before = lines;
      }
    }
  });

  test("data that a user pasted, between the user's own words", () => {
    const pasted = fixture("cargo_test-fail.txt");
    const user = `Why does this fail, please?\n\n\`\`\`\n${pasted}\`\`\`\n\nI need it today.`;
    const steps = [{ user }, { say: "Let me see." }, { user: "Go on." }];
    const source = writeRequest("/v1/messages", steps);
    const kept = runStrategy(commandDigest, source, { endpoint: "/v1/messages" });
    expect(kept.output).toBe(source);
    const { output } = runStrategy(commandDigest, source, { endpoint: "/v1/messages", params: { roles: ["user"] } });
    expect(output.length).toBeLessThan(source.length);
    expect(output).toContain("Why does this fail, please?");
    expect(output).toContain("I need it today.");
    expect(output).toContain("test result: FAILED. 68 passed; 2 failed");
  });
});
