// A long prompt: 100 KB up, 1 KB down.

import type { Scenario } from "../scenario";
import { callScenario } from "../stand/call-scenario";
import { bodyCall } from "../stand/specs";

export const body100k = callScenario({
  name: "body-100k",
  title: "Request of 100 KB",
  about: "100 KB up, 1 KB down, 8 connections, each sending its next call when it has its answer.",
  quick: false,
  request: bodyCall(100_000),
  connections: 8,
}) satisfies Scenario;
