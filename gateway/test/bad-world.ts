// Owns what the tests of bad input share: a gateway to be mistreated, and the proof that it went on unharmed. A secret
// and a prompt of its own go with every call, and must never be found in what it writes.

import { expect } from "bun:test";
import { type FakeProvider, startFakeProvider } from "@anyray/shared/testing/fake-provider";
import { adminToken, startGateway, type TestGateway, until } from "./harness";
import { connectRaw, headersNamed, type RawAnswer, rawRequest } from "./raw-http";

export const secretCanary = "sk-canary-3f9a71c2d4e8b605";
export const promptCanary = "prompt-canary-9d27be51";

export const chatBody = { model: "gpt-4o", messages: [{ role: "user", content: `Hello, ${promptCanary}` }] };
export const messageBody = { ...chatBody, model: "claude-haiku-4-5", max_tokens: 50 };

type Header = readonly [name: string, value: string];

export interface BadWorld {
  fake: FakeProvider;
  gateway: TestGateway;
  /** One request on a connection of its own, header values as Latin-1. */
  ask(method: string, target: string, headers?: readonly Header[], body?: Uint8Array | string): Promise<RawAnswer>;
  /** A chat completion that says who calls in `metadata`, put into the header as UTF-8. */
  call(metadata: string | null, body?: object): Promise<RawAnswer>;
  /** The value of a counter without labels, or of all its labels together. */
  metric(name: string): Promise<number>;
  /** Runs `abuse`, after which a good call is served, nothing is left running, and the log is clean. */
  unharmed(abuse: () => Promise<unknown>): Promise<void>;
  /** As `unharmed`, and nothing reached the provider or left a row. */
  unnoticed(abuse: () => Promise<unknown>): Promise<void>;
  stop(): Promise<void>;
}

export async function openBadWorld(env: Record<string, string> = {}): Promise<BadWorld> {
  const fake = startFakeProvider();
  const gateway = await startGateway({
    env: { ANYRAY_PROVIDER_URL_OPENAI: fake.url, ANYRAY_PROVIDER_URL_ANTHROPIC: fake.url, ...env },
  });
  const ask: BadWorld["ask"] = async (method, target, headers = [], body = "") => {
    const client = await connectRaw(gateway.url);
    const credential: Header = ["authorization", `Bearer ${secretCanary}`];
    const own = headers.some(([name]) => name.toLowerCase() === "authorization") ? headers : [credential, ...headers];
    try {
      return await client.ask(rawRequest(method, target, own, body));
    } finally {
      client.close();
    }
  };
  const post = (metadata: string | null, body: object = chatBody) => {
    const who: Header[] =
      metadata === null ? [] : [["x-anyray-metadata", Buffer.from(metadata, "utf8").toString("latin1")]];
    return ask("POST", "/v1/chat/completions", [["content-type", "application/json"], ...who], JSON.stringify(body));
  };
  const metric = async (name: string) => {
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    const lines = text.split("\n").filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  };
  const unharmed = async (abuse: () => Promise<unknown>) => {
    await abuse();
    const good = await post('{"user":"good"}');
    expect([good.status, headersNamed(good, "x-anyray-warning"), good.isWhole]).toEqual([200, [], true]);
    await until(async () => (await metric("anyray_active_requests")) === 0);
    await until(() => fake.inFlight() === 0);
    expectCleanOutput(gateway.output());
    expect(gateway.process.exitCode).toBeNull();
  };
  return {
    fake,
    gateway,
    ask,
    call: post,
    metric,
    unharmed,
    async unnoticed(abuse) {
      const count = async () => [fake.ledger.sum().requests, fake.inFlight(), (await gateway.rows()).length];
      const before = await count();
      await unharmed(async () => {
        await abuse();
        expect(await count()).toEqual(before);
      });
    },
    async stop() {
      await gateway.stop();
      fake.stop();
    },
  };
}

/** No fault of ours, no stack, nothing secret and nothing said. */
export function expectCleanOutput(output: string): void {
  const errors = output.split("\n").filter((line) => /"level":"error"|^\s+at |\bfile:\/\/|\.ts:\d+/.test(line));
  expect(errors).toEqual([]);
  for (const secret of [secretCanary, promptCanary, adminToken, "canary"]) expect(output).not.toContain(secret);
}

/** An error of the gateway's own, whole, in the words of a protocol. */
export function expectError(
  answer: RawAnswer,
  expected: { status: number; code: string; type: string; protocol?: "openai" | "anthropic"; message?: RegExp },
): void {
  const { status, code, type, protocol = "openai", message = /\S/ } = expected;
  const [id] = headersNamed(answer, "x-anyray-request-id");
  const text = answer.body.toString();
  expect([answer.status, headersNamed(answer, "x-anyray-error"), text.length < 2_000]).toEqual([status, [code], true]);
  expect(headersNamed(answer, "x-should-retry")).toEqual(["false"]);
  expect(headersNamed(answer, "content-type")[0]).toMatch(/^application\/json\b/);
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  const body = JSON.parse(text);
  const said = { message: expect.stringMatching(message), type };
  if (protocol === "openai") expect(body).toEqual({ error: { ...said, param: null, code } });
  else expect(body).toEqual({ type: "error", error: said, request_id: id });
  expect(text).not.toMatch(/\n\s+at |<html|\.ts:\d+/i);
}
