// Owns a process of the bench: started on its core, its output in a file, stopped for certain.

import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { allowedCores } from "./pinning";

export interface Child {
  name: string;
  pid: number;
  /** Everything it said so far. */
  output(): string;
  hasEnded(): boolean;
  /** Its exit code. */
  exited: Promise<number>;
  send(message: unknown): void;
  stop(): Promise<void>;
}

export interface ChildOptions {
  name: string;
  command: readonly string[];
  env: Record<string, string>;
  /** Null = any that the bench may use. */
  core: number | null;
  directory: string;
  cwd?: string;
  /** Opens a channel for messages between Bun processes. */
  onMessage?: (message: unknown) => void;
}

const stopMsMax = 5_000;
const running = new Set<Subprocess>();
// Whatever way the bench ends, nothing it started goes on.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

let started = 0;

export function startChild({ name, command, env, core, directory, cwd, onMessage }: ChildOptions): Child {
  const logPath = join(directory, `${name}-${++started}.log`);
  const log = openSync(logPath, "w");
  // A child would take over the one core that the bench keeps to itself.
  const cores = core ?? allowedCores;
  const child = Bun.spawn([...(cores === null ? [] : ["taskset", "--cpu-list", String(cores)]), ...command], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdin: "ignore",
    stdout: log,
    stderr: log,
    ...(cwd ? { cwd } : {}),
    ...(onMessage ? { ipc: onMessage, serialization: "json" as const } : {}),
  });
  running.add(child);
  void child.exited.then(() => running.delete(child));
  return {
    name,
    pid: child.pid,
    output: () => readFileSync(logPath, "utf8"),
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    exited: child.exited,
    send: (message) => child.send(message),
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), stopMsMax);
      await child.exited;
      clearTimeout(timer);
    },
  };
}

/** Resolves when `isReady` does with true. Rejects with the child's words when it ends, or is not ready in time. */
export async function waitUntilReady(child: Child, isReady: () => Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isReady())) {
    if (child.hasEnded()) throw new Error(`${child.name} ended before it was ready:\n${child.output()}`);
    if (performance.now() > deadline) {
      throw new Error(`${child.name} was not ready within ${timeoutMs} ms:\n${child.output()}`);
    }
    await Bun.sleep(10);
  }
}

/** Flags and variables under which every Bun process of the bench runs: those of a service. */
export const bunCommand: readonly string[] = [process.execPath, "--no-env-file", "--max-http-header-size=65536"];
export const bunEnv: Readonly<Record<string, string>> = {
  BUN_CONFIG_MAX_HTTP_REQUESTS: "65535",
  BUN_FEATURE_FLAG_EXPERIMENTAL_HTTP2_CLIENT: "1",
};

/** A port that nobody listens on right now. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

export async function isListening(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
    socket.terminate();
    return true;
  } catch {
    return false;
  }
}
