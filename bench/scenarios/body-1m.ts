// A very long prompt or a picture: 1 MB up, 1 KB down.

import type { Scenario } from "../scenario";
import { callScenario } from "../stand/call-scenario";
import { bodyCall } from "../stand/specs";

export const body1m = callScenario({
  name: "body-1m",
  title: "Request of 1 MB",
  about: "1 MB up, 1 KB down, 8 connections, each sending its next call when it has its answer.",
  quick: true,
  request: bodyCall(1_000_000),
  connections: 8,
  rounds: 3,
}) satisfies Scenario;
