// Owns the optimizer under measurement: the real process on a data directory of its own, asked over HTTP as the gateway
// asks it.

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { bunCommand, bunEnv, type Child, freePort, startChild, waitUntilReady } from "../stand/child";

const root = resolve(import.meta.dir, "..", "..");
const token = "bench-optimizer-token-of-enough-characters";
const adminToken = "bench-admin-token-of-enough-characters";

export interface Answer {
  ms: number;
  /** The whole answer's text. */
  text: string;
}

export interface RunningOptimizer {
  ask(request: string, session: string): Promise<Answer>;
  /** Switches these kinds on with their defaults, or back to what is shipped. */
  use(profile: "shipped" | "all"): Promise<void>;
  /** Resident memory in MB. */
  memoryMb(): number;
  stop(): Promise<void>;
}

export async function startOptimizerProcess(directory: string, core: number | null): Promise<RunningOptimizer> {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const child: Child = startChild({
    name: "optimizer",
    command: [...bunCommand, join(root, "optimizer/src/main.ts")],
    env: {
      ...bunEnv,
      ANYRAY_OPTIMIZER_HOST: "127.0.0.1",
      ANYRAY_OPTIMIZER_PORT: String(port),
      ANYRAY_DATA_DIR: join(directory, "data"),
      ANYRAY_OPTIMIZER_TOKEN: token,
      ANYRAY_ADMIN_TOKEN: adminToken,
    },
    core,
    directory,
  });
  const isReady = () =>
    fetch(`${url}/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  await waitUntilReady(child, isReady);
  const shipped = await settings(url);
  return {
    async ask(request, session) {
      const head = '{"endpoint":"/v1/messages","capabilities":{"canRetrieve":true},"metadata":';
      const body = `${head}${JSON.stringify({ user: "bench", sessionId: session })},"request":${request}}`;
      const startedAt = performance.now();
      const response = await fetch(`${url}/v1/optimize`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body,
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`/v1/optimize: ${response.status} ${text.slice(0, 300)}`);
      return { ms: performance.now() - startedAt, text };
    },
    async use(profile) {
      const all = shipped.known.map(({ kind }) => ({ kind, enabled: kind !== "semantic_cache", params: {} }));
      const config = profile === "shipped" ? shipped.config : { ...shipped.config, strategies: all };
      await settings(url, config);
    },
    memoryMb: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1_024,
    stop: () => child.stop(),
  };
}

interface Settings {
  config: { strategies: unknown[] };
  known: { kind: string }[];
}

async function settings(url: string, config?: unknown): Promise<Settings> {
  const response = await fetch(`${url}/admin/optimizer/settings`, {
    method: config === undefined ? "GET" : "PUT",
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
    ...(config === undefined ? {} : { body: JSON.stringify(config) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`settings: ${response.status} ${text.slice(0, 500)}`);
  return JSON.parse(text) as Settings;
}
