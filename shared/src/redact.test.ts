import { describe, expect, test } from "bun:test";
import { isRefusedName, redactText } from "./redact";

describe("a credential inside a text is replaced", () => {
  test.each([
    ["key sk-abc123DEF456 refused", "key sk-[redacted] refused"],
    ["sk-ant-api03-aaaa_bbbb-cccc", "sk-[redacted]"],
    ["Incorrect API key provided: sk-proj-ab*****wxyz.", "Incorrect API key provided: sk-[redacted]"],
    ["authorization: Bearer eyJhbGci.abc.def, next", "authorization: Bearer [redacted], next"],
    ["bearer x", "bearer [redacted]"],
    ["Basic dXNlcjpwYXNzd29yZA==", "Basic [redacted]"],
    ["gsk_abcdefghijklmnop1234", "gsk-[redacted]"],
    ["AIzaSyA-1234567890abcdefghij", "AIza[redacted]"],
    ["postgres://anyray:hunter2@db:5432/spend", "postgres://[redacted]@db:5432/spend"],
    ["https://x.example/v1?key=abc&alt=sse", "https://x.example/v1?key=[redacted]&alt=sse"],
  ])("%p", (text, expected) => {
    expect(redactText(text)).toBe(expected);
  });

  test("also where the cut would leave half of it", () => {
    expect(redactText(`${"a ".repeat(252)}sk-abcdefghijklmnop`)).toBe(`${"a ".repeat(252)}sk-[red…`);
  });
});

test.each([
  "risk-assessment-of-model",
  "task-sk",
  "connect ECONNREFUSED 127.0.0.1:80",
  "http://h:8080/p",
  "Basic auth",
])("%p stays as it is", (text) => {
  expect(redactText(text)).toBe(text);
});

test("a hostile text costs no more than its length", () => {
  const startedAt = performance.now();
  for (const part of ["Bearer ", "://a:", "sk-", '"', "?key=", "gsk_a"]) redactText(part.repeat(100_000));
  expect(performance.now() - startedAt).toBeLessThan(500);
});

test.each([
  "authorization",
  "Proxy-Authorization",
  "cookie",
  "Set-Cookie",
  "cookieJar",
  "token",
  "admin_token",
  "apiKey",
])("%p is refused as a name", (name) => {
  expect(isRefusedName(name)).toBe(true);
});

test.each(["inputTokens", "maxBodyBytes", "contentMode", "keyId", "promptTokens", "monkey", "requestId", ""])(
  "%p is accepted as a name",
  (name) => {
    expect(isRefusedName(name)).toBe(false);
  },
);
