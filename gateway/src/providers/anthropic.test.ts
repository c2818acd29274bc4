import { expect, test } from "bun:test";
import type { Protocol } from "../endpoints/endpoint";
import { anthropic } from "./anthropic";

const oauth = "sk-ant-oat01-token";

function authorized(
  serverKey: string | null,
  bearer: string | null,
  apiKey: string | null,
  protocol: Protocol = "anthropic",
) {
  const headers = new Headers();
  anthropic.authorize(headers, serverKey, { bearer, apiKey, otherScheme: "Basic dTpw" }, protocol);
  return Object.fromEntries(headers);
}

test("is at its public address unless told otherwise", () => {
  expect(anthropic.address(anthropic.publicUrl, "/v1/messages?beta=true")).toBe(
    "https://api.anthropic.com/v1/messages?beta=true",
  );
});

test("a key goes into x-api-key, whichever header it came in", () => {
  expect(authorized(null, null, "sk-ant-1")).toEqual({ "x-api-key": "sk-ant-1" });
  expect(authorized(null, "sk-ant-1", null)).toEqual({ "x-api-key": "sk-ant-1" });
  expect(authorized(null, "other", "sk-ant-1")).toEqual({ "x-api-key": "sk-ant-1" });
});

test("an OAuth token stays a bearer token, also beside a key", () => {
  expect(authorized(null, oauth, null)).toEqual({ authorization: `Bearer ${oauth}` });
  expect(authorized(null, null, oauth)).toEqual({ authorization: `Bearer ${oauth}` });
  expect(authorized(null, oauth, "sk-ant-1")).toEqual({ "x-api-key": "sk-ant-1", authorization: `Bearer ${oauth}` });
  expect(authorized(null, oauth, oauth)).toEqual({ authorization: `Bearer ${oauth}` });
});

test("the server's key stands alone, whatever the caller sent", () => {
  for (const bearer of [null, "b", oauth]) {
    for (const apiKey of [null, "k", oauth]) {
      expect(authorized("server", bearer, apiKey)).toEqual({ "x-api-key": "server" });
      expect(authorized(oauth, bearer, apiKey)).toEqual({ authorization: `Bearer ${oauth}` });
      expect(authorized("server", bearer, apiKey, "openai")).toEqual({ authorization: "Bearer server" });
    }
  }
});

test("its OpenAI routes get a bearer token", () => {
  expect(authorized(null, null, "sk-ant-1", "openai")).toEqual({ authorization: "Bearer sk-ant-1" });
  expect(authorized(null, "sk-ant-1", null, "openai")).toEqual({ authorization: "Bearer sk-ant-1" });
  expect(authorized(null, oauth, null, "openai")).toEqual({ authorization: `Bearer ${oauth}` });
});

test("without a credential it gets none", () => {
  expect(authorized(null, null, null)).toEqual({});
  expect(authorized(null, null, null, "openai")).toEqual({});
});
