// OpenAI's embeddings: input only, never streamed.

import { chatCompletions } from "./chat-completions";
import type { Endpoint } from "./endpoint";
import { field, modelName } from "./fields";

export const embeddings = {
  path: "/v1/embeddings",
  protocol: "openai",
  metering: "always",
  readRequest: (body) => ({
    model: modelName(field(body, "model")),
    isStream: false,
    maxOutputTokens: 0,
    mustAskForUsage: false,
  }),
  readAnswer: chatCompletions.readAnswer,
  stream: null,
} satisfies Endpoint;
