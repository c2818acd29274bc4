import { expect, test } from "bun:test";
import { openai } from "./openai";

test("is at its public address unless told otherwise", () => {
  expect(openai.kind).toBe("openai");
  expect(openai.address(openai.publicUrl, "/v1/responses/resp_1?stream=true")).toBe(
    "https://api.openai.com/v1/responses/resp_1?stream=true",
  );
});

test("takes bearer tokens only, whatever the caller's header was", () => {
  const headers = new Headers();
  openai.authorize(headers, null, { bearer: null, apiKey: "sk-caller", otherScheme: null });
  expect(Object.fromEntries(headers)).toEqual({ authorization: "Bearer sk-caller" });
});
