// Owns the pace of many streams at once: one timer for all of them, running only while there is a stream to feed.

interface Feed {
  dueAt: number;
  gapMs: number;
  /** Sends one event; false = that was the last. */
  send(): boolean;
}

const feeds = new Set<Feed>();
let isRunning = false;

/** Calls `send` every `gapMs`, at first after one gap, until it gives false. Returns a function that ends it early. */
export function pace(gapMs: number, send: () => boolean): () => void {
  const feed: Feed = { dueAt: performance.now() + gapMs, gapMs, send };
  feeds.add(feed);
  if (!isRunning) {
    isRunning = true;
    setTimeout(tick, 1);
  }
  return () => void feeds.delete(feed);
}

function tick(): void {
  const now = performance.now();
  for (const feed of feeds) {
    // Late ticks are made up for: a stream of 100 events at 10 ms takes a second, not a second and the lateness.
    while (feed.dueAt <= now) {
      feed.dueAt += feed.gapMs;
      if (feed.send()) continue;
      feeds.delete(feed);
      break;
    }
  }
  isRunning = feeds.size > 0;
  if (isRunning) setTimeout(tick, 1);
}
