// Owns starting a real optimizer process for behaviour tests, with a stand-in behind the seam or with the real thing:
// its own data directory, real sockets. What is started is stopped and deleted when the test file ends.

import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";

export const adminToken = "test-admin-token-of-enough-characters";
export const optimizerToken = "test-optimizer-token-of-enough-characters";

// biome-ignore lint/suspicious/noExplicitAny: answers are read as the tests expect them
export type Json = any;

export interface Answer {
  status: number;
  text: string;
  json: Json;
  headers: Headers;
}

export interface TestOptimizer {
  url: string;
  port: number;
  dataDir: string;
  process: Subprocess;
  /** Everything it wrote to stdout and stderr so far. */
  output(): string;
  /** A request with the token its path wants; a body makes it a POST, or a PUT under /admin. */
  ask(path: string, body?: string | Uint8Array | object, init?: RequestInit): Promise<Answer>;
  stop(signal?: NodeJS.Signals): Promise<number>;
}

export interface TestOptions {
  env?: Record<string, string | undefined>;
  dataDir?: string;
  /** Below the package; default: the stand-in. */
  entry?: string;
}

const packageRoot = join(import.meta.dir, "..");
const running = new Set<Subprocess>();
const directories = new Set<string>();

afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

export function freshDir(): string {
  const directory = mkdtempSync(join(tmpdir(), "anyray-optimizer-"));
  directories.add(directory);
  return directory;
}

export function spawnOptimizer(options: TestOptions & { dataDir: string }) {
  const env: Record<string, string | undefined> = {
    PATH: process.env["PATH"] ?? "",
    ANYRAY_OPTIMIZER_HOST: "127.0.0.1",
    ANYRAY_OPTIMIZER_PORT: "0",
    ANYRAY_DATA_DIR: options.dataDir,
    ANYRAY_ADMIN_TOKEN: adminToken,
    ANYRAY_OPTIMIZER_TOKEN: optimizerToken,
    ...options.env,
  };
  const entry = join(packageRoot, options.entry ?? "test/stand-in-main.ts");
  const child = Bun.spawn([process.execPath, "--no-env-file", entry], { env, stdout: "pipe", stderr: "pipe" });
  running.add(child);
  void child.exited.then(() => running.delete(child));
  return child;
}

/** Resolves when it is ready. */
export async function startOptimizer(options: TestOptions = {}): Promise<TestOptimizer> {
  const dataDir = options.dataDir ?? freshDir();
  const child = spawnOptimizer({ ...options, dataDir });
  let output = "";
  const url = await new Promise<string>((resolve, reject) => {
    const read = async (stream: ReadableStream<Uint8Array>) => {
      const decoder = new TextDecoder();
      for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) {
        output += decoder.decode(chunk, { stream: true });
        const ready = /"msg":"optimizer is ready","url":"([^"]+)"/.exec(output);
        if (ready?.[1]) resolve(ready[1]);
      }
    };
    void read(child.stdout);
    void read(child.stderr);
    // The last lines may still be on their way.
    void child.exited.then((code) =>
      setTimeout(() => reject(new Error(`the optimizer exited with ${code}:\n${output}`)), 50),
    );
  });
  return {
    url,
    port: Number(new URL(url).port),
    dataDir,
    process: child,
    output: () => output,
    ask: (path, body, init) => ask(url, path, body, init),
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      return await child.exited;
    },
  };
}

async function ask(
  url: string,
  path: string,
  body?: string | Uint8Array | object,
  init: RequestInit = {},
): Promise<Answer> {
  const isAdmin = path.startsWith("/admin");
  const isRaw = typeof body === "string" || body instanceof Uint8Array;
  const method = body === undefined ? "GET" : isAdmin ? "PUT" : "POST";
  const response = await fetch(url + path, {
    method,
    ...(body !== undefined && { body: (isRaw ? body : JSON.stringify(body)) as string }),
    ...init,
    headers: {
      authorization: `Bearer ${isAdmin ? adminToken : optimizerToken}`,
      "content-type": "application/json",
      ...init.headers,
    },
  });
  const text = await response.text();
  let json: Json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, text, json, headers: response.headers };
}
