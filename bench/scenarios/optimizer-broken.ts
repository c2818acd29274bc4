// What it costs a call that the optimizer is down.

import type { Scenario } from "../scenario";
import { switchScenario } from "../stand/optimizer-switch";
import { smallCall } from "../stand/specs";

export const optimizerBroken = switchScenario({
  name: "optimizer-broken",
  title: "Optimizer down",
  about:
    "Small JSON calls at 16 connections while nobody answers for the optimizer, against the same gateway with its kill switch engaged, in turns.",
  quick: false,
  setting: { request: smallCall, connections: 16, optimizer: "absent", outcome: "unreachable" },
}) satisfies Scenario;
