// Owns `bun run bench` and its kin: install, then the bench named first under the flags and variables of a service. Refuses to depend on any
// package: it runs before the install.

import { join, resolve } from "node:path";
import { install } from "./install";
import { runtimeEnv, runtimeFlags } from "./runtime";

const root = resolve(import.meta.dir, "..", "..");
const [entry = "bench/main.ts", ...args] = process.argv.slice(2);
const code = await install(root, { stream: process.stderr });
if (code !== 0) process.exit(code);
const bench = Bun.spawn([process.execPath, ...runtimeFlags, join(root, entry), ...args], {
  cwd: process.cwd(),
  env: runtimeEnv(process.env),
  stdio: ["inherit", "inherit", "inherit"],
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => bench.kill(signal));
process.exit(await bench.exited);
