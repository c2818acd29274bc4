// What the fake provider promises whoever tests against it: what arrived, what was served, and the same answer for the
// same request.

import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startFakeProvider } from "./fake-provider";
import { loadLedger, sumLedger } from "./ledger";
import { type Loose, openRaw, postBytes, takeApart } from "./raw-client";

const directory = mkdtempSync(join(tmpdir(), "fake-provider-"));
const fake = startFakeProvider();
afterAll(() => {
  fake.stop();
  rmSync(directory, { recursive: true, force: true });
});

const messages = [{ role: "user", content: "How are you?" }];
const chat: Loose = { model: "gpt-4o", messages };

async function post(path: string, body: unknown, headers: Record<string, string> = {}, url = fake.url) {
  const response = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

async function eventually(holds: () => boolean) {
  for (const endsAt = performance.now() + 2_000; !holds(); await Bun.sleep(2)) {
    if (performance.now() > endsAt) throw new Error("did not come true in time");
  }
}

test("what arrived is kept exactly: target, headers in their order and case, body bytes", async () => {
  const raw = await openRaw(fake.port);
  const body = '{ "model":"gpt-4o",\n\t"messages": [{"role":"user","content":"é\\u00e9"}] }';
  raw.send(postBytes("/v1/chat/completions?beta=true", body, { "X-Mixed-Case": "A", "x-call-id": "kept" }));
  await raw.until((text) => text.includes("\r\n\r\n") && takeApart(raw.bytes()).whole);
  raw.leave();
  const received = fake.received.at(-1)!;
  expect(received).toMatchObject({ method: "POST", path: "/v1/chat/completions", query: "beta=true" });
  expect(received.headers).toContainEqual(["X-Mixed-Case", "A"]);
  expect(Buffer.from(received.body).toString()).toBe(body);
  expect(fake.ledger.entries.at(-1)).toMatchObject({ callId: "kept", model: "gpt-4o", path: "/v1/chat/completions" });
});

test("a body of many reads is kept whole", async () => {
  const filler = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000)))
    .toString("base64")
    .repeat(50);
  const body = { ...chat, messages: [{ role: "user", content: filler }] };
  expect((await post("/v1/chat/completions", body)).status).toBe(200);
  expect(Buffer.from(fake.received.at(-1)!.body).toString()).toBe(JSON.stringify(body));
});

test("received is bounded", async () => {
  const small = startFakeProvider({ receivedMax: 3 });
  for (let call = 0; call < 5; call++) await post(`/v1/chat/completions?${call}`, chat, {}, small.url);
  expect(small.received.map(({ query }) => query)).toEqual(["2", "3", "4"]);
  expect(small.ledger.sum().requests).toBe(5);
  small.stop();
});

test("the same request gets the same bytes, streamed or not the same text, and another request another text", async () => {
  const asked = { ...chat, seed: 4 };
  const [first, again] = [await post("/v1/chat/completions", asked), await post("/v1/chat/completions", asked)];
  expect(again.text).toBe(first.text);
  expect(again.headers.get("x-request-id")).not.toBe(first.headers.get("x-request-id"));
  const plainText = JSON.parse(first.text).choices[0].message.content;
  const textOf = async (body: Loose) => {
    const { text } = await post("/v1/chat/completions", body);
    const events = [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, data]) => JSON.parse(data as string));
    return events.map((event) => event.choices[0]?.delta.content ?? "").join("");
  };
  expect(await textOf({ ...asked, stream: true })).toBe(plainText);
  expect(await textOf({ ...asked, stream: true, stream_options: { include_usage: true } })).toBe(plainText);
  expect(await textOf({ ...asked, seed: 5, stream: true })).not.toBe(plainText);
});

test("a file ledger survives kill -9, and a new process carries it on", async () => {
  const path = join(directory, "ledger.jsonl");
  const start = async () => {
    const child = Bun.spawn(["bun", join(import.meta.dir, "fake-provider.ts"), "--port", "0", "--ledger", path], {
      stdout: "pipe",
    });
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    return { child, url: new TextDecoder().decode(value).trim() };
  };
  const first = await start();
  expect(first.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  for (let call = 0; call < 20; call++) await post("/v1/chat/completions", chat, { "x-call-id": `${call}` }, first.url);
  await eventually(() => loadLedger(path).length === 20);
  first.child.kill("SIGKILL");
  await first.child.exited;
  expect(loadLedger(path).map(({ callId }) => callId)).toEqual(Array.from({ length: 20 }, (_, call) => `${call}`));
  const second = await start();
  await post("/v1/chat/completions", chat, { "x-call-id": "later" }, second.url);
  await eventually(() => loadLedger(path).length === 21);
  second.child.kill("SIGTERM");
  expect(await second.child.exited).toBe(0);
  expect(loadLedger(path).at(-1)).toMatchObject({ seq: 21, callId: "later" });
  expect(sumLedger(loadLedger(path))).toMatchObject({ requests: 21, stated: 21 });
});

test("stopping breaks off what is under way and says so in the ledger", async () => {
  const other = startFakeProvider();
  const raw = await openRaw(other.port);
  raw.send(postBytes("/v1/chat/completions", { ...chat, stream: true }, { "x-fake": "gap=50 chunks=100" }));
  await raw.until((text) => text.includes("data: "));
  other.stop();
  await raw.ended;
  expect(other.inFlight()).toBe(0);
  expect(other.ledger.entries.map(({ end }) => end)).toEqual(["cut"]);
  expect(await fetch(other.url).catch(() => "refused")).toBe("refused");
});

test("an answer that the client never reads is not held to be served", async () => {
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: fake.port,
    socket: { data() {}, open: (s) => s.pause() },
  });
  socket.write(postBytes("/v1/chat/completions", chat, { "x-fake": "body-bytes=30000000", "x-call-id": "unread" }));
  await eventually(() => fake.inFlight() === 1);
  await Bun.sleep(50);
  expect(fake.ledger.entries.some(({ callId }) => callId === "unread")).toBe(false);
  socket.terminate();
  await eventually(() => fake.ledger.entries.at(-1)?.callId === "unread");
  expect(fake.ledger.entries.at(-1)).toMatchObject({ end: "client_left", usageStated: null, usageFinal: false });
});

test("TLS with a certificate made on the spot", async () => {
  const secure = startFakeProvider({ tls: true });
  expect(secure.url).toStartWith("https://127.0.0.1:");
  const trusting = await fetch(`${secure.url}/v1/models`, { tls: { ca: secure.cert! } });
  expect(trusting.status).toBe(200);
  const distrusting = await fetch(`${secure.url}/v1/models`).catch((error) => error.code);
  expect(distrusting).toMatch(/CERT|SELF_SIGNED/);
  secure.stop();
});

test("only the given keys are accepted, in any of the three headers", async () => {
  const locked = startFakeProvider({ keys: ["sk-good"] });
  const status = async (headers: Record<string, string>) =>
    (await post("/v1/chat/completions", chat, headers, locked.url)).status;
  expect(await status({})).toBe(401);
  expect(await status({ authorization: "Bearer sk-bad" })).toBe(401);
  expect(await status({ authorization: "Bearer sk-good" })).toBe(200);
  expect(await status({ "x-api-key": "sk-good" })).toBe(200);
  expect(await status({ "api-key": "sk-good" })).toBe(200);
  locked.stop();
});

test("a compressed request is understood", async () => {
  const body = Bun.gzipSync(Buffer.from(JSON.stringify(chat)));
  const response = await fetch(`${fake.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-encoding": "gzip" },
    body,
  });
  expect(response.status).toBe(200);
  expect(fake.received.at(-1)?.body).toEqual(new Uint8Array(body));
});

test("300 streams at once, each whole, and 2000 calls, each in the ledger", async () => {
  const busy = startFakeProvider();
  const stream = { ...chat, stream: true, stream_options: { include_usage: true } };
  const calls = Array.from({ length: 300 }, () => openRaw(busy.port));
  await Promise.all(
    calls.map(async (opening) => {
      const raw = await opening;
      raw.send(postBytes("/v1/chat/completions", stream, { "x-fake": "gap=20 chunks=10 tokens=3:4" }));
      expect(await raw.until((text) => text.endsWith("0\r\n\r\n"), 10_000)).toContain("[DONE]");
      raw.leave();
    }),
  );
  expect(busy.ledger.sum()).toMatchObject({ requests: 300, stated: 300, tokens: { input: 900, output: 1_200 } });
  for (let round = 0; round < 40; round++) {
    await Promise.all(Array.from({ length: 50 }, () => post("/v1/chat/completions", chat, {}, busy.url)));
  }
  expect(busy.ledger.sum().ends.complete).toBe(2_300);
  await eventually(() => busy.inFlight() === 0);
  busy.stop();
}, 30_000);

test("a client that asks before it sends its body is told to go on", async () => {
  const raw = await openRaw(fake.port);
  const [head, body] = postBytes("/v1/chat/completions", chat, { expect: "100-continue" }).split("\r\n\r\n") as [
    string,
    string,
  ];
  raw.send(`${head}\r\n\r\n`);
  await raw.until((text) => text === "HTTP/1.1 100 Continue\r\n\r\n");
  raw.send(body);
  await raw.until((text) => text.includes("HTTP/1.1 200 OK"));
  raw.leave();
});
