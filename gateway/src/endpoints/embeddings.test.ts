import { expect, test } from "bun:test";
import { cassettes } from "@anyray/shared/testing/cassettes";
import { embeddings } from "./embeddings";

test("a request is never streamed and makes no output, whatever it says", () => {
  expect(embeddings.readRequest({ model: "m", stream: true, max_tokens: 9, input: ["x"] })).toEqual({
    model: "m",
    isStream: false,
    maxOutputTokens: 0,
    mustAskForUsage: false,
  });
  expect(embeddings.stream).toBeNull();
});

test("an answer states its input", () => {
  const recorded = cassettes.filter(({ request }) => request.path === embeddings.path);
  expect(recorded.length).toBeGreaterThan(1);
  for (const { response, usage } of recorded) {
    expect(embeddings.readAnswer(JSON.parse(Buffer.from(response.body).toString()), null).usage).toEqual(usage);
  }
});
