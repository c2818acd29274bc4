// A stream of 50 events, 20 of them at once.

import type { Scenario } from "../scenario";
import { pacedScenario } from "../stand/paced-scenario";

export const stream50 = pacedScenario({
  name: "stream-50",
  quick: true,
  events: 50,
  gapMs: 5,
  streams: 20,
}) satisfies Scenario;
