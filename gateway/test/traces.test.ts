// Every call on a data route leaves exactly one trace, whichever way it ends, and its figures are those of its row.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { RowReport } from "@anyray/shared/admin/spend-rows";
import type { StoredTrace } from "@anyray/shared/store/trace-query";
import { until } from "./harness";
import { openTraceWorld, type TraceWorld } from "./trace-world";

let world: TraceWorld;
beforeAll(async () => {
  world = await openTraceWorld();
});
afterAll(() => world.stop());

const chat = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Say something." }] };
const messages = { model: "claude-sonnet-4-5", max_tokens: 100, messages: chat.messages };
const bodies: [path: string, body: Record<string, unknown>, streams: boolean][] = [
  ["/v1/chat/completions", chat, true],
  ["/v1/responses", { model: "gpt-4o-mini", input: "Say something." }, true],
  ["/v1/messages", messages, true],
  ["/v1/completions", { model: "gpt-3.5-turbo-instruct", prompt: "Say" }, true],
  ["/v1/embeddings", { model: "text-embedding-3-small", input: "some words" }, false],
];

const rowOf = async (id: string): Promise<RowReport | undefined> =>
  (await world.gateway.rows()).find((row) => row.id === id);

/** What both say is the same. */
function expectSameFigures(trace: StoredTrace, row: RowReport): void {
  const { user, team, session, tool, provider, model, responseModel, endpoint, stream, status, endReason } = trace;
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens, estimated } = trace;
  const { latencyMs, ttftMs, overheadMs, outcome, tokensSaved } = trace;
  const costUsd = trace.costNanoUsd === null ? null : trace.costNanoUsd / 1e9;
  expect(row).toMatchObject({
    ...{ user, team, session, tool, provider, model, responseModel, endpoint, stream, status, endReason },
    ...{ inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens, estimated },
    ...{ latencyMs, ttftMs, overheadMs, outcome, tokensSaved, costUsd },
  });
}

function expectOrderedSpans({ spans, latencyMs }: StoredTrace): void {
  let before = 0;
  for (const { startMs, endMs } of spans) {
    expect(startMs).toBeGreaterThanOrEqual(before);
    expect(endMs).toBeGreaterThanOrEqual(startMs);
    before = startMs;
  }
  expect(spans[0]).toMatchObject({ name: "identify", startMs: 0 });
  expect(spans.at(-1)?.endMs ?? 0).toBeLessThan(latencyMs + 1_000);
}

describe("a call that reached its provider", () => {
  const ways: [name: string, fake: string][] = [
    ["a whole answer", ""],
    ["an error of the provider", "status=500"],
    ["a break in the middle", "cut-after=2 rst gap=20"],
    ["an early end", "fin-after=1"],
    ["a connection that is cut before any answer", "cut-before-headers"],
  ];
  for (const [path, body, streams] of bodies) {
    for (const stream of streams ? [false, true] : [false]) {
      for (const [name, fake] of ways) {
        test(`${path}${stream ? ", streamed" : ""}, ${name}`, async () => {
          const metadata = JSON.stringify({ user: "ada", team: "t", session: name, tool: "x" });
          const headers = { "x-anyray-metadata": metadata, ...(fake && { "x-fake": fake }) };
          const { id } = await world.post(path, { ...body, ...(stream && { stream }) }, headers);
          const trace = await world.traceOf(id);
          const row = await until(() => rowOf(id));
          expectSameFigures(trace, row);
          expectOrderedSpans(trace);
          expect(trace).toMatchObject({ user: "ada", session: name, endpoint: path, stream, agent: null });
          expect(trace.spans.map((span) => span.name).slice(0, 5)).toEqual([
            ...["identify", "reserve", "optimize", "start", "forward"],
          ]);
          expect(trace.spans.slice(-2).map((span) => span.name)).toEqual(["settle", "record"]);
          if (!fake) expect(trace).toMatchObject({ errorCode: null, endReason: "completed", status: 200 });
          if (name === "a break in the middle" && stream) {
            const { response } = await world.contentsOf(trace);
            expect(response).toMatch(/^(data|event): /);
          }
          if (fake === "cut-before-headers")
            expect(trace).toMatchObject({ errorCode: "upstream_unreachable", status: 502 });
        });
      }
    }
  }

  test("whose caller leaves in the middle", async () => {
    const control = new AbortController();
    const response = await fetch(`${world.gateway.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-fake": "chunks=200 gap=20" },
      body: JSON.stringify({ ...chat, stream: true }),
      signal: control.signal,
    });
    const id = response.headers.get("x-anyray-request-id") ?? "";
    await response.body?.getReader().read();
    control.abort();
    const trace = await world.traceOf(id);
    expectSameFigures(trace, await until(() => rowOf(id)));
    expect(trace).toMatchObject({ endReason: "client_aborted", errorCode: null });
    expect((await world.contentsOf(trace)).response).toStartWith("data: ");
  });

  test("says why its provider was asked, which price was used and what the cap check saw", async () => {
    await world.gateway.admin("PUT", "/admin/user-caps", { user: "capped", monthlyTokens: 1_000_000 });
    const headers = { "x-anyray-metadata": JSON.stringify({ user: "capped" }) };
    const { id } = await world.post("/v1/chat/completions", { ...chat, model: "openai/gpt-4o-mini" }, headers);
    const trace = await world.traceOf(id);
    expect(trace.priceRow).toBe("catalogue openai/gpt-4o-mini");
    expect(trace.cap).toEqual({ monthlyTokens: 1_000_000, usedTokens: 0, heldTokens: 0 });
    expect(trace.spans[0]?.facts).toMatchObject({ provider: "openai", routedBy: "prefix" });
    const named = await world.post("/v1/chat/completions", chat, { ...headers, "x-anyray-provider": "openai" });
    const second = await world.traceOf(named.id);
    expect(second.spans[0]?.facts).toMatchObject({ routedBy: "header" });
    expect(second.cap?.usedTokens).toBe(trace.inputTokens + trace.outputTokens);
    const family = await world.post("/v1/chat/completions", chat);
    expect((await world.traceOf(family.id)).spans[0]?.facts).toMatchObject({ routedBy: "family" });
    const unknown = await world.post("/v1/chat/completions", { ...chat, model: "my-own" });
    const last = await world.traceOf(unknown.id);
    expect(last.spans[0]?.facts).toMatchObject({ routedBy: "default" });
    expect(last).toMatchObject({ priceRow: null, costNanoUsd: null, cap: null });
  });

  test("names its agent and that one's parent", async () => {
    const session = "0b9f5a0e-5f0e-4f6a-8f53-5a8f2f3c9d11";
    const headers = {
      "x-claude-code-session-id": session,
      "x-claude-code-agent-id": "a2",
      "x-claude-code-parent-agent-id": "a1",
    };
    const { id } = await world.post("/v1/messages", messages, headers);
    expect(await world.traceOf(id)).toMatchObject({ session, agent: "a2", parentAgent: "a1" });
    const labels = JSON.stringify({ agentId: "worker", parentAgentId: "boss", session: "s" });
    const labelled = await world.post("/v1/messages", messages, { ...headers, "x-anyray-metadata": labels });
    expect(await world.traceOf(labelled.id)).toMatchObject({ session: "s", agent: "worker", parentAgent: "boss" });
  });

  test("and bills nothing leaves a trace without a row", async () => {
    const response = await fetch(`${world.gateway.url}/v1/models`);
    await response.text();
    const id = response.headers.get("x-anyray-request-id") ?? "";
    expect(await world.traceOf(id)).toMatchObject({ endpoint: "/v1/models", status: 200, endReason: "completed" });
    expect(await rowOf(id)).toBeUndefined();
  });
});

describe("a call that was refused", () => {
  test("leaves a trace with what was known by then, and no row", async () => {
    await world.gateway.admin("PUT", "/admin/user-caps", { user: "broke", monthlyTokens: 0 });
    const broke = { "x-anyray-metadata": JSON.stringify({ user: "broke", session: "s" }) };
    const refused: [code: string, body: unknown, headers: Record<string, string>, known: object][] = [
      [
        "user_token_cap_exceeded",
        chat,
        broke,
        { user: "broke", session: "s", model: "gpt-4o-mini", provider: "openai" },
      ],
      ["invalid_json", "{nonsense", broke, { user: "broke", model: null, provider: null }],
      [
        "unknown_provider",
        chat,
        { "x-anyray-provider": "nobody" },
        { user: null, model: "gpt-4o-mini", provider: null },
      ],
      ["unsupported_encoding", chat, { "content-encoding": "lzma" }, { model: null }],
    ];
    for (const [code, body, headers, known] of refused) {
      const { id, status } = await world.post("/v1/chat/completions", body, headers);
      const trace = await world.traceOf(id);
      expect(trace).toMatchObject({ errorCode: code, status, endReason: "refused", costNanoUsd: 0, ...known });
      expect(trace).toMatchObject({ inputTokens: 0, outputTokens: 0, outcome: "off" });
      expect(trace.spans.map(({ name }) => name)).not.toContain("forward");
      expect(await rowOf(id)).toBeUndefined();
    }
    const capped = (await world.traces()).find(({ errorCode }) => errorCode === "user_token_cap_exceeded");
    expect(capped?.cap).toEqual({ monthlyTokens: 0, usedTokens: 0, heldTokens: 0 });
    expect(capped?.spans.at(-1)).toMatchObject({ name: "reserve", facts: { isCapped: true, limitTokens: 0 } });
  });
});

test("no call left two, and none was lost", async () => {
  const traces = await world.traces();
  expect(new Set(traces.map(({ id }) => id)).size).toBe(traces.length);
  for (const row of await world.gateway.rows()) expect(traces.some(({ id }) => id === row.id)).toBe(true);
  const readMetrics = async () => (await fetch(`${world.gateway.url}/metrics`)).text();
  expect(await readMetrics()).not.toMatch(/^anyray_traces_dropped_total.* [1-9]/m);
  await until(async () => /^anyray_traces_pending 0$/m.test(await readMetrics()));
});
