// The APIs whose requests can be read.

import { anthropicMessages } from "./anthropic-messages";
import type { Api } from "./api";
import { openaiChat } from "./openai-chat";
import { openaiResponses } from "./openai-responses";

export const apis: ReadonlyMap<string, Api> = new Map<string, Api>([
  ["/v1/chat/completions", openaiChat],
  ["/v1/responses", openaiResponses],
  ["/v1/messages", anthropicMessages],
]);
