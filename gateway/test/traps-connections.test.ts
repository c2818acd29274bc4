// The runtime's known traps of connections stay shut: its queue of 256 calls, its pool, proxies that nobody chose, its
// own error page, and connections kept while a gateway stops.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { listenHttp } from "@anyray/shared/testing/fake-http";
import { startFakeProvider } from "@anyray/shared/testing/fake-provider";
import { openRaw } from "@anyray/shared/testing/raw-client";
import { type BadWorld, chatBody, expectCleanOutput, openBadWorld, secretCanary } from "./bad-world";
import { startGateway, until } from "./harness";
import { connectRaw, headersNamed, rawRequest } from "./raw-http";

// A start alone takes seconds on a busy machine.
setDefaultTimeout(20_000);

let world: BadWorld;
beforeAll(async () => {
  world = await openBadWorld();
});
afterAll(() => world.stop());

const json = ["content-type", "application/json"] as const;
const chat = JSON.stringify(chatBody);
const call = (...headers: (readonly [string, string])[]) =>
  rawRequest("POST", "/v1/chat/completions", [json, ...headers], chat);

test("600 plain calls are all with the provider at once, and all are answered", async () => {
  await world.unharmed(async () => {
    const clients = await Promise.all(Array.from({ length: 600 }, () => connectRaw(world.gateway.url)));
    const asking = clients.map((client) => client.ask(call(["x-fake", "delay=1500"])));
    await until(() => world.fake.inFlight() === 600);
    const answers = await Promise.all(asking);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    // Twice more than the pool holds: the ones that find no place are closed, and none is mixed up with another.
    const again = await Promise.all(clients.map((client, nth) => client.ask(call(["x-fake", `tokens=${nth}:1`]))));
    for (const [nth, { body }] of again.entries()) {
      expect(JSON.parse(body.toString()).usage.prompt_tokens).toBe(nth);
    }
    for (const client of clients) client.close();
  });
});

/** A proxy that says what it was asked for, and answers nothing useful. */
function startProxy() {
  const asked: string[] = [];
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, bytes) {
        asked.push(bytes.toString("latin1").split("\r\n")[0] ?? "");
        socket.end("HTTP/1.1 418 Proxy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
      },
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, asked, stop: () => server.stop(true) };
}

test("proxies in the environment are not obeyed, one that is set on purpose is", async () => {
  const proxy = startProxy();
  const secure = startFakeProvider({ tls: true });
  const env = {
    ANYRAY_PROVIDER_URL_OPENAI: world.fake.url,
    ANYRAY_PROVIDER_URL_SECURE: secure.url,
    NODE_EXTRA_CA_CERTS: `${world.gateway.dataDir}/secure.pem`,
  };
  await Bun.write(env.NODE_EXTRA_CA_CERTS, secure.cert ?? "");
  const names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
  const [unwilling, willing] = await Promise.all([
    startGateway({ env: { ...env, ...Object.fromEntries(names.map((name) => [name, proxy.url])) } }),
    startGateway({ env: { ...env, ANYRAY_HTTP_PROXY: proxy.url, NO_PROXY: "*", no_proxy: "*" } }),
  ]);
  const ask = async (url: string, slug: string) => {
    const client = await connectRaw(url);
    const answer = await client.ask(call(["x-anyray-provider", slug]));
    client.close();
    return answer.status;
  };
  for (const slug of ["openai", "secure"]) expect([slug, await ask(unwilling.url, slug)]).toEqual([slug, 200]);
  expect(proxy.asked).toEqual([]);
  const before = [world.fake.received.length, secure.received.length];
  expect(await ask(willing.url, "openai")).toBe(418);
  expect(await ask(willing.url, "secure")).toBeGreaterThanOrEqual(400);
  expect([world.fake.received.length, secure.received.length]).toEqual(before);
  expect(proxy.asked).toEqual([
    `POST ${world.fake.url}/v1/chat/completions HTTP/1.1`,
    `CONNECT ${new URL(secure.url).host} HTTP/1.1`,
  ]);
  for (const gateway of [unwilling, willing]) expectCleanOutput(gateway.output());
  proxy.stop();
  secure.stop();
});

test("a certificate that nobody vouches for is a 502 without its details, and no key is sent", async () => {
  const secure = startFakeProvider({ tls: true });
  const env = { ANYRAY_PROVIDER_URL_OPENAI: secure.url, ANYRAY_PROVIDER_KEY_OPENAI: secretCanary };
  const gateway = await startGateway({ env });
  const client = await connectRaw(gateway.url);
  const answer = await client.ask(call());
  client.close();
  expect([answer.status, headersNamed(answer, "x-anyray-error")]).toEqual([502, ["upstream_unreachable"]]);
  expect(answer.body.toString()).not.toMatch(/cert|self.signed|127\.0\.0\.1/i);
  expect(secure.received).toEqual([]);
  expectCleanOutput(gateway.output());
  secure.stop();
});

test.each(["nothing else", "a stream"])(
  "a gateway stops with %s running: callers on kept connections are told, and all get an answer",
  async (running) => {
    const fake = startFakeProvider();
    const gateway = await startGateway({ env: { ANYRAY_PROVIDER_URL_OPENAI: fake.url } });
    const outcomes: string[] = [];
    /** Calls, and calls anew when it is told to close its connection, until there is no new one. */
    const hammer = async () => {
      for (;;) {
        const client = await connectRaw(gateway.url).catch(() => null);
        if (!client) return;
        let isEnded = false;
        void client.ended.then(() => {
          isEnded = true;
        });
        let isTold = false;
        for (let calls = 0; !isTold; calls++) {
          const answer = isEnded ? null : await client.ask(call()).catch(() => null);
          // A connection that was never used may go with the listener.
          outcomes.push(answer ? String(answer.status) : calls === 0 ? "closed unused" : "closed in use");
          if (!answer) break;
          isTold = headersNamed(answer, "connection")[0]?.toLowerCase() === "close";
          await Bun.sleep(Math.random() * 30);
        }
        client.close("fin");
      }
    };
    const crowd = Promise.all(Array.from({ length: 40 }, hammer));
    await until(() => outcomes.length > 200);
    const streaming = await connectRaw(gateway.url);
    let streamedBytes = 0;
    const body = JSON.stringify({ ...chatBody, stream: true });
    const request = rawRequest("POST", "/v1/chat/completions", [json, ["x-fake", "chunks=10 gap=50"]], body);
    const stream =
      running === "a stream" &&
      streaming.ask(request, (arrived) => {
        streamedBytes = arrived.length;
      });
    if (stream) await until(() => streamedBytes > 0);
    gateway.process.kill("SIGTERM");
    await crowd;
    if (stream) {
      const { status, isWhole, body: streamed } = await stream;
      expect([status, isWhole, streamed.toString().endsWith("data: [DONE]\n\n")]).toEqual([200, true, true]);
    }
    streaming.close();
    expect(await gateway.process.exited).toBe(0);
    expect(outcomes.filter((outcome) => outcome === "503").length).toBeGreaterThan(0);
    expect(outcomes.filter((outcome) => outcome === "closed in use")).toEqual([]);
    expectCleanOutput(gateway.output());
    fake.stop();
  },
);

test("an answer whose books are closed is not cut by the stop before its last byte is out", async () => {
  const provider = listenHttp({
    hostname: "127.0.0.1",
    port: 0,
    async onRequest(exchange) {
      const done = "data: [DONE]\n\n";
      exchange.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
      exchange.write(`${done.length.toString(16)}\r\n${done}\r\n`);
      exchange.flush();
      await exchange.pause(800);
      exchange.write("0\r\n\r\n");
      exchange.flush();
      exchange.finish();
    },
  });
  const gateway = await startGateway({ env: { ANYRAY_PROVIDER_URL_OPENAI: `http://127.0.0.1:${provider.port}` } });
  const client = await connectRaw(gateway.url);
  const body = JSON.stringify({ ...chatBody, stream: true, stream_options: { include_usage: true } });
  let isTold = false;
  const answer = client.ask(rawRequest("POST", "/v1/chat/completions", [json], body), (arrived) => {
    if (arrived.includes("[DONE]") && !isTold) gateway.process.kill("SIGTERM");
    isTold ||= arrived.includes("[DONE]");
  });
  expect(await answer).toMatchObject({ status: 200, isWhole: true });
  client.close();
  expect(await gateway.process.exited).toBe(0);
  provider.stop();
});

test("connections that are opened and left, in any number, cost nothing", async () => {
  const port = Number(new URL(world.gateway.url).port);
  await world.unnoticed(async () => {
    for (let round = 0; round < 4; round++) {
      const connections = await Promise.all(Array.from({ length: 250 }, () => openRaw(port)));
      for (const [nth, connection] of connections.entries()) {
        if (nth % 2 === 0)
          connection.send("POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Length: 50\r\n\r\n{");
        if (nth % 3 === 0) connection.reset();
        else connection.leave();
      }
      await Promise.all(connections.map(({ ended }) => ended));
    }
  });
});
