// Owns `bun run test`: install, run every test under the flags and variables of a service, close with the counts.
// Refuses to depend on any package: it runs before the install.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { install } from "./install";
import { type ProcessEnv, runtimeEnv, runtimeFlags } from "./runtime";
import { closingLineOf, skippedIn, type Tally, tallyOf } from "./tally";
import { within } from "./within";

/** Per test; behaviour tests start servers and wait for real timeouts. `--timeout` among the arguments wins. */
const testTimeoutMs = 30_000;
const outputGraceMs = 1_000;
const tailLengthMax = 65_536;

interface TestOptions {
  /** The directory that holds package.json. */
  root: string;
  /** For `bun test`: file filters, `-t`, `--timeout`, … */
  args: readonly string[];
  env: ProcessEnv;
}

/** What a run came to; `closing` is the line that is to be printed last. */
export interface TestRun {
  closing: string;
  code: number;
}

/** Runs the tests, streaming their output, and lists the skipped ones. The packages must be installed. */
export async function runTests({ root, args, env }: TestOptions): Promise<TestRun> {
  const directory = mkdtempSync(join(tmpdir(), "anyray-test-"));
  const report = join(directory, "junit.xml");
  try {
    const { tail, exitCode } = await runBunTest(root, args, env, report);
    const tally = tallyOf(tail, exitCode);
    if (!tally.complete) process.stderr.write(`\nbun test ended before its summary (exit code ${exitCode})\n`);
    const skipped = skippedIn(readIfThere(report));
    if (skipped.length > 0) process.stdout.write(`\nSkipped:\n${skipped.map((name) => `  ${name}\n`).join("")}`);
    return { closing: closingLineOf(tally), code: exitCodeOf(tally) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function runBunTest(root: string, args: readonly string[], env: ProcessEnv, report: string) {
  const reporting = ["--reporter=junit", `--reporter-outfile=${report}`];
  const child = Bun.spawn(
    [process.execPath, ...runtimeFlags, "test", `--timeout=${testTimeoutMs}`, ...reporting, ...args],
    {
      cwd: root,
      env: { ...runtimeEnv(env), ...(process.stderr.isTTY && !env["NO_COLOR"] ? { FORCE_COLOR: "1" } : {}) },
      stdin: "ignore",
      stdout: "inherit",
      stderr: "pipe",
    },
  );
  // A terminal's Ctrl-C has reached the tests already; waiting for them keeps their last words.
  const onInterrupt = () => {};
  const onTerminate = () => child.kill("SIGTERM");
  process.on("SIGINT", onInterrupt).on("SIGTERM", onTerminate);
  let tail = "";
  const decoder = new TextDecoder();
  const reader = child.stderr.getReader();
  const output = (async () => {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      process.stderr.write(read.value);
      tail = (tail + decoder.decode(read.value, { stream: true })).slice(-tailLengthMax);
    }
  })();
  const exitCode = await child.exited;
  // A process that a test left behind may hold the output open for ever.
  await within(outputGraceMs, output);
  await reader.cancel();
  process.off("SIGINT", onInterrupt).off("SIGTERM", onTerminate);
  return { tail, exitCode };
}

function exitCodeOf(tally: Tally): number {
  return tally.failed > 0 ? 1 : 0;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // No report: every file failed to load, or another reporter was asked for.
    return "";
  }
}

if (import.meta.main) {
  const root = resolve(import.meta.dir, "../..");
  const installed = await install(root, { stream: process.stderr });
  if (installed !== 0) process.exit(installed);
  const { closing, code } = await runTests({ root, args: process.argv.slice(2), env: process.env });
  process.stdout.write(`\n${closing}\n`);
  process.exitCode = code;
}
