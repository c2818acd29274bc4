// A provider's silence ends when patience does, with an error in the caller's protocol; a caller's wait never ends its
// own connection.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { listenHttp } from "@anyray/shared/testing/fake-http";
import { startGateway, type TestGateway, until } from "./harness";
import { connectRaw, headersNamed } from "./raw-http";
import { openSdkWorld, type SdkWorld } from "./sdk-world";
import { callBytes, callOnce, eventsOf, type StreamedApi, streamedApis } from "./stream-calls";
import { startTapeProvider } from "./tape-provider";

const firstByteMs = 400;
const silenceMs = 300;

let world: SdkWorld;
beforeAll(async () => {
  world = await openSdkWorld(() => ({
    ANYRAY_UPSTREAM_TTFB_MS: String(firstByteMs),
    ANYRAY_UPSTREAM_IDLE_MS: String(silenceMs),
  }));
});
afterAll(() => world.stop());

let calls = 0;
const nextId = (name: string) => `${name} timeout ${++calls}`;

const plainOf = (api: StreamedApi): StreamedApi => ({
  ...api,
  body: { ...api.body, stream: false, stream_options: undefined },
});

/** A test in each protocol, side by side and beside the others: what they do is wait. */
function testEach(name: string, run: (api: StreamedApi) => Promise<void>): void {
  test.concurrent(name, async () => void (await Promise.all(streamedApis.map(run))));
}

testEach("no first byte in time is a 504, and the provider is let go", async (api) => {
  for (const [fake, asked] of [
    ["hang", api],
    ["hang", plainOf(api)],
    ["delay=5000", api],
  ] as const) {
    const callId = nextId(api.name);
    const startedAt = performance.now();
    const answer = await callOnce(world.gateway.url, asked, callId, fake);
    const waitedMs = performance.now() - startedAt;
    expect([answer.status, waitedMs > firstByteMs, waitedMs < firstByteMs + 1_500]).toEqual([504, true, true]);
    const body = JSON.parse(answer.body.toString()) as { error: object };
    expect(body.error).toMatchObject(
      api.name === "messages" ? { type: "timeout_error" } : { code: "upstream_timeout", type: "api_error" },
    );
    expect(headersNamed(answer, "x-should-retry")).toEqual(["true"]);
    expect(await world.rowOf(callId)).toMatchObject({ status: 504, endReason: "timed_out", outputTokens: 0 });
  }
});

testEach("a slow first byte that comes in time is waited for", async (api) => {
  const callId = nextId(api.name);
  const answer = await callOnce(world.gateway.url, api, callId, "delay=200 ttfb=150 gap=1");
  expect([api.name, answer.status, answer.isWhole]).toEqual([api.name, 200, true]);
  expect(await world.rowOf(callId)).toMatchObject({ endReason: "completed", estimated: false });
});

testEach("a stream that falls silent: what was served, the error event, an orderly end, one row", async (api) => {
  const served = eventsOf((await callOnce(world.fake.url, api, "direct", "chunks=20")).body.toString());
  for (const after of [0, 1, 7]) {
    const callId = nextId(api.name);
    const startedAt = performance.now();
    const answer = await callOnce(world.gateway.url, api, callId, `chunks=20 silent-after=${after}`);
    const waitedMs = performance.now() - startedAt;
    const events = eventsOf(answer.body.toString());
    expect([answer.status, answer.isWhole, events.slice(0, -1)]).toEqual([200, true, served.slice(0, after)]);
    expect(events.at(-1)).toMatch(api.errorEvent.upstream_timeout);
    expect([waitedMs > silenceMs, waitedMs < silenceMs + 1_500]).toEqual([true, true]);
    expect(await world.rowOf(callId)).toMatchObject({ status: 200, endReason: "timed_out", estimated: true });
  }
});

testEach("a stream that goes on for longer than the limit on silence is not cut", async (api) => {
  const callId = nextId(api.name);
  const answer = await callOnce(world.gateway.url, api, callId, "gap=60 chunks=8");
  expect([api.name, answer.isWhole, /event: error|"error":\{/.test(answer.body.toString())]).toEqual([
    api.name,
    true,
    false,
  ]);
  expect((await world.ledgerOf(callId)).end).toBe("complete");
  expect(await world.rowOf(callId)).toMatchObject({ endReason: "completed", estimated: false });
});

testEach("after the provider's own error event, silence adds nothing", async (api) => {
  const served = eventsOf((await callOnce(world.fake.url, api, "direct", "error-event=3")).body.toString());
  const callId = nextId(api.name);
  const answer = await callOnce(world.gateway.url, api, callId, "error-event=3 silent-after=4");
  expect([answer.isWhole, eventsOf(answer.body.toString())]).toEqual([true, served]);
  expect(await world.rowOf(callId)).toMatchObject({ endReason: "upstream_failed" });
});

test.concurrent("a plain answer that comes slowly but steadily is waited for, whatever its framing", async () => {
  const body = Buffer.from(`{"pad":"${"x".repeat(400_000)}","usage":{"prompt_tokens":3,"completion_tokens":4}}`);
  const piece = Math.ceil(body.length / 6);
  const provider = startTapeProvider(({ query }) => ({
    status: 200,
    headers: [
      ["content-type", "application/json"],
      ...(query ? [["content-length", String(body.length)] as const] : []),
    ],
    pieces: Array.from({ length: 6 }, (_, at) => body.subarray(at * piece, (at + 1) * piece)),
    gapMs: silenceMs / 2,
  }));
  await world.gateway.admin("PUT", "/admin/providers/steady", { kind: "openai", baseUrl: provider.url });
  const chat = plainOf(streamedApis[0]!);
  const ask = async (query: string) => {
    const callId = nextId("steady");
    const api = { ...chat, path: `${chat.path}${query}` };
    const answer = await callOnce(world.gateway.url, api, callId, "", [["x-anyray-provider", "steady"]]);
    expect([query, answer.status, answer.body.equals(body)]).toEqual([query, 200, true]);
    expect(await world.rowOf(callId)).toMatchObject({ endReason: "completed", inputTokens: 3, outputTokens: 4 });
  };
  await Promise.all(["", "?length"].map(ask));
  provider.stop();
});

testEach("a plain answer that falls silent in its middle is a 504", async (api) => {
  const callId = nextId(api.name);
  const answer = await callOnce(world.gateway.url, plainOf(api), callId, "silent-after=0 split=20");
  expect([answer.status, headersNamed(answer, "x-anyray-error")]).toEqual([504, ["upstream_timeout"]]);
  expect(await world.rowOf(callId)).toMatchObject({ status: 504, endReason: "timed_out" });
});

describe("a caller's own idle limit", () => {
  const silentMs = 4_000;
  const answerHead = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
  const half = 'data: {"choices":[{"delta":{"content":"x"}}]}\n\n';
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
  /** Silent where the request says: before its headers, before its first event, or between two. */
  const provider = listenHttp({
    hostname: "127.0.0.1",
    port: 0,
    async onRequest(exchange) {
      const where = new URLSearchParams(exchange.request.query).get("silent");
      if (where === "headers") await exchange.pause(silentMs);
      exchange.write(answerHead);
      exchange.flush();
      if (where === "start") await exchange.pause(silentMs);
      exchange.write(chunk(half));
      exchange.flush();
      if (where === "middle") await exchange.pause(silentMs);
      exchange.write(`${chunk("data: [DONE]\n\n")}0\r\n\r\n`);
      exchange.flush();
      exchange.finish();
    },
  });
  let gateway: TestGateway;
  beforeAll(async () => {
    const env = { ANYRAY_PROVIDER_URL_OPENAI: `http://127.0.0.1:${provider.port}`, ANYRAY_CLIENT_IDLE_SECONDS: "1" };
    gateway = await startGateway({ env });
  });
  afterAll(() => provider.stop());

  test.concurrent("does not run while it waits for an answer, and runs again after it", async () => {
    const chat = streamedApis[0]!;
    const ask = async (where: string) => {
      const client = await connectRaw(gateway.url);
      const answer = await client.ask(callBytes({ ...chat, path: `${chat.path}?silent=${where}` }, where, ""));
      expect([where, answer.isWhole, answer.body.toString()]).toEqual([where, true, `${half}data: [DONE]\n\n`]);
      const startedAt = performance.now();
      await client.ended;
      expect(performance.now() - startedAt).toBeLessThan(9_000);
    };
    await Promise.all(["headers", "start", "middle"].map(ask));
  }, 20_000);
});

test("every provider whose silence was ended has been let go", async () => {
  await until(() => world.fake.inFlight() === 0);
});
