import { expect, test } from "bun:test";
import { providerKinds } from "@anyray/shared/admin/providers";
import { openaiCompatible } from "./openai-compatible";
import { providerOfKind, providers } from "./registry";

test("has each kind that an admin may choose, once", () => {
  expect(providers.map(({ kind }) => kind).sort()).toEqual([...providerKinds].sort());
  for (const kind of providerKinds) expect(providerOfKind(kind).kind).toBe(kind);
});

test("takes any other slug for a server that speaks OpenAI's protocol", () => {
  for (const slug of ["ollama", "", "__proto__", "constructor", "OpenAI"])
    expect(providerOfKind(slug)).toBe(openaiCompatible);
});

test("every kind names an address under the base URL it is given", () => {
  for (const { address } of providers) {
    expect(address("https://host/base", "/v1/x")).toMatch(/^https:\/\/host\/base(\/openai)?\/v1\/x$/);
  }
});
