import { afterAll, expect, test } from "bun:test";
import { createEgress } from "@anyray/shared/egress";
import { listenHttp } from "@anyray/shared/testing/fake-http";
import { outboundToThisMachine } from "@anyray/shared/testing/outbound";
import { headerOf } from "@anyray/shared/testing/request-reader";
import { createClient } from "./client";

const received: { path: string; authorization: string | undefined; encoding: string | undefined }[] = [];
const listener = listenHttp({
  hostname: "127.0.0.1",
  port: 0,
  async onRequest(exchange) {
    const { path, headers } = exchange.request;
    const named = (name: string) => headerOf({ headers }, name);
    received.push({ path, authorization: named("authorization"), encoding: named("accept-encoding") });
    const [, kind = "", size = "0"] = path.split("/");
    const body = "x".repeat(Number(size));
    const head = `HTTP/1.1 ${kind === "500" ? 500 : 200} Fake\r\n`;
    if (kind === "silent") return;
    if (kind === "chunked" || kind === "pause") {
      exchange.write(`${head}transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n`);
      exchange.flush();
      if (kind === "pause") return;
      exchange.write("0\r\n\r\n");
    } else exchange.write(`${head}content-length: ${body.length}\r\n\r\n${body}`);
    exchange.flush();
    exchange.finish();
  },
});
afterAll(() => listener.stop());

const egress = createEgress();
const outbound = outboundToThisMachine(egress);
const url = `http://127.0.0.1:${listener.port}`;
const client = createClient({ outbound, baseUrl: `${url}//`, token: "t0ken" });
const ask = (path: string, given: Partial<Parameters<typeof client.ask>[1]> = {}) =>
  client.ask(path, { body: null, limitMs: 1_000, bytesMax: 100, ...given });

test("shows its token, keeps the connection, and is counted as a call within the house", async () => {
  const reply = await ask("/plain/5");
  expect(reply).toEqual({ bytes: new Uint8Array(Buffer.from("xxxxx")), failure: null, hasAnswered: true });
  expect(received).toEqual([{ path: "/plain/5", authorization: "Bearer t0ken", encoding: "identity" }]);
  const calls = egress.report().hosts.map(({ host, reason, calls }) => [host, reason, calls]);
  expect(calls).toEqual([[`127.0.0.1:${listener.port}`, "optimizer", 1]]);
});

test("an answer may be so long and no longer, told or not", async () => {
  for (const kind of ["plain", "chunked"]) {
    expect((await ask(`/${kind}/100`)).bytes?.length).toBe(100);
    expect(await ask(`/${kind}/101`)).toMatchObject({ bytes: null, failure: "error", hasAnswered: true });
  }
  expect(await ask("/500/5")).toMatchObject({ bytes: null, failure: "error", hasAnswered: true });
});

test("its limit holds for the head and for the body", async () => {
  for (const path of ["/silent", "/pause/5"]) {
    const startedAt = performance.now();
    expect(await ask(path, { limitMs: 100 })).toMatchObject({ failure: "timeout" });
    const tookMs = performance.now() - startedAt;
    expect([tookMs >= 99, tookMs < 400]).toEqual([true, true]);
  }
});

test("who asks may leave, before and while it is asked", async () => {
  const control = new AbortController();
  const asked = ask("/silent", { signal: control.signal, limitMs: 5_000 });
  setTimeout(() => control.abort(), 20);
  expect(await asked).toMatchObject({ failure: "left" });
  expect(await ask("/plain/1", { signal: control.signal })).toMatchObject({ failure: "left" });
});

test("nobody there is told from somebody who speaks another language", async () => {
  const nobody = createClient({ outbound, baseUrl: "http://127.0.0.1:1", token: "t" });
  const asking = { body: null, limitMs: 1_000, bytesMax: 100 };
  expect(await nobody.ask("/", asking)).toEqual({ bytes: null, failure: "unreachable", hasAnswered: false });
  const other = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket) => void socket.write("220 mail.test ready\r\n\r\n") },
  });
  const stranger = createClient({ outbound, baseUrl: `http://127.0.0.1:${other.port}`, token: "t" });
  expect(await stranger.ask("/", asking)).toMatchObject({ failure: "error", hasAnswered: false });
  other.stop(true);
});

test("leaves nothing behind: no connection, no listener on the caller's signal", async () => {
  const control = new AbortController();
  let listening = 0;
  const { signal } = control;
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listening += 1;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listening -= 1;
    remove(...args);
  };
  await Promise.all(
    Array.from({ length: 50 }, (_, at) => ask(at % 2 ? "/plain/5" : "/silent", { signal, limitMs: 50 })),
  );
  expect(listening).toBe(0);
  for (let waited = 0; listener.inFlight() > 0 && waited < 2_000; waited += 10) await Bun.sleep(10);
  expect(listener.inFlight()).toBe(0);
});
