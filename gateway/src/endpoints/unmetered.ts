// Routes that bill nothing: token counting and the lists of models. Passed through, never capped, no row.

import type { Endpoint } from "./endpoint";
import { field, modelName } from "./fields";

const free = {
  metering: "never",
  readRequest: (body) => ({
    model: modelName(field(body, "model")),
    isStream: false,
    maxOutputTokens: null,
    mustAskForUsage: false,
  }),
  readAnswer: (_json, before) => ({ usage: before, model: null }),
  stream: null,
} satisfies Omit<Endpoint, "path" | "protocol">;

export const countTokens = { ...free, path: "/v1/messages/count_tokens", protocol: "anthropic" } satisfies Endpoint;
export const models = { ...free, path: "/v1/models", protocol: "openai" } satisfies Endpoint;
export const model = { ...free, path: "/v1/models/*", protocol: "openai" } satisfies Endpoint;
