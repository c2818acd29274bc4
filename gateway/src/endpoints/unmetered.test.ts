import { expect, test } from "bun:test";
import { cassetteNamed } from "@anyray/shared/testing/cassettes";
import { countTokens, model, models } from "./unmetered";

test("routes that bill nothing are never metered, whatever their answers say", () => {
  const { response } = cassetteNamed("count-tokens-json");
  for (const endpoint of [countTokens, model, models]) {
    expect([endpoint.metering, endpoint.stream]).toEqual(["never", null]);
    expect(endpoint.readAnswer(JSON.parse(Buffer.from(response.body).toString()), null)).toEqual({
      usage: null,
      model: null,
    });
    expect(endpoint.readAnswer({ model: "m", usage: { prompt_tokens: 5, input_tokens: 5 } }, null).usage).toBeNull();
  }
});

test("their requests tell the model, which finds the provider, and nothing else", () => {
  expect(countTokens.readRequest({ model: "claude-x", stream: true, max_tokens: 5 })).toEqual({
    model: "claude-x",
    isStream: false,
    maxOutputTokens: null,
    mustAskForUsage: false,
  });
  expect(countTokens.readRequest({}).model).toBeNull();
});

test("each has its own path", () => {
  expect([countTokens.path, models.path, model.path]).toEqual([
    "/v1/messages/count_tokens",
    "/v1/models",
    "/v1/models/*",
  ]);
  expect(countTokens.protocol).toBe("anthropic");
});
