// What asking costs a call: the way to the optimizer and back, without what the optimizer does.

import type { Scenario } from "../scenario";
import { switchScenario } from "../stand/optimizer-switch";
import { bodyCall } from "../stand/specs";

export const optimizerOn = switchScenario({
  name: "optimizer-on",
  title: "Optimizer asked",
  about:
    "Calls of 60 KB, an agent's turn, at 4 connections: each asks an optimizer that answers at once with the request as it came. Against the same gateway with its kill switch engaged, in turns; CPU time is the gateway's.",
  quick: false,
  setting: { request: bodyCall(60_000), connections: 4, optimizer: 0, outcome: "unchanged" },
}) satisfies Scenario;
