// A busy hour of chats: 200 streams open at once, each at the pace of a model.

import type { Scenario } from "../scenario";
import { measureStreams } from "../stand/measure-streams";
import { streamCall } from "../stand/specs";
import { verifyAnswers, verifyBooks } from "../stand/verify";

const setting = { events: 100, gapMs: 10, streams: 200, headlines: ["CPU per event"] };

export const streamsOpen = {
  name: "streams-open",
  title: "200 open streams",
  about:
    "200 streams at once, each an event of 320 bytes every 10 ms, 20,000 events per second in all, each followed by another after 100 events.",
  quick: true,
  async run(context) {
    const arms = await context.stand.shareAll();
    await verifyAnswers(arms, streamCall({ events: setting.events }));
    const { isFull, rounds } = context.plan;
    const rows = await measureStreams(context, arms, { ...setting, rounds: isFull ? rounds : Math.min(3, rounds) });
    for (const arm of arms) await verifyBooks(arm);
    return rows;
  },
} satisfies Scenario;
