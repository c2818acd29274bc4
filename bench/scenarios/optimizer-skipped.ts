// What it costs a call that the optimizer is there and not worth asking.

import type { Scenario } from "../scenario";
import { switchScenario } from "../stand/optimizer-switch";
import { smallCall } from "../stand/specs";

export const optimizerSkipped = switchScenario({
  name: "optimizer-skipped",
  title: "Optimizer not worth asking",
  about:
    "Small JSON calls at 16 connections while the optimizer's settings change nothing of requests so short, against the same gateway with its kill switch engaged, in turns.",
  quick: false,
  setting: { request: smallCall, connections: 16, optimizer: 10_000, outcome: "unchanged" },
}) satisfies Scenario;
