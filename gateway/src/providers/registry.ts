// The kinds of provider. A slug that names none of them is an OpenAI-compatible one.

import { anthropic } from "./anthropic";
import { azureOpenai } from "./azure-openai";
import { openai } from "./openai";
import { openaiCompatible } from "./openai-compatible";
import type { Provider } from "./provider";

export const providers: readonly Provider[] = [openai, anthropic, azureOpenai, openaiCompatible];

export function providerOfKind(kind: string): Provider {
  return providers.find((provider) => provider.kind === kind) ?? openaiCompatible;
}
