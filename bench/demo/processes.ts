// Owns the two processes of the demo: the fake provider, and a real gateway in front of it on a data directory of
// its own.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Subprocess } from "bun";

export interface DemoProcesses {
  gatewayUrl: string;
  adminToken: string;
  stop(): Promise<void>;
}

const root = resolve(import.meta.dir, "..", "..");
const startMsMax = 15_000;

export async function startDemo(): Promise<DemoProcesses> {
  const dataDir = mkdtempSync(join(tmpdir(), "anyray-demo-"));
  const adminToken = crypto.randomUUID() + crypto.randomUUID();
  const children: Subprocess[] = [];
  const stop = async () => {
    for (const child of children.toReversed()) {
      child.kill("SIGTERM");
      await child.exited;
    }
    rmSync(dataDir, { recursive: true, force: true });
  };
  const run = (entry: string, args: string[], env: Record<string, string>, pattern: RegExp) => {
    const child = Bun.spawn([process.execPath, ...process.execArgv, join(root, entry), ...args], {
      env: { ...process.env, ...env },
      stdout: "pipe",
      stderr: "inherit",
    });
    children.push(child);
    return firstMatch(child.stdout, pattern, entry);
  };
  try {
    const provider = await run("shared/src/testing/fake-provider.ts", ["--port", "0"], {}, /^(http:\S+)/m);
    const environment = {
      ANYRAY_GATEWAY_HOST: "127.0.0.1",
      ANYRAY_GATEWAY_PORT: "0",
      ANYRAY_DATA_DIR: dataDir,
      ANYRAY_ADMIN_TOKEN: adminToken,
      ANYRAY_PROVIDER_URL_OPENAI: provider,
      ANYRAY_PROVIDER_URL_ANTHROPIC: provider,
      ANYRAY_PROVIDER_KEY_OPENAI: "demo-key-held-by-the-gateway",
      ANYRAY_PROVIDER_KEY_ANTHROPIC: "demo-key-held-by-the-gateway",
    };
    const gatewayUrl = await run("gateway/src/main.ts", [], environment, /"gateway is ready","url":"([^"]+)"/);
    return { gatewayUrl, adminToken, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The first capture of `pattern` in what a process prints; what follows is read and dropped. */
async function firstMatch(output: ReadableStream<Uint8Array>, pattern: RegExp, entry: string): Promise<string> {
  const reader = output
    .pipeThrough(new TextDecoderStream() as never)
    .getReader() as ReadableStreamDefaultReader<string>;
  const timer = setTimeout(() => void reader.cancel(), startMsMax);
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`${entry} did not start:\n${text}`);
    text += value;
    const found = pattern.exec(text)?.[1];
    if (!found) continue;
    clearTimeout(timer);
    void drop(reader);
    return found;
  }
}

async function drop(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  while (!(await reader.read()).done);
}
