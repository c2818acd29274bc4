import { describe, expect, test } from "bun:test";
import { noUsage } from "@anyray/shared/usage";
import { chatCompletions } from "../endpoints/chat-completions";
import { embeddings } from "../endpoints/embeddings";
import { messages } from "../endpoints/messages";
import { type CachedCall, cachedOutcome, readCachedAnswer, replayAnswer, serveCached } from "./replay";

const identity = { user: null, team: null, session: null, tool: null, labels: null, isMetadataInvalid: false };
const call = (more: Partial<CachedCall> = {}): CachedCall => ({
  id: "0199-id",
  endpoint: chatCompletions,
  protocol: "openai",
  isStream: false,
  isUsageInjected: false,
  identity,
  ...more,
});

const usage = { prompt_tokens: 30, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 10 } };
const choices = [{ index: 0, message: { role: "assistant", content: "Yes." }, finish_reason: "stop" }];
/** Spaces, an escape and a number that no serialiser would write so. */
const text = `{ "id":"chatcmpl-1", "object":"chat.completion","created":1.0,"model":"gpt-\\u0034",\n"choices":${JSON.stringify(choices)},"usage":${JSON.stringify(usage)}}`;

describe("a cached answer", () => {
  test("not streamed: the very bytes, and what tells it from the provider's own", async () => {
    const response = replayAnswer(call(), readCachedAnswer(text)!)!;
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toEqual({
      "content-type": "application/json",
      "x-anyray-request-id": "0199-id",
      "x-anyray-cache": "hit",
      "x-anyray-cost-usd": "0",
      "x-request-id": "0199-id",
    });
    expect(await response.text()).toBe(text);
  });

  test("streamed: events, with the usage chunk for those who asked for it", async () => {
    const cached = readCachedAnswer(text)!;
    const asked = replayAnswer(call({ isStream: true }), cached)!;
    expect(asked.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(asked.headers.get("x-anyray-cache")).toBe("hit");
    expect(await asked.text()).toContain('"prompt_tokens":30');
    const unasked = await replayAnswer(call({ isStream: true, isUsageInjected: true }), cached)!.text();
    expect(unasked).not.toContain("usage");
    expect(unasked).toEndWith("data: [DONE]\n\n");
  });

  test("says so when the caller's metadata could not be read, and speaks each vendor's id", () => {
    const cached = readCachedAnswer(text)!;
    const warned = replayAnswer(call({ identity: { ...identity, isMetadataInvalid: true } }), cached)!;
    expect(warned.headers.get("x-anyray-warning")).toBe("metadata-invalid");
    const anthropic = replayAnswer(call({ endpoint: messages, protocol: "anthropic" }), cached)!;
    expect(anthropic.headers.get("request-id")).toBe("0199-id");
  });

  test("what is no answer, or belongs to no API that is replayed, is not served", () => {
    for (const cached of ["", "{", "[]", "null", '"x"', null, undefined, 7, [], `{"a":${"[".repeat(30_000)}`]) {
      expect([cached, readCachedAnswer(cached)]).toEqual([cached, null]);
    }
    expect(replayAnswer(call({ endpoint: embeddings }), readCachedAnswer(text)!)).toBeNull();
    expect(readCachedAnswer(JSON.parse(text))?.json).toEqual(JSON.parse(text));
  });

  test("a caller that leaves stops the making of events", async () => {
    const long = choices.map((choice) => ({ ...choice, message: { role: "assistant", content: "x".repeat(2e6) } }));
    const cached = readCachedAnswer({ id: "a", choices: long })!;
    const reader = replayAnswer(call({ isStream: true }), cached)!.body!.getReader();
    const first = await reader.read();
    expect(first.value!.length).toBeLessThan(200_000);
    await reader.cancel();
    expect((await reader.read()).done).toBe(true);
  });

  test("bills nothing, and saves what the answer took when it was new", () => {
    const { outcome, saved } = cachedOutcome(call(), readCachedAnswer(text)!, 12.5);
    expect(outcome).toMatchObject({
      status: 200,
      endReason: "completed",
      usage: noUsage,
      upstreamMs: 0,
      firstByteAt: 12.5,
    });
    expect(outcome.responseModel).toBe("gpt-4");
    expect(saved).toEqual({ ...noUsage, inputTokens: 30, cachedInputTokens: 10, outputTokens: 5 });
    expect(cachedOutcome(call(), readCachedAnswer({ id: "a", choices })!, 0).saved).toEqual(noUsage);
  });

  test("is served whole with its books, or not at all", async () => {
    const hit = serveCached(call(), text)!;
    expect(await hit.response.text()).toBe(text);
    expect([hit.outcome.status, hit.saved.inputTokens]).toEqual([200, 30]);
    expect(serveCached(call(), "[]")).toBeNull();
    expect(serveCached(call({ endpoint: embeddings }), text)).toBeNull();
  });
});
