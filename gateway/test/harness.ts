// Owns starting a real gateway for behaviour tests: its own process, its own data directory, real sockets. What is
// started is stopped and deleted by `stop`, or when the test file ends.

import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RowReport } from "@anyray/shared/admin/spend-rows";
import type { Subprocess } from "bun";

export const adminToken = "test-admin-token-of-enough-characters";

export interface TestGateway {
  url: string;
  dataDir: string;
  process: Subprocess;
  /** Everything it wrote to stdout and stderr so far. */
  output(): string;
  /** A request to the admin plane; rejects unless it is answered with 2xx. */
  admin<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T>;
  /** All spend rows, newest first. */
  rows(query?: string): Promise<RowReport[]>;
  /** SIGTERM and wait; the data directory stays until the file's tests are over. */
  stop(signal?: NodeJS.Signals): Promise<number>;
}

export interface TestGatewayOptions {
  env?: Record<string, string>;
  /** Starts again on what an earlier one left. */
  dataDir?: string;
}

const root = join(import.meta.dir, "..", "..");
const running = new Set<Subprocess>();
const directories = new Set<string>();

afterAll(() => {
  for (const child of running) child.kill("SIGKILL");
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** Resolves when the gateway is ready. Providers are set by `env` (ANYRAY_PROVIDER_URL_OPENAI, …). */
export async function startGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "anyray-test-"));
  directories.add(dataDir);
  const child = Bun.spawn(
    [process.execPath, "--no-env-file", "--max-http-header-size=65536", join(root, "gateway/src/main.ts")],
    {
      env: {
        PATH: process.env["PATH"] ?? "",
        BUN_CONFIG_MAX_HTTP_REQUESTS: "65535",
        BUN_FEATURE_FLAG_EXPERIMENTAL_HTTP2_CLIENT: "1",
        ANYRAY_GATEWAY_HOST: "127.0.0.1",
        ANYRAY_GATEWAY_PORT: "0",
        ANYRAY_DATA_DIR: dataDir,
        ANYRAY_ADMIN_TOKEN: adminToken,
        // Nobody listens there: only tests of the optimizer have one.
        ANYRAY_OPTIMIZER_URL: "http://127.0.0.1:1",
        ...options.env,
      },
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  running.add(child);
  let output = "";
  const url = await new Promise<string>((resolve, reject) => {
    const read = async (stream: ReadableStream<Uint8Array>) => {
      const decoder = new TextDecoder();
      for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) {
        output += decoder.decode(chunk, { stream: true });
        const ready = /"msg":"gateway is ready","url":"([^"]+)"/.exec(output);
        if (ready?.[1]) resolve(ready[1]);
      }
    };
    void read(child.stdout);
    void read(child.stderr);
    void child.exited.then((code) => {
      running.delete(child);
      // The last lines may still be on their way.
      setTimeout(() => reject(new Error(`the gateway exited with ${code}:\n${output}`)), 50);
    });
  });
  return {
    url,
    dataDir,
    process: child,
    output: () => output,
    admin: (method, path, body) => askAdmin(url, method, path, body),
    rows: async (query = "") => {
      const text = await adminText(url, `/admin/spend/rows?format=jsonl&${query}`);
      return text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as RowReport);
    },
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      return await child.exited;
    },
  };
}

async function askAdmin<T>(url: string, method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

async function adminText(url: string, path: string): Promise<string> {
  const response = await fetch(url + path, { headers: { authorization: `Bearer ${adminToken}` } });
  if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
  return await response.text();
}

/** Waits until `check` gives something other than null, undefined or false. */
export async function until<T>(check: () => T | Promise<T>, timeoutMs = 5_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value !== null && value !== undefined && value !== false) return value as NonNullable<T>;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${check}`);
    await Bun.sleep(10);
  }
}
