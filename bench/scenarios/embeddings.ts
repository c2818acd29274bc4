// An embedding: 1 KB up, a vector of 512 numbers down.

import type { Scenario } from "../scenario";
import { callScenario } from "../stand/call-scenario";
import { embeddingCall } from "../stand/specs";

export const embeddings = callScenario({
  name: "embeddings",
  title: "Embedding",
  about: "1 KB up, 512 numbers down, 16 connections, each sending its next call when it has its answer.",
  quick: false,
  request: embeddingCall,
  connections: 16,
}) satisfies Scenario;
