// What it costs a call that its trace is kept, and its contents with it.

import type { Scenario } from "../scenario";
import { smallCall, streamCall } from "../stand/specs";
import { tracesScenario } from "../stand/traces-switch";

const hundredEvents = streamCall({ events: 100, gapMs: 2 });

export const tracesContent = tracesScenario({
  name: "traces-content",
  title: "Traces and contents",
  about:
    "Small JSON calls, and streams of 100 events, against a gateway that keeps no traces and one that does, without contents and with encrypted ones, in turns. The relay's figures are of the threads that calls wait for; sealing and storing, which they do not wait for, is in the process's.",
  quick: false,
  calls: [
    { name: "JSON", load: (durationMs) => ({ kind: "closed", request: smallCall, connections: 16, durationMs }) },
    { name: "stream", load: (durationMs) => ({ kind: "streams", request: hundredEvents, streams: 32, durationMs }) },
  ],
}) satisfies Scenario;
