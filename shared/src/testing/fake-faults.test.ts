// Each directive that decides when bytes leave and how a connection breaks, over raw sockets, its ledger entry included.

import { afterAll, expect, test } from "bun:test";
import { cassettes } from "./cassettes";
import { type Directives, directiveTable } from "./fake-directives";
import { startFakeProvider } from "./fake-provider";
import type { LedgerEntry } from "./ledger";
import { openRaw, postBytes, type RawAnswer, takeApart } from "./raw-client";

const fake = startFakeProvider();
afterAll(() => fake.stop());

const messages = [{ role: "user", content: "How are you?" }];
const chat = { model: "gpt-4o", messages };
const chatStream = { ...chat, stream: true, stream_options: { include_usage: true, include_obfuscation: false } };
const anthropicStream = { model: "claude-haiku-4-5", max_tokens: 500, messages, stream: true };

function open(directives: string, body: object, headers: Record<string, string> = {}) {
  const path = "max_tokens" in body ? "/v1/messages" : "/v1/chat/completions";
  const bytes = postBytes(path, body, { "x-fake": directives, "anthropic-version": "1", ...headers });
  return openRaw(fake.port).then((raw) => {
    raw.send(bytes);
    return raw;
  });
}

const last = () => fake.ledger.entries.at(-1) as LedgerEntry;

const none = { input: 0, cached: 0, cacheWrite: 0, cacheWriteLong: 0, output: 0, reasoning: 0 };

async function eventually(holds: () => boolean, timeoutMs = 2_000) {
  const endsAt = performance.now() + timeoutMs;
  while (!holds()) {
    if (performance.now() > endsAt) throw new Error("did not come true in time");
    await Bun.sleep(2);
  }
}

/** Reads one answer to its end, by the connection's end or by its own. */
async function answerOf(
  directives: string,
  body: object,
): Promise<RawAnswer & { ended?: "fin" | "reset"; ms: number }> {
  const startedAt = performance.now();
  const raw = await open(directives, body);
  const whole = raw
    .until((text) => (/chunked/.test(text) ? text.endsWith("0\r\n\r\n") : takeApart(raw.bytes()).whole), 4_000)
    .then(() => undefined);
  const ended = await Promise.race([whole.catch(() => raw.ended), raw.ended]);
  const answer = { ...takeApart(raw.bytes()), ms: performance.now() - startedAt };
  raw.reset();
  return ended ? { ...answer, ended } : answer;
}

const textOf = (answer: RawAnswer) => Buffer.concat(answer.chunks).toString();
const eventCount = (text: string) => text.split("\n\n").filter((event) => event.startsWith("data: ")).length;

const cases = {
  async delay() {
    const raw = await open("delay=80", chat);
    await Bun.sleep(40);
    expect(raw.bytes()).toHaveLength(0);
    await raw.until((text) => text.startsWith("HTTP/1.1 200"));
    expect(fake.inFlight()).toBe(0);
    raw.reset();
  },
  async ttfb() {
    const raw = await open("ttfb=80", chatStream);
    await Bun.sleep(40);
    expect(takeApart(raw.bytes())).toMatchObject({ status: 200, chunks: [], whole: false });
    await raw.until((text) => text.endsWith("0\r\n\r\n"));
    raw.reset();
  },
  async gap() {
    const { ms, whole, chunks } = await answerOf("gap=10 chunks=10", chatStream);
    expect([whole, chunks.length]).toEqual([true, 14]);
    expect(ms).toBeGreaterThan(120);
  },
  async hang() {
    const before = fake.inFlight();
    const raw = await open("hang", chat);
    await eventually(() => fake.inFlight() === before + 1 && last()?.end === "silent");
    expect(last()).toMatchObject({ status: 0, tokens: none, usageStated: null });
    await Bun.sleep(30);
    expect(raw.bytes()).toHaveLength(0);
    raw.leave();
    await eventually(() => fake.inFlight() === before);
  },
  async "cut-before-headers"() {
    const raw = await open("cut-before-headers", chat);
    expect(await raw.ended).toBe("fin");
    expect(raw.bytes()).toHaveLength(0);
    expect(last()).toMatchObject({ end: "cut", status: 0, tokens: none, usageStated: null });
  },
  async "cut-after"() {
    const answer = await answerOf("cut-after=3 tokens=10:100 chunks=20", chatStream);
    expect(answer).toMatchObject({ whole: false, ended: "fin" });
    expect(answer.chunks).toHaveLength(4);
    expect(answer.chunks[3]?.toString()).not.toEndWith("\n\n");
    expect(last()).toMatchObject({ end: "cut", usageStated: null, tokens: { input: 10, output: 10 } });
    const plain = await answerOf("cut-after=3", chat);
    expect(plain).toMatchObject({ whole: false, ended: "fin", status: 200 });
    expect(plain.raw.length).toBeGreaterThan(100);
    expect(last()).toMatchObject({ end: "cut", usageStated: null });
    const large = await open("cut-after=1 body-bytes=30000000", chat);
    expect(await large.ended).toBe("fin");
    expect(takeApart(large.bytes()).raw).toHaveLength(15_000_000);
    expect(last().end).toBe("cut");
    // The usage was out, only the end was not.
    await answerOf("cut-after=15 chunks=10 tokens=10:100", chatStream);
    expect(last()).toMatchObject({ end: "cut", usageFinal: true, usageStated: { completion_tokens: 100 } });
    // Anthropic's start states the input.
    await answerOf("cut-after=4 tokens=10:100", anthropicStream);
    expect(last()).toMatchObject({
      end: "cut",
      usageFinal: false,
      usageStated: { input_tokens: 10, output_tokens: 1 },
    });
  },
  async rst() {
    const answer = await answerOf("cut-after=3 rst", chatStream);
    expect(answer).toMatchObject({ whole: false, ended: "reset" });
    expect(answer.chunks).toHaveLength(4);
    const raw = await open("cut-before-headers rst", chat);
    expect(await raw.ended).toBe("reset");
  },
  async "silent-after"() {
    const raw = await open("silent-after=3 tokens=10:100 chunks=20", chatStream);
    await eventually(() => last().end === "silent");
    expect(last()).toMatchObject({ usageStated: null, tokens: { input: 10, output: 10 } });
    await Bun.sleep(30);
    const { whole, chunks } = takeApart(raw.bytes());
    expect([whole, chunks.length]).toEqual([false, 3]);
    expect(fake.inFlight()).toBe(1);
    const entries = fake.ledger.sum().requests;
    raw.leave();
    await eventually(() => fake.inFlight() === 0);
    expect(fake.ledger.sum().requests).toBe(entries);
  },
  async "fin-after"() {
    const answer = await answerOf("fin-after=3", chatStream);
    expect([answer.whole, answer.chunks.length, answer.ended]).toEqual([true, 3, undefined]);
    expect(last()).toMatchObject({ end: "cut", usageStated: null });
    await answerOf("fin-after=1000", chatStream);
    expect(last()).toMatchObject({ end: "complete", usageFinal: true });
  },
  async stale() {
    const raw = await open("stale", chat);
    await raw.until((text) => takeApart(Buffer.from(text, "latin1")).whole);
    await Bun.sleep(20);
    const entries = fake.ledger.sum().requests;
    raw.send(postBytes("/v1/chat/completions", chat));
    expect(await raw.ended).toBe("reset");
    expect(fake.ledger.sum().requests).toBe(entries);
  },
  async close() {
    const raw = await open("close", chat);
    expect(await raw.ended).toBe("fin");
    expect(takeApart(raw.bytes())).toMatchObject({ whole: true, status: 200 });
    expect(takeApart(raw.bytes()).head).toContain("Connection: close");
    expect(last().end).toBe("complete");
  },
  async crlf() {
    const text = textOf(await answerOf("crlf", chatStream));
    expect(text.replaceAll("\r\n", "")).not.toContain("\n");
    expect(text).toEndWith("data: [DONE]\r\n\r\n");
  },
  async split() {
    const one = await answerOf("split=1 chunks=2", chatStream);
    expect(one.chunks.every((chunk) => chunk.length === 1)).toBe(true);
    expect(textOf(one)).toBe(textOf(await answerOf("chunks=2", chatStream)));
    const seven = await answerOf("split=7", chat);
    expect(seven.chunks.slice(0, -1).every((chunk) => chunk.length === 7)).toBe(true);
    expect(textOf(seven)).toBe(textOf(await answerOf("", chat)));
    expect(last()).toMatchObject({ end: "complete", usageFinal: true });
    // Only what was served whole counts.
    await answerOf("split=7 cut-after=3 tokens=10:100 chunks=20", chatStream);
    expect(last()).toMatchObject({ end: "cut", tokens: { output: 10 } });
  },
  async "split-at"() {
    const whole = Buffer.concat((await answerOf("", chatStream)).chunks);
    const { chunks } = await answerOf("split-at=100", chatStream);
    expect(chunks.map((chunk) => chunk.length)).toEqual([100, whole.length - 100]);
    expect(Buffer.concat(chunks).equals(whole)).toBe(true);
    expect(last()).toMatchObject({ end: "complete", usageFinal: true });
  },
  async cassette() {
    for (const { name, response, usage, ends } of cassettes) {
      for (const how of ["", "split=17", "split-at=9"]) {
        const answer = await answerOf(`cassette=${name} ${how}`, chat);
        expect([name, Buffer.concat(answer.chunks).equals(response.body)]).toEqual([name, true]);
        expect([answer.status, answer.whole]).toEqual([response.status, ends !== "cut"]);
        expect(answer.chunks.length > 1).toBe(how !== "");
        expect(answer.head.match(/^(x-)?request-id:/gm)).toHaveLength(1);
      }
      const end = ends === "whole" && response.status < 400 ? "complete" : ends === "cut" ? "cut" : "error";
      expect([name, last().end, last().usageStated]).toEqual([name, end, usage as Record<string, unknown> | null]);
      expect([name, last().tokens.input]).toEqual([name, usage?.inputTokens ?? 0]);
    }
    expect((await answerOf("cassette=none", chat)).status).toBe(400);
  },
  async garbage() {
    const answer = await answerOf("garbage tokens=7:8", chatStream);
    const bytes = Buffer.concat(answer.chunks);
    expect(() => new TextDecoder("utf-8", { fatal: true }).decode(bytes)).toThrow();
    expect(bytes.toString()).toContain("data: [DONE]\n\n");
    expect(last()).toMatchObject({ end: "complete", usageStated: { prompt_tokens: 7, completion_tokens: 8 } });
    const plain = await answerOf("garbage", chat);
    expect(() => JSON.parse(textOf(plain))).toThrow();
    expect(last()).toMatchObject({ end: "complete", usageStated: null });
  },
} satisfies Partial<Record<keyof Directives, () => Promise<void>>>;

for (const [name, run] of Object.entries(cases)) test(`x-fake: ${name}`, run);

test("every directive has a test", async () => {
  const sources = ["fake-answers.test.ts", "fake-faults.test.ts"].map((name) => Bun.file(`${import.meta.dir}/${name}`));
  const text = (await Promise.all(sources.map((source) => source.text()))).join("\n");
  const untested = Object.keys(directiveTable).filter(
    (name) => !new RegExp(`^  (async "?${name}"?\\(\\)|"?${name}"?: expect)`, "m").test(text),
  );
  expect(untested).toEqual([]);
});

test("a client that leaves is noticed at once, and only what was handed over is billed", async () => {
  const raw = await open("gap=20 chunks=50 tokens=10:500", chatStream, { "x-call-id": "leaver" });
  await raw.until((text) => eventCount(text.replaceAll(/\r\n[0-9a-f]+\r\n/g, "")) >= 5);
  const leftAt = performance.now();
  raw.leave();
  await eventually(() => last().callId === "leaver");
  expect(performance.now() - leftAt).toBeLessThan(400);
  const { end, tokens, usageStated } = last();
  expect([end, tokens.input, usageStated]).toEqual(["client_left", 10, null]);
  expect(tokens.output).toBeWithin(30, 300);
  expect(fake.inFlight()).toBe(0);
});

test("a client that leaves before the headers is billed nothing", async () => {
  for (const how of ["leave", "reset"] as const) {
    const raw = await open("delay=10000", chat, { "x-call-id": how });
    await eventually(() => fake.inFlight() === 1);
    raw[how]();
    await eventually(() => last().callId === how);
    expect(last()).toMatchObject({ end: "client_left", status: 0, tokens: none });
  }
});
