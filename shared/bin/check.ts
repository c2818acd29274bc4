// Owns `bun run check`, which is what CI runs: install, lint, types, template scan, tests, in this order; the
// first failure ends it.

import { existsSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { install } from "./install";
import { runTests } from "./test";

const root = resolve(import.meta.dir, "../..");

interface Step {
  name: string;
  /** Resolves with an exit code. */
  run(): Promise<number>;
}

const steps: Step[] = [
  { name: "packages", run: () => install(root, { stream: process.stderr }) },
  {
    name: "lint and format (biome)",
    run: () => runTool("node_modules/@biomejs/biome/bin/biome", ["check", "--diagnostic-level=warn", "."]),
  },
  { name: "types (tsc)", run: () => runTool("node_modules/typescript/bin/tsc", []) },
  { name: "templates (xss-scan)", run: scanTemplates },
];

/** kitajs does not escape what stands between tags; the scan is what finds a place where nobody did. */
async function scanTemplates(): Promise<number> {
  const scanner = ["console/node_modules/.bin/xss-scan", "node_modules/.bin/xss-scan"].find((path) =>
    existsSync(join(root, path)),
  );
  if (scanner !== undefined) return runTool(scanner, []);
  console.log("no templates yet");
  return 0;
}

/** Under this Bun, whatever the tool's first line says: a machine need not have Node. */
async function runTool(path: string, args: readonly string[]): Promise<number> {
  const child = Bun.spawn([process.execPath, "--no-env-file", realpathSync(join(root, path)), ...args], {
    cwd: root,
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  return child.exited;
}

async function timed<T>(name: string, run: () => Promise<T>): Promise<T> {
  console.log(`\n== ${name}`);
  const startedAt = performance.now();
  const result = await run();
  console.log(`-- ${name}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return result;
}

for (const { name, run } of steps) {
  const code = await timed(name, run);
  if (code === 0) continue;
  console.log(`\n${name} failed (exit code ${code})`);
  process.exit(1);
}
const { closing, code } = await timed("tests", () => runTests({ root, args: process.argv.slice(2), env: process.env }));
console.log(`\n${closing}`);
process.exitCode = code;
