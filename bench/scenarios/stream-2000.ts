// A stream of 2000 events, 5 of them at once.

import type { Scenario } from "../scenario";
import { pacedScenario } from "../stand/paced-scenario";

export const stream2000 = pacedScenario({
  name: "stream-2000",
  quick: false,
  events: 2_000,
  gapMs: 1,
  streams: 5,
}) satisfies Scenario;
