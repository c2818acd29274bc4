// What is kept of a call decrypts to what was sent and received, for every protocol, streams and tool calls included, up
// to a bound; and never more of it than the content mode allows.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { type Cassette, cassettes } from "@anyray/shared/testing/cassettes";
import { createAnswerCollector } from "../src/answers/collect";
import { endpoints } from "../src/endpoints/registry";
import { until } from "./harness";
import { filesOf, openTraceWorld, type TraceWorld } from "./trace-world";

let world: TraceWorld;
beforeAll(async () => {
  world = await openTraceWorld({ ANYRAY_ALLOW_PLAINTEXT: "true" });
});
afterAll(() => world.stop());

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const chat = { model: "gpt-4o-mini", messages: [{ role: "user", content: "Say something." }] };

/** As it would have been without streaming; null where no answer can be made of it. */
async function wholeAnswer({ request, response, stream }: Cassette): Promise<string | null> {
  if (!stream) return decoder.decode(response.body);
  const endpoint = endpoints.find(({ path }) => path === request.path);
  const collector = endpoint ? createAnswerCollector({ endpoint }, { isEvents: true, encoding: "identity" }) : null;
  collector?.push(response.body);
  return (await collector?.finish())?.text ?? null;
}

async function play(cassette: Cassette) {
  const { request, name } = cassette;
  return await world.post(request.path, decoder.decode(request.body), {
    ...request.headers,
    "x-fake": `cassette=${name} gap=2`,
  });
}

describe("recorded exchanges", () => {
  test("are kept as they were, streams put together, broken ones as far as they came", async () => {
    const played = await Promise.all(cassettes.map(async (cassette) => ({ cassette, ...(await play(cassette)) })));
    let assembled = 0;
    for (const { cassette, id } of played) {
      const trace = await world.traceOf(id);
      const { request, sentRequest, response } = await world.contentsOf(trace);
      expect([cassette.name, request]).toEqual([cassette.name, decoder.decode(cassette.request.body)]);
      const received = world.fake.received.findLast(({ headers }) =>
        headers.some(([header, value]) => header === "x-fake" && value.trim() === `cassette=${cassette.name} gap=2`),
      );
      const sent = received ? decoder.decode(received.body) : undefined;
      expect([cassette.name, sentRequest ?? request]).toEqual([cassette.name, sent]);
      const whole = await wholeAnswer(cassette);
      if (whole !== null) {
        assembled += Number(cassette.stream);
        expect([cassette.name, response]).toEqual([cassette.name, whole]);
      } else if (cassette.ends !== "cut") {
        expect([cassette.name, response]).toEqual([cassette.name, decoder.decode(cassette.response.body)]);
      } else {
        // The runtime's client may forget what arrives in the same moment as the end of its connection.
        expect(decoder.decode(cassette.response.body)).toStartWith(response ?? "");
      }
      expect(trace.contents.every(({ mode, isCut }) => mode === "encrypted" && !isCut)).toBe(true);
    }
    expect(assembled).toBeGreaterThan(12);
  });

  test("hold tool calls whole", async () => {
    const named = (name: string) => cassettes.find((cassette) => cassette.name === name) as Cassette;
    for (const name of ["chat-stream-tools", "messages-stream-thinking-tools", "responses-stream-tools"]) {
      const { id } = await play(named(name));
      const { response = "" } = await world.contentsOf(await world.traceOf(id));
      const text = JSON.stringify(JSON.parse(response));
      expect(text).toMatch(/"(tool_calls|tool_use|function_call)"/);
    }
  });

  test("are read through a content encoding, of the answer and of the request", async () => {
    for (const stream of [false, true]) {
      const body = JSON.stringify({ ...chat, stream, stream_options: stream ? { include_usage: true } : undefined });
      const headers = { "content-encoding": "gzip", "x-fake": "encoding=br" };
      const response = await fetch(`${world.gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: gzipSync(body),
      });
      const text = await response.text();
      const trace = await world.traceOf(response.headers.get("x-anyray-request-id") ?? "");
      const contents = await world.contentsOf(trace);
      expect(contents.request).toBe(body);
      expect(contents.sentRequest).toBeUndefined();
      if (stream) expect(JSON.parse(contents.response ?? "")).toMatchObject({ object: "chat.completion" });
      else expect(contents.response).toBe(text);
    }
  });
});

describe("what is too long", () => {
  test("is kept up to a mebibyte, and says so", async () => {
    const content = "ä".repeat(900_000);
    const body = JSON.stringify({ ...chat, messages: [{ role: "user", content }] });
    const { id, text } = await world.post("/v1/chat/completions", body, { "x-fake": "body-bytes=3000000" });
    const trace = await world.traceOf(id);
    const contents = await world.contentsOf(trace);
    expect(text).toStartWith(contents.response ?? "-");
    expect(body).toStartWith(contents.request ?? "-");
    expect(contents.request).not.toContain("\ufffd");
    for (const [field, bytes] of [
      ["request", Buffer.byteLength(body)],
      ["response", 3_000_000],
    ] as const) {
      expect(trace.contents.find((each) => each.field === field)).toMatchObject({ bytes, isCut: true });
      expect(Buffer.byteLength(contents[field] ?? "")).toBeGreaterThan(1_048_572);
      expect(Buffer.byteLength(contents[field] ?? "")).toBeLessThanOrEqual(1_048_576);
    }
  });

  test("as a stream is kept up to there of what came", async () => {
    const body = { ...chat, stream: true };
    const { id, text } = await world.post("/v1/chat/completions", body, { "x-fake": "giant-event=9000000" });
    const trace = await world.traceOf(id);
    const { response = "" } = await world.contentsOf(trace);
    expect(trace.contents.find(({ field }) => field === "response")).toMatchObject({ isCut: true });
    expect(text.length).toBeGreaterThan(9_000_000);
    expect(Buffer.byteLength(response)).toBe(1_048_576);
    expect(response).toStartWith("data: ");
  });
});

describe("the content mode", () => {
  const secret = (name: string) => `canary-${name}-${"x".repeat(20)}`;
  const ask = (words: string, fake = "", stream = false) =>
    world.post(
      "/v1/chat/completions",
      { ...chat, stream, messages: [{ role: "user", content: words }] },
      fake ? { "x-fake": fake } : {},
    );

  test("off keeps none, encrypted none in the clear, plaintext what it says", async () => {
    await world.setMode("encrypted");
    const sealed = await ask(secret("sealed"));
    expect((await world.contentsOf(await world.traceOf(sealed.id))).request).toContain(secret("sealed"));
    await world.setMode("off");
    const off = await ask(secret("off"));
    expect((await world.traceOf(off.id)).contents).toEqual([]);
    const onDisk = (words: string) => filesOf(world.gateway.dataDir).some(({ bytes }) => bytes.includes(words));
    expect([onDisk(secret("sealed")), onDisk(secret("off"))]).toEqual([false, false]);
    await world.setMode("plaintext");
    const plain = await ask(secret("plain"));
    const trace = await world.traceOf(plain.id);
    expect(trace.contents.map(({ mode }) => mode)).toEqual(["plaintext", "plaintext"]);
    expect((await world.contentsOf(trace)).response).toBe(plain.text);
    expect(onDisk(secret("plain"))).toBe(true);
    expect([onDisk(secret("sealed")), onDisk(secret("off"))]).toEqual([false, false]);
    await world.setMode("encrypted");
  });

  test("that is the strictest while a call runs holds for it", async () => {
    const steps: [first: string, then: string[], kept: string[]][] = [
      ["encrypted", ["off"], []],
      ["encrypted", ["off", "encrypted"], []],
      ["plaintext", ["encrypted"], ["encrypted"]],
      ["encrypted", ["plaintext"], ["encrypted"]],
      ["off", ["plaintext"], []],
    ];
    for (const [first, then, kept] of steps) {
      await world.setMode(first);
      const words = secret(`${first}-${then.join("-")}`);
      const asking = ask(words, "chunks=6 gap=100", true);
      await until(() => world.fake.inFlight() > 0);
      for (const mode of then) await world.setMode(mode);
      const { id } = await asking;
      const { contents } = await world.traceOf(id);
      expect([first, then, [...new Set(contents.map(({ mode }) => mode))]]).toEqual([first, then, kept]);
      const found = filesOf(world.gateway.dataDir).filter(({ bytes }) => bytes.includes(words));
      expect(found.map(({ path }) => path)).toEqual([]);
    }
    await world.setMode("encrypted");
  }, 20_000);

  test("follows another process's change within a second", async () => {
    const { openSqliteInline } = await import("@anyray/shared/store/sqlite");
    const store = openSqliteInline({ path: `${world.gateway.dataDir}/anyray.db`, timezone: "UTC" });
    const entry = { id: Bun.randomUUIDv7(), at: Date.now(), actor: "test", ip: null, reason: null };
    const audit = { ...entry, action: "privacy.set", object: "contentMode", after: { contentMode: "off" } };
    await store.changePolicy({ kind: "setting", key: "privacy", value: { contentMode: "off" } }, audit);
    await store.close();
    await Bun.sleep(1_000);
    const { id } = await ask("anything");
    expect((await world.traceOf(id)).contents).toEqual([]);
    await world.setMode("encrypted");
  });
});
