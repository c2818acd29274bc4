// OpenAI itself.

import { openaiCompatible } from "./openai-compatible";
import type { Provider } from "./provider";

export const openai = {
  ...openaiCompatible,
  kind: "openai",
  publicUrl: "https://api.openai.com",
} satisfies Provider;
