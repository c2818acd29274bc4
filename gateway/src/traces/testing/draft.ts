// Owns a draft for tests: a call that went well.

import type { TraceDraft } from "../trace-draft";

export function draftOf(given: Partial<TraceDraft> = {}): TraceDraft {
  return {
    ...{ id: "01a20098-b974-75fd-81f4-c7ad5dda835d", ts: 1_795_306_338_676, row: null },
    unrecorded: {
      ...{ user: "ada", team: null, session: "s1", tool: null, provider: "openai", model: "gpt-4o-mini" },
      ...{ responseModel: null, endpoint: "/v1/chat/completions", stream: false },
      ...{ status: 200, endReason: "completed", outcome: "off", overheadMs: 1 },
    },
    ...{ agent: null, parentAgent: null, routedBy: "family", api: "/v1/chat/completions", errorCode: null },
    times: {
      ...{ received: 1, identified: 2, reserved: 3, optimized: 4, dispatched: 5 },
      ...{ firstByte: 6, ended: 7, settled: 8, recorded: 9 },
    },
    ...{ cap: null, priceRow: null, decisions: [], suppressed: [], mode: "off", contents: [] },
    ...given,
  };
}
