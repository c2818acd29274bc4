// Any server that speaks OpenAI's protocol: vLLM, Ollama, llama.cpp, other vendors.

import { joinAddress } from "./address";
import type { Provider } from "./provider";

export const openaiCompatible = {
  kind: "openai-compatible",
  publicUrl: null,
  address: joinAddress,
  authorize(headers, serverKey, caller) {
    const token = serverKey ?? caller.bearer ?? caller.apiKey;
    if (token) headers.set("authorization", `Bearer ${token}`);
    else if (caller.otherScheme) headers.set("authorization", caller.otherScheme);
  },
} satisfies Provider;
