// What `bun run test` promises, over real runs of bun test.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { makeTree, type Tree } from "./tree";

let tree: Tree;
beforeEach(() => {
  tree = makeTree();
});
afterEach(() => tree.remove());

const command = [process.execPath, "--no-env-file", "shared/bin/test.ts"];
const lastLine = (output: string) => output.trimEnd().split("\n").at(-1);

/** Only what goes to stdout is in a sure order: the closing line is the last of it. */
async function runTests(...args: string[]) {
  const run = tree.run([...command, ...args]);
  const code = await run.ended;
  return { code, output: run.output(), stdout: run.stdout() };
}

test("a good run closes with its counts and the names of what was skipped", async () => {
  tree.write(
    "gateway/a.test.ts",
    `import { expect, test } from "bun:test";
     test("flags", () => {
       expect(require("node:http").maxHeaderSize).toBe(65536);
       expect(process.env.BUN_CONFIG_MAX_HTTP_REQUESTS).toBe("65535");
       expect(process.env.BUN_FEATURE_FLAG_EXPERIMENTAL_HTTP2_CLIENT).toBe("1");
     });
     test.skip("stores rows (no PostgreSQL here)", () => {});`,
  );
  const { code, output, stdout } = await runTests();
  expect(output).toContain("(pass) flags");
  expect(stdout).toContain("\nSkipped:\n  gateway/a.test.ts: stores rows (no PostgreSQL here)\n");
  expect(lastLine(stdout)).toBe("1 passed, 0 failed, 1 skipped");
  expect(code).toBe(0);
});

test("files that do not load count as failed, next to tests that fail", async () => {
  tree.write("gateway/good.test.ts", `import { test } from "bun:test"; test("good", () => {});`);
  tree.write("gateway/bad.test.ts", `import { test } from "bun:test"; test("bad", () => { throw new Error("no"); });`);
  tree.write("gateway/broken.test.ts", `import { test } from "bun:test"; test("never", () => {`);
  tree.write("gateway/throws.test.ts", `throw new Error("while loading");`);
  const { code, stdout } = await runTests();
  expect(lastLine(stdout)).toBe("1 passed, 3 failed");
  expect(code).toBe(1);
});

test("a test that ends the whole process, with whatever code, is a failure", async () => {
  tree.write("gateway/exit.test.ts", `import { test } from "bun:test"; test("x", () => process.exit(0));`);
  const { code, output, stdout } = await runTests();
  expect(output).toContain("bun test ended before its summary (exit code 0)");
  expect(lastLine(stdout)).toBe("0 passed, 1 failed");
  expect(code).toBe(1);
});

test("arguments pass through", async () => {
  for (const name of ["one", "two"]) {
    tree.write(
      `gateway/${name}.test.ts`,
      `import { test } from "bun:test"; test("${name} a", () => {}); test("b", () => {});`,
    );
  }
  expect(lastLine((await runTests("one.test")).stdout)).toBe("2 passed, 0 failed");
  expect(lastLine((await runTests("-t", "two a")).stdout)).toBe("1 passed, 0 failed");
});

test("a process that a test left behind does not keep the run from ending", async () => {
  tree.write(
    "gateway/leak.test.ts",
    `import { test } from "bun:test";
     test("leaks", () => { Bun.spawn(["sleep", "8"], { stdio: ["ignore", "ignore", "inherit"], detached: true }).unref(); });`,
  );
  const startedAt = performance.now();
  const run = tree.run(command);
  expect(await run.child.exited).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(6_000);
});
