// The runtime's and the framework's own ways of answering a fault stay shut: no page of theirs, no message, no stack. A
// fault is made here by handing the rim a journey that fails.

import { afterAll, expect, test } from "bun:test";
import { createLog } from "@anyray/shared/log";
import { Metrics } from "@anyray/shared/metrics";
import { Elysia } from "elysia";
import { createApp } from "../src/app";
import { createCallMetrics } from "../src/call-metrics";
import type { Journey } from "../src/pipeline";
import { adminToken } from "./harness";
import { connectRaw, headersNamed, type RawAnswer, rawRequest } from "./raw-http";

const fault = "boom: canary-of-the-inside";
const stops: (() => void)[] = [];
afterAll(() => {
  for (const stop of stops) stop();
});

/** A rim whose every way inwards fails with what `fail` throws. */
function openRim(fail: () => never) {
  const lines: string[] = [];
  const log = createLog({ level: "info", service: "gateway", write: (line) => lines.push(line) });
  const metrics = new Metrics();
  const journey = {
    metrics: createCallMetrics(metrics),
    directory: { route: fail },
    traces: { open: () => null, close() {}, refuse() {} },
    bodyBytesMax: 65_536,
    headerBytesMax: 32_768,
    timezone: "UTC",
  } as unknown as Journey;
  metrics.gauge("failing", "Fails.", () => fail());
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    development: false,
    fetch: createApp({
      journey,
      admin: new Elysia().get("/admin/failing", () => fail()),
      adminToken,
      metrics,
      log,
      version: "0.0.0",
      concurrencyMax: 10,
      idleSeconds: 10,
      isDraining: () => false,
    }),
  });
  stops.push(() => server.stop(true));
  return { url: server.url.origin, lines, journey };
}

async function ask(url: string, method: string, path: string, headers: [string, string][] = []): Promise<RawAnswer> {
  const client = await connectRaw(url);
  const all: [string, string][] = [
    ["authorization", `Bearer ${adminToken}`],
    ["content-type", "application/json"],
    ...headers,
  ];
  const answer = await client.ask(rawRequest(method, path, all, method === "POST" ? '{"model":"m"}' : ""));
  client.close();
  return answer;
}

function expectHidden(answer: RawAnswer, protocol: "openai" | "anthropic", lines: readonly string[]): void {
  const [id = ""] = headersNamed(answer, "x-anyray-request-id");
  const text = answer.body.toString();
  expect(answer.status).toBe(500);
  expect([headersNamed(answer, "x-anyray-error"), headersNamed(answer, "x-should-retry")]).toEqual([
    ["internal"],
    ["true"],
  ]);
  const said = { message: `Something went wrong in the gateway. The log has it under ${id}.`, type: "api_error" };
  if (protocol === "openai") expect(JSON.parse(text)).toEqual({ error: { ...said, param: null, code: "internal" } });
  else expect(JSON.parse(text)).toEqual({ type: "error", error: said, request_id: id });
  expect(answer.headers.flat().join("\n")).not.toContain("canary");
  // The operator finds it by that id, in one line.
  const logged = lines.filter((line) => line.includes(id)).map((line) => JSON.parse(line));
  expect(logged).toMatchObject([{ level: "error", msg: "a call failed by a fault of ours" }]);
  expect(lines.join("\n")).not.toMatch(/\.ts:\d+|"stack"/);
}

const faults: Record<string, () => never> = {
  "an Error": () => {
    throw new Error(fault);
  },
  "an error with a status of its own": () => {
    throw Object.assign(new Error(fault), { status: 418, code: "VALIDATION", headers: { "x-leak": fault } });
  },
  "a text": () => {
    throw fault;
  },
  nothing: () => {
    throw undefined;
  },
  "an answer": () => {
    throw new Response(fault, { status: 200 });
  },
};

test.each(Object.keys(faults))("%s thrown inside shows as nothing but an id", async (name) => {
  const { url, lines, journey } = openRim(faults[name]!);
  for (const [protocol, path] of [
    ["openai", "/v1/chat/completions"],
    ["anthropic", "/v1/messages"],
    ["openai", "/v1/files"],
  ] as const) {
    expectHidden(await ask(url, "POST", path), protocol, lines);
  }
  expectHidden(await ask(url, "GET", "/v1/models", [["anthropic-version", "1"]]), "anthropic", lines);
  expect(journey.metrics.active()).toBe(0);
});

test.each(["an Error", "an error with a status of its own", "a text"])(
  "%s thrown by a route of the framework's, too",
  async (name) => {
    const { url, lines } = openRim(faults[name]!);
    for (const path of ["/metrics", "/admin/failing"]) expectHidden(await ask(url, "GET", path), "openai", lines);
    expect((await ask(url, "GET", "/health")).status).toBe(200);
  },
);

test("a step that has nothing to work with fails as a fault of ours, and the call is over", async () => {
  const { url, lines, journey } = openRim(faults["an Error"]!);
  // A call that passes `identify` finds no caps and no spool.
  Object.assign(journey, { directory: { route: () => ({ provider: {}, model: "m", isPrefixed: false }) } });
  const who: [string, string] = ["x-anyray-metadata", '{"user":"ada"}'];
  expectHidden(await ask(url, "POST", "/v1/chat/completions", [who]), "openai", lines);
  expect(journey.metrics.active()).toBe(0);
});
