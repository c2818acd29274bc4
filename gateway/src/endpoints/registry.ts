// The client-facing APIs, most specific first: the first whose path matches takes the call.

import { chatCompletions } from "./chat-completions";
import { completions } from "./completions";
import { embeddings } from "./embeddings";
import type { Endpoint } from "./endpoint";
import { messages } from "./messages";
import { other } from "./other";
import { responses } from "./responses";
import { countTokens, model, models } from "./unmetered";

export const endpoints: readonly Endpoint[] = [
  chatCompletions,
  completions,
  embeddings,
  responses,
  messages,
  countTokens,
  models,
  model,
  other,
];
