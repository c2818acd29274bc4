import { expect, test } from "bun:test";
import { openaiCompatible } from "./openai-compatible";
import type { CallerCredential } from "./provider";

const nothing: CallerCredential = { bearer: null, apiKey: null, otherScheme: null };

/** The headers that come of a credential. */
function authorized(serverKey: string | null, caller: Partial<CallerCredential>): Record<string, string> {
  const headers = new Headers();
  openaiCompatible.authorize(headers, serverKey, { ...nothing, ...caller });
  return Object.fromEntries(headers);
}

test("every credential becomes a bearer token, the server's before the caller's", () => {
  for (const serverKey of [null, "server"]) {
    for (const bearer of [null, "bearer", "sk-ant-oat01-x", "eyJ.eyJ.x"]) {
      for (const apiKey of [null, "key"]) {
        for (const otherScheme of [null, "Basic dTpw"]) {
          const token = serverKey ?? bearer ?? apiKey;
          const expected = token ? `Bearer ${token}` : otherScheme;
          expect(authorized(serverKey, { bearer, apiKey, otherScheme })).toEqual(
            expected ? { authorization: expected } : {},
          );
        }
      }
    }
  }
});

test("has no address of its own", () => {
  expect(openaiCompatible.publicUrl).toBeNull();
  expect(openaiCompatible.address("http://localhost:11434", "/v1/models")).toBe("http://localhost:11434/v1/models");
});
