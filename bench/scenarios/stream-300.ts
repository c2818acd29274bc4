// A stream of 300 events, 20 of them at once.

import type { Scenario } from "../scenario";
import { pacedScenario } from "../stand/paced-scenario";

export const stream300 = pacedScenario({
  name: "stream-300",
  quick: false,
  events: 300,
  gapMs: 5,
  streams: 20,
}) satisfies Scenario;
