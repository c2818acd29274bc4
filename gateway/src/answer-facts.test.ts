import { describe, expect, test } from "bun:test";
import { cassettes } from "@anyray/shared/testing/cassettes";
import { noUsage } from "@anyray/shared/usage";
import fc from "fast-check";
import { readAnswerFacts } from "./answer-facts";
import { chatCompletions } from "./endpoints/chat-completions";
import type { Endpoint } from "./endpoints/endpoint";
import { endpoints } from "./endpoints/registry";
import { models } from "./endpoints/unmetered";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const nothing = { usage: null, model: null };

describe("a whole answer", () => {
  test("tells the usage that recorded ones state", () => {
    const recorded = cassettes.filter(({ stream, response }) => !stream && response.status === 200);
    expect(recorded.length).toBeGreaterThan(6);
    for (const { name, request, response, usage } of recorded) {
      const endpoint = endpoints.find(({ path }) => path === request.path) as Endpoint;
      expect([name, readAnswerFacts(endpoint, response.body).usage]).toEqual([name, usage]);
    }
  });

  test("of a route that bills nothing is not even looked at", () => {
    expect(readAnswerFacts(models, bytesOf('{"usage":{"prompt_tokens":5},"model":"m"}'))).toEqual(nothing);
  });

  test("is read with a byte order mark and with bytes that are no UTF-8", () => {
    const usage = { ...noUsage, inputTokens: 5 };
    const stated = '"model":"m","usage":{"prompt_tokens":5}}';
    expect(readAnswerFacts(chatCompletions, bytesOf(`\ufeff{${stated}`))).toEqual({ usage, model: "m" });
    const broken = Buffer.concat([Buffer.from('{"text":"'), Buffer.from([0xff, 0xfe]), Buffer.from(`",${stated}`)]);
    expect(readAnswerFacts(chatCompletions, broken)).toEqual({ usage, model: "m" });
  });

  test("that is no JSON object tells nothing", () => {
    for (const text of ["", " ", "null", "[]", '"usage"', "<html>", '{"usage":{"prompt_tokens":5}', '[{"usage":{}}]']) {
      expect(readAnswerFacts(chatCompletions, bytesOf(text))).toEqual(nothing);
    }
  });

  test("nested beyond reason tells nothing, and soon", () => {
    const startedAt = performance.now();
    for (const unit of ["[", '{"usage":']) {
      expect(readAnswerFacts(chatCompletions, bytesOf(unit.repeat(500_000)))).toEqual(nothing);
    }
    expect(performance.now() - startedAt).toBeLessThan(500);
  });

  test("never throws, whatever it is", () => {
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.jsonValue().map((value) => bytesOf(JSON.stringify(value))),
      fc
        .dictionary(fc.constantFrom("usage", "message", "response", "model"), fc.jsonValue())
        .map((json) => bytesOf(JSON.stringify(json))),
    );
    fc.assert(
      fc.property(bodies, (body) => {
        for (const endpoint of endpoints)
          expect(Object.keys(readAnswerFacts(endpoint, body)).sort()).toEqual(["model", "usage"]);
      }),
      { numRuns: 150 },
    );
  });
});
