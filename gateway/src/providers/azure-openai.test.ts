import { expect, test } from "bun:test";
import { trimBaseUrl } from "./address";
import { azureOpenai } from "./azure-openai";

const entra = "eyJ0eXAiOiJKV1Qi.eyJhdWQi.c2lnbmF0dXJl";

function authorized(serverKey: string | null, bearer: string | null, apiKey: string | null) {
  const headers = new Headers();
  azureOpenai.authorize(headers, serverKey, { bearer, apiKey, otherScheme: null });
  return Object.fromEntries(headers);
}

test("every way to write a resource leads to its version-less API", () => {
  for (const base of ["", "/", "/v1", "/openai", "/openai/", "/openai/v1", "/openai/v1/"]) {
    const address = azureOpenai.address(trimBaseUrl(`https://r.openai.azure.com${base}`), "/v1/responses");
    expect([base, address]).toEqual([base, "https://r.openai.azure.com/openai/v1/responses"]);
  }
  expect(azureOpenai.publicUrl).toBeNull();
});

test("a query of the resource stays behind the path", () => {
  for (const base of ["?api-version=preview", "/openai/v1/?api-version=preview"]) {
    expect(azureOpenai.address(trimBaseUrl(`https://r.openai.azure.com${base}`), "/v1/responses?a=b")).toBe(
      "https://r.openai.azure.com/openai/v1/responses?a=b&api-version=preview",
    );
  }
});

test("a resource key goes into api-key, an Entra token stays a bearer token", () => {
  expect(authorized(null, null, "key")).toEqual({ "api-key": "key" });
  expect(authorized(null, "key", null)).toEqual({ "api-key": "key" });
  expect(authorized(null, entra, null)).toEqual({ authorization: `Bearer ${entra}` });
  expect(authorized(null, null, entra)).toEqual({ authorization: `Bearer ${entra}` });
  expect(authorized(null, "eyJust-a-key", null)).toEqual({ "api-key": "eyJust-a-key" });
  expect(authorized(null, null, null)).toEqual({});
});

test("the server's credential stands alone, whatever the caller sent", () => {
  for (const bearer of [null, "b", entra]) {
    for (const apiKey of [null, "k", entra]) {
      expect(authorized("server", bearer, apiKey)).toEqual({ "api-key": "server" });
      expect(authorized(entra, bearer, apiKey)).toEqual({ authorization: `Bearer ${entra}` });
    }
  }
});
