// The gateway and the optimizer as two real processes: what a caller sends is made cheaper, what was left out can be
// had back, what was answered before is answered again, and the row says what it was worth.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RowReport } from "@anyray/shared/admin/spend-rows";
import { type FakeProvider, startFakeProvider } from "@anyray/shared/testing/fake-provider";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { Subprocess } from "bun";
import OpenAI from "openai";
import { adminToken, startGateway, type TestGateway, until } from "./harness";

const root = join(import.meta.dir, "..", "..");
const dataDir = mkdtempSync(join(tmpdir(), "anyray-both-"));
let provider: FakeProvider;
let gateway: TestGateway;
let optimizer: Subprocess;

/** Its port is its own to pick: told by its first line. */
async function startOptimizer(): Promise<string> {
  optimizer = Bun.spawn([process.execPath, "--no-env-file", join(root, "optimizer/src/main.ts")], {
    env: {
      PATH: process.env["PATH"] ?? "",
      ANYRAY_OPTIMIZER_PORT: "0",
      ANYRAY_DATA_DIR: dataDir,
      ANYRAY_ADMIN_TOKEN: adminToken,
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
    env: { ANYRAY_PROVIDER_URL_OPENAI: `${provider.url}/v1`, ANYRAY_OPTIMIZER_URL: url },
  });
  const { config, known } = await gateway.admin<{ config: Config; known: { kind: string }[] }>(
    "GET",
    "/admin/optimizer/settings",
  );
  const strategies = known.map(({ kind }) => ({ kind, enabled: true, params: {} }));
  await gateway.admin("PUT", "/admin/optimizer/settings", { ...config, strategies });
});

interface Config {
  strategies: unknown[];
}

afterAll(() => {
  optimizer.kill();
  provider.stop();
});

const rows = JSON.stringify(
  Array.from({ length: 400 }, (_, id) => ({ id, state: id === 217 ? "lost" : "held", region: `r${id % 3}` })),
  null,
  2,
);
const tools: OpenAI.ChatCompletionTool[] = [
  { type: "function", function: { name: "run", description: "Runs a command.", parameters: { type: "object" } } },
];
const talk: OpenAI.ChatCompletionMessageParam[] = [
  { role: "user", content: "Which lease was lost?" },
  {
    role: "assistant",
    content: null,
    tool_calls: [{ id: "c1", type: "function", function: { name: "run", arguments: '{"cmd":"leases"}' } }],
  },
  { role: "tool", tool_call_id: "c1", content: rows },
  { role: "assistant", content: "Number 217." },
  { role: "user", content: "In which region is it?" },
];

const clientOf = (session: string) =>
  new OpenAI({
    apiKey: "sk-of-the-caller",
    baseURL: `${gateway.url}/v1`,
    maxRetries: 0,
    defaultHeaders: {
      "x-anyray-metadata": JSON.stringify({ user: "ada", team: "core", session }),
      "x-anyray-test": "1",
      "x-call-id": session,
    },
  });

const rowOf = (session: string) =>
  until(async () => (await gateway.rows(`session=${session}`))[0] ?? null) as Promise<RowReport>;

test("a long result of a tool is cut, and the row says what that saved", async () => {
  const { data, response } = await clientOf("cut")
    .chat.completions.create({ model: "gpt-4o", messages: talk, tools })
    .withResponse();
  expect(data.choices).toHaveLength(1);
  const told = JSON.parse(response.headers.get("x-anyray-optimization") ?? "{}");
  expect(told.outcome).toBe("optimized");
  expect(JSON.stringify(told)).not.toContain("lease");
  const row = await rowOf("cut");
  expect(row.outcome).toBe("optimized");
  expect(row.tokensSaved).toBeGreaterThan(2_000);
  expect(row.savingsUsd).toBeGreaterThan(0);
  expect(row.baselineCostUsd).toBeCloseTo((row.costUsd ?? 0) + row.savingsUsd, 9);
  expect(Object.keys(row.decisions ?? {})).toContain("context_compression");
});

test("what was left out can be had back over /mcp by its owner, and by nobody else", async () => {
  const sent = provider.ledger.entries.find(({ callId }) => callId === "cut");
  expect(sent).toBeDefined();
  const handle = await handleOf("mcp");
  const retrieve = async (metadata: object) => {
    const client = new Client({ name: "test", version: "1" });
    const requestInit = { headers: { "x-anyray-metadata": JSON.stringify(metadata) } };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`), { requestInit }));
    const result = await client.callTool({ name: "retrieve", arguments: { handle, grep: "lost" } });
    await client.close();
    return result as { isError?: boolean; content: { text: string }[] };
  };
  const own = await retrieve({ user: "ada", team: "core" });
  expect(own.isError ?? false).toBe(false);
  expect(own.content[0]?.text).toContain('"state": "lost"');
  const foreign = await retrieve({ user: "eve", team: "core" });
  expect(foreign.isError).toBe(true);
  expect(foreign.content[0]?.text).not.toContain("lost");
});

/** The optimizer is asked directly what the gateway asks it, with the gateway's token. */
async function handleOf(session: string): Promise<string> {
  const token = (await Bun.file(join(dataDir, "optimizer-token")).text()).trim();
  const { optimizer: facts } = await gateway.admin<{ optimizer: { url: string } }>("GET", "/admin/health");
  const response = await fetch(`${facts.url}/v1/optimize`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({
      endpoint: "/v1/chat/completions",
      request: { model: "gpt-4o", messages: talk, tools },
      metadata: { user: "ada", team: "core", sessionId: session },
    }),
  });
  return /ctx_[a-z2-7]{16}/.exec(await response.text())?.[0] ?? "";
}

test("a question that was answered is answered again without the provider, streamed or not", async () => {
  const ask = { model: "gpt-4o", temperature: 0, messages: [{ role: "user", content: "What is 2 + 2?" }] } as const;
  const first = await clientOf("first").chat.completions.create({ ...ask, messages: [...ask.messages] });
  const calls = () => provider.ledger.entries.length;
  const before = calls();
  await until(async () => {
    const again = await clientOf("again").chat.completions.create({ ...ask, messages: [...ask.messages] });
    expect(again.choices[0]?.message.content).toBe(first.choices[0]?.message.content as string);
    return (await gateway.rows("session=again")).some(({ outcome }) => outcome === "cache_hit") || null;
  });
  const asked = calls();
  const stream = await clientOf("streamed").chat.completions.create({
    ...ask,
    messages: [...ask.messages],
    stream: true,
  });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  expect(text).toBe(first.choices[0]?.message.content as string);
  expect(calls()).toBe(asked);
  expect(asked - before).toBeLessThanOrEqual(2);
  const row = await rowOf("streamed");
  expect([row.outcome, row.costUsd, row.inputTokens + row.outputTokens]).toEqual(["cache_hit", 0, 0]);
  expect(row.savingsUsd).toBeGreaterThan(0);
});

test("with the kill switch engaged everything goes as it came", async () => {
  await gateway.admin("POST", "/admin/kill-switch", { engaged: true, reason: "a test" });
  await clientOf("killed").chat.completions.create({ model: "gpt-4o", messages: talk, tools });
  expect(await rowOf("killed")).toMatchObject({ outcome: "off", tokensSaved: 0 });
  await gateway.admin("POST", "/admin/kill-switch", { engaged: false, reason: "the test is over" });
});

test("when the optimizer dies calls go on", async () => {
  optimizer.kill("SIGKILL");
  await optimizer.exited;
  await clientOf("dead").chat.completions.create({ model: "gpt-4o", messages: talk, tools });
  expect((await rowOf("dead")).outcome).toBe("unreachable");
});
