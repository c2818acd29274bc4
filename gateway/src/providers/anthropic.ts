// Anthropic.

import { joinAddress } from "./address";
import type { Provider } from "./provider";

/** OAuth tokens are the one credential that Anthropic takes only as a bearer token. */
const isOauth = (token: string) => token.startsWith("sk-ant-oat");

export const anthropic = {
  kind: "anthropic",
  publicUrl: "https://api.anthropic.com",
  address: joinAddress,
  authorize(headers, serverKey, caller, protocol) {
    const key = serverKey ?? caller.apiKey ?? caller.bearer;
    if (!key) return;
    // Its OpenAI-compatible routes authenticate as OpenAI does.
    if (protocol === "openai" || isOauth(key)) headers.set("authorization", `Bearer ${key}`);
    else headers.set("x-api-key", key);
    // A caller may send a key and an OAuth token side by side; both are its own, so both go.
    if (!serverKey && caller.bearer && caller.bearer !== key && isOauth(caller.bearer)) {
      headers.set("authorization", `Bearer ${caller.bearer}`);
    }
  },
} satisfies Provider;
