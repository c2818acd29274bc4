// The export of traces: what a backend gets, in both encodings.

import { afterAll, describe, expect, test } from "bun:test";
import { tracesUrl } from "../src/export/deliver";
import type { OtlpProtocol } from "../src/export/encode";
import type { ExportContents } from "../src/export/exporter";
import { sampleTrace } from "../src/export/testing/trace";
import { closeExportWorlds, openExportWorld as open } from "./export-world";
import { partialSuccess } from "./otlp-receiver";

afterAll(closeExportWorlds);

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const contents: ExportContents = {
  request: JSON.stringify({ model: "gpt-5", messages: [{ role: "user", content: "canary question" }] }),
  response: JSON.stringify({
    choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "canary answer" } }],
  }),
};

describe.each<OtlpProtocol>(["http/protobuf", "http/json"])("over %s", (protocol) => {
  test("a trace comes as a root that speaks the GenAI conventions, and a child for each step", async () => {
    const { exporter, receiver, close } = open({ protocol });
    const trace = sampleTrace();
    exporter.exportTrace(trace);
    await close();
    const [root, ...steps] = receiver.spans();
    const traceId = trace.id.replaceAll("-", "");
    const start = BigInt(trace.ts) * 1_000_000n;
    expect(root).toMatchObject({ traceId, parentSpanId: "", name: "chat gpt-5", kind: 3, statusCode: 0 });
    expect([root?.startNano, root?.endNano]).toEqual([start, start + 1_234_567_800n]);
    expect(root?.attributes).toMatchObject({
      ...{ "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.stream": true },
      ...{ "gen_ai.request.model": "gpt-5", "gen_ai.response.model": "gpt-5-2026-08-01" },
      ...{ "gen_ai.usage.input_tokens": 1_000, "gen_ai.usage.output_tokens": 50 },
      ...{ "gen_ai.usage.cache_read.input_tokens": 600, "gen_ai.usage.cache_creation.input_tokens": 100 },
      ...{ "gen_ai.usage.reasoning.output_tokens": 20, "gen_ai.response.time_to_first_chunk": 0.32125 },
      ...{ "gen_ai.conversation.id": "s-1", "gen_ai.agent.name": "coder", "http.route": "/v1/chat/completions" },
      ...{ "user.id": "ada", "session.id": "s-1", "langfuse.user.id": "ada", "langfuse.session.id": "s-1" },
      ...{ "anyray.id": trace.id, "anyray.cost_usd": 0.0025, "anyray.cap.monthly_tokens": 5_000 },
      ...{ "anyray.price_row": "catalogue openai/gpt-5", "http.response.status_code": 200 },
      "langfuse.trace.tags": ["team:platform", "tool:claude-code", "outcome:optimized"],
      "langfuse.observation.type": "generation",
    });
    const usage = JSON.parse(String(root?.attributes["langfuse.observation.usage_details"]));
    expect(usage).toEqual({
      ...{ input: 300, input_cached_tokens: 600, input_cache_creation: 100, output: 50, total: 1_050 },
    });
    expect(JSON.parse(String(root?.attributes["langfuse.observation.cost_details"]))).toEqual({ total: 0.0025 });
    expect(root?.events).toEqual([
      {
        name: "anyray.decision",
        attributes: {
          ...{ "anyray.decision.kind": "context_dedupe", "anyray.decision.summary": "2 repeats replaced" },
          ...{ "anyray.decision.tokens_before": 1_300, "anyray.decision.tokens_after": 1_000 },
          "anyray.decision.ms": 3.5,
        },
      },
    ]);
    expect(root?.resource).toMatchObject({ "service.name": "anyray" });
    expect(steps.map(({ name }) => name)).toEqual(["identify", "optimize", "forward", "relay"]);
    for (const step of steps) expect(step).toMatchObject({ traceId, parentSpanId: root?.spanId, kind: 1 });
    expect(new Set(receiver.spans().map(({ spanId }) => spanId)).size).toBe(5);
    expect(steps[1]?.attributes).toEqual({
      ...{ "anyray.step.outcome": "optimized", "anyray.step.asked": true, "anyray.step.ms": 12.25 },
    });
    expect(steps[1]?.endNano).toBe(start + 12_500_000n);
    expect(receiver.exports[0]).toMatchObject({ path: "/v1/traces" });
    expect(receiver.exports[0]?.headers.get("authorization")).toBe("Basic cGs6c2s=");
  });

  test("content comes in plaintext mode alone, and not when the mode was tightened while it waited", async () => {
    const { exporter, receiver, world, close } = open({ protocol, limits: { gatherMs: 60_000 } });
    exporter.exportTrace(sampleTrace(), { contents });
    world.isPlaintext = true;
    exporter.exportTrace(sampleTrace(), { contents });
    world.isPlaintext = false;
    await close();
    expect(receiver.spans().length).toBe(10);
    expect(Buffer.concat(receiver.raw).includes("canary")).toBe(false);
    expect(Buffer.concat(receiver.raw).includes("v1.sealed")).toBe(false);

    const open2 = open({ protocol });
    open2.world.isPlaintext = true;
    open2.exporter.exportTrace(sampleTrace(), { contents });
    await open2.close();
    const attributes = open2.receiver.spans()[0]?.attributes;
    expect(JSON.parse(String(attributes?.["gen_ai.input.messages"]))).toEqual([
      { role: "user", parts: [{ type: "text", content: "canary question" }] },
    ]);
    expect(JSON.parse(String(attributes?.["gen_ai.output.messages"]))).toEqual([
      { role: "assistant", parts: [{ type: "text", content: "canary answer" }], finish_reason: "stop" },
    ]);
    expect(attributes?.["gen_ai.response.finish_reasons"]).toEqual(["stop"]);
  });

  test("the caller's traceparent is the parent, a bad one is passed over", async () => {
    const { exporter, receiver, close } = open({ protocol });
    const [good, bad] = [sampleTrace(), sampleTrace()];
    exporter.exportTrace(good, { traceparent: parent });
    exporter.exportTrace(bad, { traceparent: "00-00000000000000000000000000000000-b7ad6b7169203331-01" });
    await close();
    const roots = receiver.spans().filter(({ kind }) => kind === 3);
    expect(roots.map(({ traceId, parentSpanId }) => [traceId, parentSpanId])).toEqual([
      ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"],
      [bad.id.replaceAll("-", ""), ""],
    ]);
  });

  test("spans that are not taken of a batch are counted, and not sent again", async () => {
    const { exporter, receiver, metrics, close } = open({ protocol });
    receiver.answer(() => partialSuccess(3, protocol === "http/json" ? "json" : "protobuf"));
    exporter.exportTrace(sampleTrace());
    await close();
    expect(receiver.raw.length).toBe(1);
    expect(metrics.text()).toContain("anyray_export_rejected_spans_total 3\n");
    expect(exporter.report()).toMatchObject({ exported: 1, dropped: 0, waiting: 0 });
  });
});

test("what makes no sense as a request still goes, as text; what cannot be walked goes without", async () => {
  const { exporter, receiver, world, close } = open();
  world.isPlaintext = true;
  const deep = `{"messages":[{"role":"user","content":${"[".repeat(200_000)}${"]".repeat(200_000)}}]}`;
  const requests = ["", "null", "{", '"text"', '{"messages":7}', '{"messages":[null,1,"x",{}]}', deep, "\ud800 lone"];
  for (const request of requests) exporter.exportTrace(sampleTrace(), { contents: { request, response: request } });
  await close();
  expect(exporter.report()).toMatchObject({ exported: requests.length, dropped: 0 });
  expect(receiver.spans().length).toBe(5 * requests.length);
});

test("the address is the signal's, whether the operator wrote it or the base", () => {
  const cases = [
    ["http://otel:4318", "http://otel:4318/v1/traces"],
    ["http://otel:4318/", "http://otel:4318/v1/traces"],
    ["http://otel:4318/v1/traces", "http://otel:4318/v1/traces"],
    ["https://Langfuse.internal/api/public/otel", "https://Langfuse.internal/api/public/otel/v1/traces"],
    ["https://h/otel/?key=1", "https://h/otel/v1/traces?key=1"],
  ] as const;
  for (const [written, url] of cases) expect(tracesUrl(written)).toBe(url);
});
