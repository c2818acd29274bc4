// A checkout in miniature, for tests of the scripts: the real shared/bin in a fresh directory, with packages that
// need nothing, and services that a test writes.

import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

export interface Tree {
  root: string;
  write(path: string, content: string): void;
  /** Runs a command in the tree. What it started itself must be gone before the tree is removed. */
  run(command: readonly string[], env?: Record<string, string>): Run;
  remove(): void;
}

export interface Run {
  child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  /** Both streams so far, line by line in the order of arrival. */
  output(): string;
  stdout(): string;
  /** Resolves when the output matches; rejects, showing the output, when it has not within `ms`. */
  until(pattern: RegExp, ms?: number): Promise<RegExpExecArray>;
  /** Resolves with the exit code once the output is complete. */
  ended: Promise<number>;
}

export const startCommand = [process.execPath, "--no-env-file", "shared/bin/start.ts"];

/** A tree with `files`, and with a lockfile that fits it. */
export function makeTree(files: Record<string, string> = {}): Tree {
  const root = mkdtempSync(join(tmpdir(), "anyray-tree-"));
  const write = (path: string, content: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  cpSync(resolve(import.meta.dir, "../bin"), join(root, "shared/bin"), {
    recursive: true,
    filter: (path) => !path.endsWith(".test.ts"),
  });
  const manifest = { name: "tree", private: true, packageManager: `bun@${Bun.version}`, workspaces: ["gateway"] };
  const scripts = { start: "bun --no-env-file shared/bin/start.ts" };
  write("package.json", JSON.stringify({ ...manifest, scripts }));
  write("gateway/package.json", JSON.stringify({ name: "gateway" }));
  for (const [path, content] of Object.entries(files)) write(path, content);
  const locked = Bun.spawnSync([process.execPath, "install"], { cwd: root });
  if (locked.exitCode !== 0) throw new Error(locked.stderr.toString());
  return {
    root,
    write,
    run: (command, env = {}) => run(root, command, env),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

function run(root: string, command: readonly string[], env: Record<string, string>): Run {
  const path = `${dirname(process.execPath)}:${process.env["PATH"]}`;
  const inherited = { ...process.env, PATH: path, npm_lifecycle_event: undefined, npm_config_user_agent: undefined };
  const child = Bun.spawn([...command], {
    cwd: root,
    env: { ...inherited, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let output = "";
  let stdout = "";
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const text = decoder.decode(chunk, { stream: true });
      output += text;
      if (stream === child.stdout) stdout += text;
    }
  };
  const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const until = async (pattern: RegExp, ms = 10_000) => {
    for (const deadline = performance.now() + ms; ; await Bun.sleep(10)) {
      const match = pattern.exec(output);
      if (match) return match;
      if (performance.now() > deadline) throw new Error(`${pattern} did not appear in:\n${output}`);
    }
  };
  return { child, output: () => output, stdout: () => stdout, until, ended: collected.then(() => child.exited) };
}

/** A port nobody listens on right now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Whether a process is there and not merely waiting to be reaped. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/\) Z /.test(readFileSync(stat, "latin1"));
}
