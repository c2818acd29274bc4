// Promise: with gateway and optimizer as two real processes, what was said in a session is nowhere once an admin has
// destroyed it: not in the store, not in what the optimizer kept, not in any file; and the log says who did it.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FakeProvider, startFakeProvider } from "@anyray/shared/testing/fake-provider";
import type { Subprocess } from "bun";
import { adminToken, startGateway, type TestGateway, until } from "./harness";

setDefaultTimeout(60_000);

const root = join(import.meta.dir, "..", "..");
const dataDir = mkdtempSync(join(tmpdir(), "anyray-shred-"));
let provider: FakeProvider;
let gateway: TestGateway;
let optimizer: Subprocess;

async function startOptimizer(): Promise<string> {
  optimizer = Bun.spawn([process.execPath, "--no-env-file", join(root, "optimizer/src/main.ts")], {
    env: {
      PATH: process.env["PATH"] ?? "",
      ANYRAY_OPTIMIZER_PORT: "0",
      ANYRAY_DATA_DIR: dataDir,
      ANYRAY_ADMIN_TOKEN: adminToken,
      ANYRAY_ALLOW_PLAINTEXT: "true",
    },
    stdout: "pipe",
    stderr: "inherit",
  });
  const decoder = new TextDecoder();
  let output = "";
  for await (const chunk of optimizer.stdout as unknown as AsyncIterable<Uint8Array>) {
    output += decoder.decode(chunk, { stream: true });
    const ready = /"msg":"optimizer is ready","url":"([^"]+)"/.exec(output);
    if (ready?.[1]) return ready[1];
  }
  throw new Error(`the optimizer did not start:\n${output}`);
}

beforeAll(async () => {
  provider = startFakeProvider();
  const url = await startOptimizer();
  gateway = await startGateway({
    dataDir,
    env: {
      ANYRAY_PROVIDER_URL_OPENAI: `${provider.url}/v1`,
      ANYRAY_OPTIMIZER_URL: url,
      ANYRAY_ALLOW_PLAINTEXT: "true",
      ANYRAY_CONTENT_MODE: "plaintext",
    },
  });
  type Settings = { config: { strategies: unknown[] }; known: { kind: string }[] };
  const { config } = await gateway.admin<Settings>("GET", "/admin/optimizer/settings");
  const strategies = [{ kind: "context_compression", enabled: true, params: {} }];
  await gateway.admin("PUT", "/admin/optimizer/settings", { ...config, strategies });
});
afterAll(async () => {
  await gateway.stop("SIGTERM");
  optimizer.kill();
  await optimizer.exited;
  provider.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const leases = (canary: string) =>
  JSON.stringify(
    Array.from({ length: 400 }, (_, id) => ({ id, state: id === 77 ? "lost" : "held", note: `${canary}-${id % 3}` })),
    null,
    2,
  );

async function call(session: string, canary: string): Promise<void> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: "Bearer sk-test",
      "x-anyray-metadata": JSON.stringify({ user: "ada", team: "red", session }),
    },
    body: JSON.stringify({
      model: "gpt-5.1",
      tools: [{ type: "function", function: { name: "run", description: "Runs.", parameters: { type: "object" } } }],
      messages: [
        { role: "user", content: `Which lease of ${canary} was lost?` },
        { role: "assistant", tool_calls: [{ id: "c1", type: "function", function: { name: "run", arguments: "{}" } }] },
        { role: "tool", tool_call_id: "c1", content: leases(canary) },
        { role: "assistant", content: "Number 77." },
        { role: "user", content: "And its region?" },
      ],
    }),
  });
  await response.text();
  expect(response.status).toBe(200);
}

/** Files that hold the text, of all that the product wrote. */
function filesWith(text: string, directory = dataDir): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return filesWith(text, path);
    return entry.isFile() && readFileSync(path, "latin1").includes(text) ? [path] : [];
  });
}

interface Session {
  traces: { id: string; contents: { isShredded: boolean }[] }[];
}

const rowsOf = async (name: string) => {
  const { Database } = await import("bun:sqlite");
  const db = new Database(join(dataDir, "optimizer.db"), { readonly: true });
  try {
    return db.query<{ count: number }, []>(`SELECT count(*) AS count FROM ${name}`).get()?.count ?? 0;
  } finally {
    db.close();
  }
};

test("what was said in one session is gone from every file, another session's is not", async () => {
  await call("s-one", "CANARY-one");
  await call("s-two", "CANARY-two");
  const read = async (session: string) =>
    (await gateway.admin<Session>("GET", `/admin/sessions/${session}`).catch(() => null)) ?? { traces: [] };
  for (const session of ["s-one", "s-two"]) await until(async () => (await read(session)).traces[0], 10_000);
  const [trace] = (await read("s-one")).traces;
  expect(trace?.contents.length).toBeGreaterThan(0);
  await until(() => filesWith("CANARY-one").some((path) => path.includes("anyray.db")), 10_000);
  const stashed = await rowsOf("stash");
  expect(stashed).toBeGreaterThanOrEqual(2);

  const answer = await gateway.admin<Record<string, unknown>>("DELETE", "/admin/sessions/s-one/content?reason=asked");
  expect(answer).toEqual({ session: "s-one", shreddedTraces: 1, optimizer: "forgotten" });

  expect((await read("s-one")).traces[0]?.contents.every(({ isShredded }) => isShredded)).toBe(true);
  expect((await read("s-two")).traces[0]?.contents.some(({ isShredded }) => isShredded)).toBe(false);
  // What waited for the store is deleted once the store has it.
  await until(() => filesWith("CANARY-one").length === 0, 10_000).catch(() => {});
  expect(filesWith("CANARY-one")).toEqual([]);
  expect(filesWith("CANARY-two").length).toBeGreaterThan(0);
  expect(await rowsOf("stash")).toBe(stashed - 1);
  const audit = await gateway.admin<{ entries: { action: string; result: string }[] }>("GET", "/admin/audit");
  expect(audit.entries.filter(({ action }) => action === "content.shred").map(({ result }) => result)).toEqual([
    "done",
    "intent",
  ]);
});

test("an optimizer that is away is told of; what the store had is gone all the same", async () => {
  await call("s-three", "CANARY-three");
  await until(() => filesWith("CANARY-three").some((path) => path.includes("anyray.db")), 10_000);
  optimizer.kill();
  await optimizer.exited;
  const response = await fetch(`${gateway.url}/admin/users/ada/content`, {
    method: "DELETE",
    headers: { authorization: `Bearer ${adminToken}` },
  });
  expect(response.status).toBe(502);
  expect(await response.json()).toMatchObject({ error: { code: "upstream_unreachable" } });
  await until(() => filesWith("CANARY-three").length === 0, 10_000).catch(() => {});
  expect(filesWith("CANARY-three")).toEqual([]);
});
