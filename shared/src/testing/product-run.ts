// Owns a run of the whole product as people start it, for tests: every service, a full scenario, everything an admin can
// read, and the end of it.

import { join } from "node:path";
import { driveScenario, type ScenarioCall } from "./scenario";

export interface ProductRun {
  calls: ScenarioCall[];
  /** Path → status of every GET of the admin plane. */
  reads: Map<string, number>;
  /** GET /admin/spend at the end: what the optimizer did, by outcome. */
  outcomes: Record<string, number>;
  /** GET /admin/egress at the end. */
  egress: { hosts: { host: string; reason: string; calls: number; refused: number }[] };
  exitCode: number;
  /** Everything it wrote. */
  output: string;
}

export interface ProductSettings {
  root: string;
  dataDir: string;
  providerUrl: string;
  /** How long it is left alone at the end, with what it does by itself. */
  idleMs: number;
}

const adminToken = "token-of-the-proof-0123456789abcdef";
const ports = { gateway: 8_787, optimizer: 8_088, console: 3_000 };
const gatewayUrl = `http://127.0.0.1:${ports.gateway}`;
const startMsMax = 60_000;

/** On the ports it has by default, which must be free. */
export async function runProduct({ root, dataDir, providerUrl, idleMs }: ProductSettings): Promise<ProductRun> {
  const child = Bun.spawn([process.execPath, "--no-env-file", join(root, "shared/bin/start.ts")], {
    cwd: root,
    env: {
      ...{ PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? dataDir, ANYRAY_DATA_DIR: dataDir },
      ...{ ANYRAY_ADMIN_TOKEN: adminToken, ANYRAY_SHUTDOWN_DRAIN_MS: "2000" },
      ...{ ANYRAY_PROVIDER_URL_OPENAI: `${providerUrl}/v1`, ANYRAY_PROVIDER_URL_ANTHROPIC: providerUrl },
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let output = "";
  const read = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream) output += Buffer.from(chunk).toString();
  };
  const outputs = Promise.all([read(child.stdout), read(child.stderr)]);
  try {
    await within(() => /\| ready\b/.test(output));
    await switchEverythingOn();
    const calls = await driveScenario({ gatewayUrl, adminToken, secret: "nobodysbusiness" });
    await Bun.sleep(idleMs);
    const reads = await readEverything();
    const { outcomes } = await ask<Pick<ProductRun, "outcomes">>("GET", "/admin/spend");
    const egress = await ask<ProductRun["egress"]>("GET", "/admin/egress");
    child.kill("SIGTERM");
    const exitCode = await child.exited;
    await outputs;
    return { calls, reads, outcomes, egress, exitCode, output };
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`the product did not run: ${(error as Error).message}\n${output}`);
  }
}

async function within(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + startMsMax; !(await isSo()); await Bun.sleep(100)) {
    if (Date.now() > deadline) throw new Error("not ready in time");
  }
}

async function switchEverythingOn(): Promise<void> {
  const path = "/admin/optimizer/settings";
  const { config, known } = await ask<{ config: object; known: { kind: string }[] }>("GET", path);
  const strategies = known.map(({ kind }) => ({ kind, enabled: true, params: {} }));
  await ask("PUT", path, { ...config, strategies });
  await ask("PUT", "/admin/user-caps", { user: "capped", monthlyTokens: 0 });
  // A gateway that started first has given the optimizer up, until a call finds it.
  await within(async () => {
    await ask("POST", "/v1/chat/completions", {
      model: "gpt-4o-mini",
      messages: [{ role: "user", content: "Hello?" }],
    });
    const { optimizer } = await ask<{ optimizer: { breaker: string; revision: string | null } }>(
      "GET",
      "/admin/health",
    );
    return optimizer.breaker === "closed" && optimizer.revision !== null;
  });
}

async function ask<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(gatewayUrl + path, {
    method,
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

async function readEverything(): Promise<Map<string, number>> {
  const document = await ask<{ paths: Record<string, { get?: object }> }>("GET", "/admin/docs/json");
  const reads = new Map<string, number>();
  const paths = Object.entries(document.paths).flatMap(([path, { get }]) => (get ? [path] : []));
  for (const path of [...paths.map((each) => each.replace(/\{\w+\}/g, "ada")), "/admin/docs", "/metrics", "/ready"]) {
    const response = await fetch(gatewayUrl + path, { headers: { authorization: `Bearer ${adminToken}` } });
    await response.arrayBuffer();
    reads.set(path, response.status);
  }
  return reads;
}
