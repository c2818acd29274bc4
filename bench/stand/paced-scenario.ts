// Owns what the scenarios of one stream length have in common.

import type { Scenario } from "../scenario";
import { measureStreams } from "./measure-streams";
import { streamCall } from "./specs";
import { verifyAnswers, verifyBooks } from "./verify";

/** `streams` at once, of `events` events each, one every `gapMs`. */
export function pacedScenario(
  settings: Pick<Scenario, "name" | "quick"> & { events: number; gapMs: number; streams: number },
): Scenario {
  const { name, quick, events, gapMs, streams } = settings;
  return {
    name,
    title: `Stream of ${events.toLocaleString("en-US")} events`,
    about: `${streams} streams at once, an event of 320 bytes every ${gapMs} ms. Delays are from the upstream's sending of an event to its arrival.`,
    quick,
    async run(context) {
      const arms = await context.stand.shareAll();
      await verifyAnswers(arms, streamCall({ events }));
      const headlines = ["added first byte p50", "added event delay p50"];
      const rows = await measureStreams(context, arms, { events, gapMs, streams, headlines });
      for (const arm of arms) await verifyBooks(arm);
      return rows;
    },
  };
}
