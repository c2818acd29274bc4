// Owns `bun run demo`: install, then the demo under the flags and variables of a service. Refuses to depend on any
// package: it runs before the install.

import { join, resolve } from "node:path";
import { install } from "./install";
import { runtimeEnv, runtimeFlags } from "./runtime";

const root = resolve(import.meta.dir, "..", "..");
const code = await install(root, { stream: process.stderr });
if (code !== 0) process.exit(code);
const demo = Bun.spawn(
  [process.execPath, ...runtimeFlags, join(root, "bench/demo/main.ts"), ...process.argv.slice(2)],
  { cwd: root, env: runtimeEnv(process.env), stdio: ["inherit", "inherit", "inherit"] },
);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => demo.kill(signal));
process.exit(await demo.exited);
