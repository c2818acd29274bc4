// Owns the upstream's HTTP/2 side: the same answers as over HTTP/1.1, by Bun's server. It costs more than the raw
// sockets do, so only the proxies' own CPU time says anything about them here.

import { askHeader, embeddingBody, eventTemplate, jsonBody, readAsk, stampEvent, streamEnd } from "./answers";
import { sharedNanoseconds } from "./clock";
import { pace } from "./pace";
import type { UpstreamCounts } from "./protocol";

export function serveHttp2(tls: { cert: string; key: string }, counts: UpstreamCounts) {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls,
    http2: true,
    http1: false,
    idleTimeout: 255,
    development: false,
    async fetch(request) {
      counts.requests += 1;
      await request.arrayBuffer();
      const ask = readAsk(request.headers.get(askHeader) ?? "");
      if (ask.events > 0) return streamOf(ask, counts);
      counts.finished += 1;
      const body = request.url.endsWith("/embeddings") ? embeddingBody : jsonBody;
      return new Response(body, { headers: { "content-type": "application/json" } });
    },
  });
}

const event = withoutChunks(eventTemplate);
const end = withoutChunks(streamEnd);

/** HTTP/2 has frames of its own: what HTTP/1.1 sends without the sizes around it. */
function withoutChunks(framed: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < framed.length; ) {
    const sizeEnd = framed.indexOf("\r\n", at);
    const size = Number.parseInt(framed.toString("latin1", at, sizeEnd), 16);
    parts.push(framed.subarray(sizeEnd + 2, sizeEnd + 2 + size));
    at = sizeEnd + 2 + size + 2;
  }
  return Buffer.concat(parts);
}

function streamOf(
  { events, gapMs, isStill }: { events: number; gapMs: number; isStill: boolean },
  counts: UpstreamCounts,
) {
  let endPace = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      let sent = 0;
      const next = (): boolean => {
        sent += 1;
        counts.events += 1;
        controller.enqueue(isStill ? event : withoutChunks(stampEvent(sharedNanoseconds())));
        if (sent < events) return true;
        counts.finished += 1;
        controller.enqueue(end);
        controller.close();
        return false;
      };
      if (gapMs === 0) while (next());
      else if (next()) endPace = pace(gapMs, next);
    },
    cancel: () => endPace(),
  });
  return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-cache" } });
}
