// Where a running gateway calls: what is configured at this moment, nothing else, and all of it in the register.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { type FakeProvider, startFakeProvider } from "@anyray/shared/testing/fake-provider";
import { startFakeOptimizer } from "./fake-optimizer";
import { startGateway, type TestGateway, until } from "./harness";
import { type OtlpReceiver, startOtlpReceiver } from "./otlp-receiver";

interface Egress {
  since: string;
  hosts: { host: string; reason: string; isAllowed: boolean; calls: number; refused: number; lastAt: string | null }[];
}

let provider: FakeProvider;
let other: FakeProvider;
let receiver: OtlpReceiver;
let optimizer: ReturnType<typeof startFakeOptimizer>;
let gateway: TestGateway;

beforeAll(async () => {
  provider = startFakeProvider();
  other = startFakeProvider();
  receiver = startOtlpReceiver();
  optimizer = startFakeOptimizer();
  gateway = await startGateway({
    env: {
      ...{ ANYRAY_PROVIDER_URL_OPENAI: provider.url, ANYRAY_OPTIMIZER_URL: optimizer.url },
      ...{ ANYRAY_OTLP_URL: `${receiver.url}/otel`, ANYRAY_OTLP_HEADERS: "Authorization=Basic cGs6c2s=" },
    },
  });
});

afterAll(async () => {
  provider.stop();
  other.stop();
  optimizer.stop();
  await receiver.stop();
});

const hostOf = (url: string) => new URL(url).host;
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async function chat(headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-anyray-metadata": '{"user":"ada","session":"s-1"}', ...headers },
    body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Hello there" }] }),
  });
}

const find = ({ hosts }: Egress, url: string, reason: string) =>
  hosts.find((entry) => entry.host === hostOf(url) && entry.reason === reason);

test("the register has every host that may be called, why, and how often it was", async () => {
  expect((await chat({ traceparent })).status).toBe(200);
  expect((await chat()).status).toBe(200);
  await until(() => receiver.exports.length > 0);
  const egress = await until(async () => {
    const found = await gateway.admin<Egress>("GET", "/admin/egress");
    return find(found, receiver.url, "otlp")?.calls ? found : null;
  });
  expect(find(egress, provider.url, "provider")).toMatchObject({ isAllowed: true, calls: 2, refused: 0 });
  expect(find(egress, optimizer.url, "optimizer")).toMatchObject({ isAllowed: true, refused: 0 });
  expect(find(egress, optimizer.url, "optimizer")?.calls).toBeGreaterThan(0);
  expect(find(egress, "https://api.anthropic.com", "provider")).toMatchObject({
    ...{ isAllowed: true, calls: 0, lastAt: null },
  });
  expect(
    egress.hosts
      .filter(({ calls }) => calls > 0)
      .map(({ reason }) => reason)
      .sort(),
  ).toEqual([...["optimizer", "otlp", "provider"]]);
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toContain(`anyray_egress_calls_total{reason="provider",host="${hostOf(provider.url)}"} 2\n`);
});

test("a trace of each call is exported, in the caller's own trace where it has one, without what was said", async () => {
  const roots = await until(() => {
    const found = receiver.spans().filter(({ name }) => name === "chat gpt-4o-mini");
    return found.length >= 2 ? found : null;
  });
  const [told, alone] = roots;
  expect([told?.traceId, told?.parentSpanId]).toEqual(["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"]);
  expect([alone?.traceId, alone?.parentSpanId]).toEqual([
    String(alone?.attributes["anyray.id"]).replaceAll("-", ""),
    "",
  ]);
  expect(told?.attributes).toMatchObject({
    ...{ "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "user.id": "ada", "session.id": "s-1" },
  });
  const [row] = await gateway.rows();
  expect([alone?.attributes["gen_ai.usage.input_tokens"], alone?.attributes["gen_ai.usage.output_tokens"]]).toEqual([
    ...[row?.inputTokens, row?.outputTokens],
  ]);
  const steps = receiver.spans().filter(({ parentSpanId }) => parentSpanId === alone?.spanId);
  expect(steps.map(({ name }) => name)).toContain("forward");
  expect(receiver.exports[0]).toMatchObject({ path: "/otel/v1/traces" });
  expect(receiver.exports[0]?.headers.get("authorization")).toBe("Basic cGs6c2s=");
  expect(Buffer.concat(receiver.raw).includes("Hello there")).toBe(false);
});

test("the allow-list follows what is configured: a provider that moved is called where it is now", async () => {
  await gateway.admin("PUT", "/admin/providers/there", { kind: "openai-compatible", baseUrl: other.url });
  expect((await chat({ "x-anyray-provider": "there" })).status).toBe(200);
  let egress = await gateway.admin<Egress>("GET", "/admin/egress");
  expect(find(egress, other.url, "provider")).toMatchObject({ isAllowed: true, calls: 1 });
  await gateway.admin("DELETE", "/admin/providers/there");
  expect((await chat({ "x-anyray-provider": "there" })).status).toBe(400);
  egress = await gateway.admin<Egress>("GET", "/admin/egress");
  expect(find(egress, other.url, "provider")).toMatchObject({ isAllowed: false, calls: 1, refused: 0 });
});

test("a bad address of the backend stops the start, with its headers hidden", async () => {
  const env = {
    ...{ ANYRAY_OTLP_URL: "http://user:hunter2@otel", ANYRAY_OTLP_HEADERS: "hunter2" },
    ...{ ANYRAY_OTLP_PROTOCOL: "grpc", ANYRAY_TRACE_URL_TEMPLATE: "https://h/" },
  };
  const refusal = await startGateway({ env }).catch((error: Error) => error.message);
  for (const name of Object.keys(env)) expect(refusal).toContain(name);
  expect(refusal).toContain("ANYRAY_OTLP_HEADERS=(hidden)");
});

test("what waits is exported before the process ends", async () => {
  const before = receiver.spans().length;
  expect((await chat()).status).toBe(200);
  expect(await gateway.stop()).toBe(0);
  expect(receiver.spans().length).toBeGreaterThan(before);
});
