// When a caller leaves, the provider is let go at once and what it had done is estimated; or, where its policy is to
// drain, the answer is read on in silence and booked exactly. No request is ever sent twice.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { listenHttp } from "@anyray/shared/testing/fake-http";
import { headerOf } from "@anyray/shared/testing/request-reader";
import { startGateway, until } from "./harness";
import { connectRaw } from "./raw-http";
import { openSdkWorld, type SdkWorld } from "./sdk-world";
import { callBytes, callOnce, type StreamedApi, streamedApis } from "./stream-calls";

const drainMaxMs = 500;
let world: SdkWorld;
beforeAll(async () => {
  world = await openSdkWorld((fakeUrl) => ({
    ANYRAY_DRAIN_MAX_MS: String(drainMaxMs),
    ANYRAY_PROVIDER_URL_DRAINED: fakeUrl,
    ANYRAY_PROVIDER_ON_ABORT_DRAINED: "drain",
  }));
  const baseUrl = world.fake.url;
  await world.gateway.admin("PUT", "/admin/providers/drained-claude", { kind: "anthropic", baseUrl, onAbort: "drain" });
});
afterAll(() => world.stop());

let calls = 0;
const nextId = (name: string) => `${name} abort ${++calls}`;
const plainOf = (api: StreamedApi): StreamedApi => ({
  ...api,
  body: { ...api.body, stream: false, stream_options: undefined },
});
const drained = (api: StreamedApi): [string, string][] => [
  ["x-anyray-provider", api.name === "messages" ? "drained-claude" : "drained"],
];

/** Calls, and leaves once `enough` of the answer has come; or, with null, once the provider has the request. */
async function leave(
  call: Parameters<typeof callBytes>,
  enough: ((text: string) => boolean) | null,
  how: "fin" | "rst",
): Promise<void> {
  const client = await connectRaw(world.gateway.url);
  const gone = Promise.withResolvers<void>();
  const before = world.fake.received.length;
  const asked = client.ask(callBytes(...call), (arrived) => {
    if (enough?.(arrived.toString("latin1"))) gone.resolve();
  });
  asked.catch(() => {});
  await (enough ? gone.promise : until(() => world.fake.received.length > before));
  client.close(how);
}

const tenEvents = (text: string) => text.split("\n\n").length > 10;

for (const api of streamedApis) {
  describe(api.name, () => {
    test("cancel: the provider is let go at once, and what was read is estimated", async () => {
      for (const how of ["rst", "fin"] as const) {
        const callId = nextId(api.name);
        await leave([api, callId, "gap=15 chunks=600"], tenEvents, how);
        const leftAt = performance.now();
        const entry = await world.ledgerOf(callId);
        expect([how, entry.end, performance.now() - leftAt < 1_000]).toEqual([how, "client_left", true]);
        const row = await world.rowOf(callId);
        expect(row).toMatchObject({ status: 200, endReason: "client_aborted", estimated: true, stream: true });
        expect(row.inputTokens).toBeGreaterThan(0);
        expect([row.outputTokens > 0, row.outputTokens < 300]).toEqual([true, true]);
      }
    });

    test("cancel: also while the provider is silent, and before the first byte", async () => {
      for (const [fake, asked] of [
        ["delay=8000", api],
        ["hang", plainOf(api)],
        ["delay=8000", plainOf(api)],
      ] as const) {
        const callId = nextId(api.name);
        await leave([asked, callId, fake], null, "rst");
        await until(() => world.fake.inFlight() === 0, 1_500);
        expect(await world.rowOf(callId)).toMatchObject({ status: 499, endReason: "client_aborted", outputTokens: 0 });
      }
      const callId = nextId(api.name);
      await leave([api, callId, "silent-after=12"], tenEvents, "rst");
      await until(() => world.fake.inFlight() === 0, 1_500);
      expect(await world.rowOf(callId)).toMatchObject({ status: 200, endReason: "client_aborted", estimated: true });
    });

    test("drain: the answer is read to its end and booked exactly", async () => {
      for (const enough of [tenEvents, null]) {
        const callId = nextId(api.name);
        await leave([api, callId, "delay=40 gap=8 chunks=20", drained(api)], enough, "rst");
        const entry = await world.ledgerOf(callId);
        expect([entry.end, entry.usageFinal]).toEqual(["complete", true]);
        expect(await world.rowOf(callId)).toMatchObject({
          status: enough ? 200 : 499,
          endReason: "client_aborted",
          estimated: false,
          inputTokens: entry.tokens.input,
          outputTokens: entry.tokens.output,
        });
      }
    });

    test("drain: a plain answer too, though nobody got a status", async () => {
      const callId = nextId(api.name);
      await leave([plainOf(api), callId, "delay=200", drained(api)], null, "rst");
      const entry = await world.ledgerOf(callId);
      expect(entry.end).toBe("complete");
      expect(await world.rowOf(callId)).toMatchObject({
        status: 499,
        endReason: "client_aborted",
        estimated: false,
        outputTokens: entry.tokens.output,
      });
    });

    test("drain: only for so long", async () => {
      for (const [fake, enough] of [
        ["gap=25 chunks=900", tenEvents],
        ["hang", null],
      ] as const) {
        const callId = nextId(api.name);
        await leave([api, callId, fake, drained(api)], enough, "rst");
        const leftAt = performance.now();
        await until(() => world.fake.inFlight() === 0);
        const drainedMs = performance.now() - leftAt;
        expect([fake, drainedMs > drainMaxMs - 100, drainedMs < drainMaxMs + 1_000]).toEqual([fake, true, true]);
        const status = enough ? 200 : 499;
        expect(await world.rowOf(callId)).toMatchObject({ status, endReason: "client_aborted", estimated: true });
      }
    });
  });
}

test("a connection that the provider has closed meanwhile costs one failed call, never a second sending", async () => {
  const seen = new Map<string, number>();
  // Reads every request; answers the first of each connection, and closes on the second, read but unanswered.
  const server = Bun.listen<{ count: number; text: string }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { count: 0, text: "" };
      },
      data(socket, bytes) {
        socket.data.text += bytes.toString("latin1");
        if (!socket.data.text.endsWith("}")) return;
        const callId = /^x-call-id: (.*)\r$/im.exec(socket.data.text)?.[1] ?? "";
        seen.set(callId, (seen.get(callId) ?? 0) + 1);
        socket.data = { count: socket.data.count + 1, text: "" };
        if (socket.data.count > 1) socket.end();
        else socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}');
      },
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  const gateway = await startGateway({ env: { ANYRAY_PROVIDER_URL_OPENAI: url } });
  const statuses: number[] = [];
  for (let call = 0; call < 24; call++) {
    const { status } = await callOnce(gateway.url, plainOf(streamedApis[0]!), `stale ${call}`, "");
    statuses.push(status);
  }
  const rows = await gateway.rows();
  expect(rows.map(({ session }) => session).sort()).toEqual([...seen.keys()].sort());
  expect([...seen.values()].filter((count) => count !== 1)).toEqual([]);
  expect(statuses.filter((status) => status === 502).length).toBeGreaterThan(0);
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(0);
  expect(rows.map(({ status }) => status).reverse()).toEqual(statuses);
  server.stop(true);
});

test("a caller that leaves while it still sends its request leaves no row and reaches no provider", async () => {
  const reached: string[] = [];
  const provider = listenHttp({
    hostname: "127.0.0.1",
    port: 0,
    onRequest(exchange) {
      reached.push(headerOf(exchange.request, "x-call-id") ?? "");
      exchange.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
      exchange.flush();
      exchange.finish();
    },
  });
  const gateway = await startGateway({ env: { ANYRAY_PROVIDER_URL_OPENAI: `http://127.0.0.1:${provider.port}` } });
  const chat = streamedApis[0]!;
  for (const how of ["rst", "fin"] as const) {
    const client = await connectRaw(gateway.url);
    const whole = callBytes(chat, `partial ${how}`, "");
    client.ask(whole.subarray(0, whole.length - 5)).catch(() => {});
    await Bun.sleep(50);
    client.close(how);
    await client.ended;
  }
  await callOnce(gateway.url, chat, "whole", "");
  expect(reached).toEqual(["whole"]);
  expect((await gateway.rows()).map(({ session }) => session)).toEqual(["whole"]);
  provider.stop();
});
