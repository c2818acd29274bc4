import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { cassetteNamed, cassettes, randomPieces, splits } from "./cassettes";
import type { Loose } from "./raw-client";

const textOf = (bytes: Uint8Array) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);

test("every file belongs to a cassette and every cassette has its files", () => {
  const files = readdirSync(join(import.meta.dir, "cassettes")).filter((name) => /\.(request|response)\./.test(name));
  const expected = cassettes.flatMap(({ name, stream }) => [
    `${name}.request.json`,
    `${name}.response.${stream ? "sse" : "json"}`,
  ]);
  expect(files.sort()).toEqual(expected.sort());
  expect(new Set(cassettes.map(({ name }) => name)).size).toBe(cassettes.length);
});

test("requests are JSON objects that ask for the delivery they got", () => {
  for (const { name, request, stream } of cassettes) {
    const body = JSON.parse(textOf(request.body)) as { stream?: boolean; model?: string };
    expect([name, body.stream === true]).toEqual([name, stream]);
    expect(body.model).toBeString();
  }
});

/** Usage as a plain reader of the whole body finds it: every event parsed, later figures over earlier ones. */
function readUsage(protocol: string, body: string, stream: boolean): Record<string, number> | undefined {
  const events = stream
    ? body
        .split(/\r?\n\r?\n/)
        .flatMap((event) => event.split(/\r?\n/).flatMap((line) => /^data: ?(\{.*\})$/.exec(line)?.[1] ?? []))
        .map((data) => JSON.parse(data))
    : [JSON.parse(body)];
  let usage: Record<string, unknown> | undefined;
  for (const event of events) {
    const stated = event.usage ?? event.message?.usage ?? event.response?.usage;
    if (stated)
      usage = { ...usage, ...Object.fromEntries(Object.entries(stated).filter(([, value]) => value !== null)) };
  }
  return usage && flatten(protocol, usage);
}

function flatten(protocol: string, usage: Loose): Record<string, number> {
  const input = usage.prompt_tokens_details ?? usage.input_tokens_details ?? {};
  const output = usage.completion_tokens_details ?? usage.output_tokens_details ?? {};
  const anthropic = protocol === "anthropic";
  const cached = usage.cache_read_input_tokens ?? input.cached_tokens ?? 0;
  const written = usage.cache_creation_input_tokens ?? input.cache_write_tokens ?? 0;
  return {
    inputTokens: (usage.prompt_tokens ?? usage.input_tokens) + (anthropic ? cached + written : 0),
    cachedInputTokens: cached,
    cacheWriteTokens: written,
    cacheWriteLongTokens:
      usage.cache_creation?.ephemeral_1h_input_tokens ?? input.cache_write_tokens_details?.ttl_12h_tokens ?? 0,
    outputTokens: usage.completion_tokens ?? usage.output_tokens ?? 0,
    reasoningTokens: output.reasoning_tokens ?? output.thinking_tokens ?? 0,
  };
}

test("the usage noted by hand is the usage in the bytes", () => {
  for (const { name, protocol, response, stream, usage, ends } of cassettes) {
    const text = ends === "cut" ? "" : textOf(response.body);
    const found = text === "" ? undefined : readUsage(protocol, text, stream);
    expect([name, found ?? (null as unknown)]).toEqual([name, usage]);
  }
});

test("the usage chunk is found exactly where there is one, and cutting it out leaves whole events", () => {
  const withChunk = cassettes.filter(({ usageChunk }) => usageChunk).map(({ name }) => name);
  expect(withChunk).toEqual([
    "chat-stream-usage",
    "chat-stream-usage-null",
    "chat-stream-lookalike",
    "chat-stream-tools",
    "chat-stream-crlf",
    "chat-stream-no-space",
    "chat-stream-comments",
    "chat-stream-two-choices",
    "chat-stream-azure",
    "chat-stream-no-last-newline",
    "completions-stream",
  ]);
  for (const { response, usageChunk } of cassettes) {
    if (!usageChunk) continue;
    const rest = Buffer.concat([response.body.subarray(0, usageChunk.start), response.body.subarray(usageChunk.end)]);
    expect(textOf(rest)).not.toContain('"choices":[],"usage"');
    expect(textOf(response.body.subarray(usageChunk.end)).trim()).toEndWith("[DONE]");
    expect(textOf(response.body.subarray(0, usageChunk.start))).toMatch(/\n\r?\n$/);
  }
});

test("the cassettes hold the bytes they are named for", () => {
  const bodyOf = (name: string) => Buffer.from(cassetteNamed(name).response.body).toString("latin1");
  expect(bodyOf("chat-stream-crlf").replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
  expect(bodyOf("chat-stream-no-space")).not.toContain("data: ");
  expect(bodyOf("chat-stream-comments")).toContain("\nevent: message\n");
  expect(bodyOf("chat-stream-lookalike")).toContain('\\"usage\\": {');
  expect(textOf(cassetteNamed("chat-stream-lookalike").response.body)).toContain("👩‍👩‍👧‍👦");
  expect(bodyOf("chat-stream-no-last-newline")).toEndWith("data: [DONE]");
  expect(bodyOf("chat-stream-cut")).not.toEndWith("\n");
  expect(() => cassetteNamed("no-such-cassette")).toThrow("no-such-cassette");
});

test("splits give the body back, at every byte and in any number of pieces", () => {
  const body = cassetteNamed("chat-stream-crlf").response.body;
  let count = 0;
  let most = 0;
  for (const pieces of splits(body, 40)) {
    count++;
    most = Math.max(most, pieces.length);
    if (!Buffer.concat(pieces).equals(body) || pieces.some((piece) => piece.length === 0))
      throw new Error("bytes lost");
  }
  expect(count).toBe(body.length - 1 + 64);
  expect(most).toBeGreaterThan(30);
  expect(randomPieces(body, 7, 10)).toEqual(randomPieces(body, 7, 10));
  expect(randomPieces(body.subarray(0, 1), 7, 10)).toHaveLength(1);
});
