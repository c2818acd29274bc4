import { describe, expect, test } from "bun:test";
import { AnyrayError, type ErrorCode, errorTable } from "@anyray/shared/errors";
import { CallerLeft } from "./call";
import { asAnyrayError, renderError } from "./render-error";

const id = "0192f0c1-2345-7abc-8def-0123456789ab";
const codes = Object.keys(errorTable) as ErrorCode[];

describe("every error of the table", () => {
  test("is told in OpenAI's words", async () => {
    for (const code of codes) {
      const response = renderError(new AnyrayError(code, `about ${code}`), "openai", id);
      const { status, openaiType, retry } = errorTable[code];
      expect(response.status).toBe(status);
      expect(await response.json()).toEqual({
        error: { message: `about ${code}`, type: openaiType, param: null, code },
      });
      expect(response.headers.get("x-should-retry")).toBe(String(retry));
      expect(response.headers.get("x-anyray-error")).toBe(code);
      expect(response.headers.get("x-anyray-request-id")).toBe(id);
      expect([response.headers.get("x-request-id"), response.headers.get("request-id")]).toEqual([id, null]);
      expect(response.headers.get("content-type")).toStartWith("application/json");
    }
  });

  test("is told in Anthropic's words", async () => {
    for (const code of codes) {
      const response = renderError(new AnyrayError(code, `about ${code}`), "anthropic", id);
      const { status, anthropicType, retry } = errorTable[code];
      expect(response.status).toBe(status);
      expect(await response.json()).toEqual({
        type: "error",
        error: { type: anthropicType, message: `about ${code}` },
        request_id: id,
      });
      expect(response.headers.get("x-should-retry")).toBe(String(retry));
      expect(response.headers.get("x-anyray-error")).toBe(code);
      expect([response.headers.get("x-request-id"), response.headers.get("request-id")]).toEqual([null, id]);
    }
  });
});

describe("an error", () => {
  test("brings its own headers, which cannot take the place of ours", () => {
    const headers = { "x-anyray-cap-limit": "5", "x-should-retry": "true", "x-anyray-request-id": "forged" };
    const response = renderError(new AnyrayError("user_token_cap_exceeded", "over", headers), "openai", id);
    expect(response.headers.get("x-anyray-cap-limit")).toBe("5");
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(response.headers.get("x-anyray-request-id")).toBe(id);
  });

  test("may name anything the caller sent without breaking the JSON around it", async () => {
    for (const message of ['"}],', "\u2028\0\n", "Zoë 👩‍👧", "half a pair \ud83d", "x".repeat(100_000)]) {
      const { error } = (await renderError(new AnyrayError("invalid_json", message), "openai", id).json()) as {
        error: { message: string };
      };
      expect(error.message).toBe(message);
    }
  });

  test("that is not ours tells the caller an id and nothing else; its cause is kept for the log", async () => {
    for (const fault of [
      new Error("secret of the inside"),
      new TypeError("secret"),
      "secret",
      null,
      undefined,
      { secret: 1 },
    ]) {
      for (const protocol of ["openai", "anthropic"] as const) {
        const response = renderError(fault, protocol, id);
        expect([response.status, response.headers.get("x-anyray-error")]).toEqual([500, "internal"]);
        const text = await response.text();
        expect(text).toContain(id);
        expect(text + JSON.stringify([...response.headers])).not.toContain("secret");
      }
      expect(asAnyrayError(fault, id).cause).toBe(fault);
    }
    const ours = new AnyrayError("draining", "m");
    expect(asAnyrayError(ours, id)).toBe(ours);
  });
});

test("to a caller that left nothing is told", async () => {
  const response = renderError(new CallerLeft(), "openai", id);
  expect([response.status, await response.text()]).toEqual([499, ""]);
});
