import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { extendBaseUrl, joinAddress, trimBaseUrl } from "./address";
import { anthropic } from "./anthropic";
import { azureOpenai } from "./azure-openai";
import { openai } from "./openai";
import { openaiCompatible } from "./openai-compatible";

const chat = "/v1/chat/completions";

describe("a base URL", () => {
  test("leads to the same address with and without /v1 and slashes", () => {
    for (const end of ["", "/", "//", "/v1", "/v1/", "/v1///", "/v1#top", "/v1?", "/v1/?#"]) {
      for (const { address } of [openai, anthropic, openaiCompatible]) {
        expect(address(trimBaseUrl(`https://host:8000${end}`), chat)).toBe("https://host:8000/v1/chat/completions");
        expect(address(trimBaseUrl(`https://host/a/b${end}`), chat)).toBe("https://host/a/b/v1/chat/completions");
      }
    }
  });

  test("keeps the version it names itself", () => {
    for (const [base, address] of [
      ["https://host/v1beta/openai/", "https://host/v1beta/openai/chat/completions"],
      ["https://host/api/paas/v4", "https://host/api/paas/v4/chat/completions"],
      ["https://host/api/paas/v4/", "https://host/api/paas/v4/chat/completions"],
      ["https://host/v2", "https://host/v2/chat/completions"],
      ["https://host/openai/v1", "https://host/openai/v1/chat/completions"],
      ["https://host/v1/account/gate/openai", "https://host/v1/account/gate/openai/chat/completions"],
      // Behind another version a "/v1" is no habit, it is meant.
      ["https://host/v1/account/gate/anthropic/v1", "https://host/v1/account/gate/anthropic/v1/chat/completions"],
    ] as const) {
      expect([base, openaiCompatible.address(trimBaseUrl(base), chat)]).toEqual([base, address]);
    }
  });

  test("is not mistaken for versioned by its host or by words that only look so", () => {
    for (const base of [
      "http://v1",
      "http://v1/",
      "http://v1:8000",
      "https://v2.example",
      "https://host/v",
      "https://host/vllm",
      "https://host/av1x",
    ]) {
      expect(joinAddress(trimBaseUrl(base), chat)).toBe(`${base.replace(/\/$/, "")}${chat}`);
    }
    expect(joinAddress(trimBaseUrl("http://v1/v1"), chat)).toBe("http://v1/v1/chat/completions");
  });

  test("keeps its query behind the path, and goes along with the caller's", () => {
    const base = trimBaseUrl("https://host/openai/v1/?api-version=preview&x=1#top");
    expect(joinAddress(base, chat)).toBe("https://host/openai/v1/chat/completions?api-version=preview&x=1");
    expect(joinAddress(base, `${chat}?beta=true`)).toBe(
      "https://host/openai/v1/chat/completions?beta=true&api-version=preview&x=1",
    );
    expect(joinAddress("https://host", `${chat}?beta=true`)).toBe("https://host/v1/chat/completions?beta=true");
    expect(extendBaseUrl("https://host?x=1", "/a")).toBe("https://host/a?x=1");
    // A query may hold anything.
    expect(joinAddress(trimBaseUrl("https://host?to=/v4/"), chat)).toBe("https://host/v1/chat/completions?to=/v4/");
  });

  test("once trimmed stays as it is, and its host is where the call goes", () => {
    const parts = fc.array(fc.constantFrom("/v1", "/v1/", "/", "/openai", "/v1beta", "/api", "?a=b", "#c", "/v4"), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(
        fc.constantFrom("http://v1", "https://host", "http://127.0.0.1:8080", "http://[::1]:1"),
        parts,
        (origin, rest) => {
          const base = origin + rest.join("");
          const trimmed = trimBaseUrl(base);
          expect(trimBaseUrl(trimmed)).toBe(trimmed);
          for (const { address } of [openai, azureOpenai]) {
            const url = new URL(address(trimmed, chat));
            expect(url.origin).toBe(new URL(base).origin);
            expect(url.pathname).toEndWith("/chat/completions");
            expect(url.pathname).toMatch(/\/v\d/);
            expect(url.search).toBe(new URL(base).search);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
