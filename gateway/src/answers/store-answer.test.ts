import { afterAll, describe, expect, test } from "bun:test";
import { outboundToThisMachine } from "@anyray/shared/testing/outbound";
import { createClient } from "../optimizer/client";
import { type AnswerStoreSettings, createAnswerStore } from "./store-answer";

interface Received {
  path: string;
  authorization: string | null;
  body: string;
}

/** A cache that answers when told to. */
function startCache() {
  const received: Received[] = [];
  const waiting: (() => void)[] = [];
  let status = 200;
  let isHeld = false;
  let running = 0;
  let runningMax = 0;
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      runningMax = Math.max(runningMax, ++running);
      const authorization = request.headers.get("authorization");
      received.push({ path: new URL(request.url).pathname, authorization, body: await request.text() });
      if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve));
      running -= 1;
      return Response.json({ stored: status === 200 }, { status });
    },
  });
  return {
    url: server.url.origin,
    received,
    runningMax: () => runningMax,
    set(next: { status?: number; isHeld?: boolean }) {
      status = next.status ?? status;
      isHeld = next.isHeld ?? isHeld;
      if (!isHeld) for (const go of waiting.splice(0)) go();
    },
    stop: () => server.stop(true),
  };
}

const caches: { stop(): unknown }[] = [];
afterAll(() => Promise.all(caches.map((cache) => cache.stop())));

function open({ url, ...settings }: Partial<Omit<AnswerStoreSettings, "client">> & { url?: string } = {}) {
  const cache = startCache();
  caches.push(cache);
  const ends: string[] = [];
  const outbound = outboundToThisMachine();
  const store = createAnswerStore({
    client: createClient({ outbound, baseUrl: url ?? cache.url, token: "the-token" }),
    onEnd: (result) => ends.push(result),
    ...settings,
  });
  const idle = async () => {
    while (store.pending() > 0) await Bun.sleep(2);
  };
  return { cache, store, ends, idle };
}

const identity = { user: "ada", team: null, session: "s1" };
const answer = (text = '{"id": "a",\n "n": 1.0}', cacheKey = "key") => ({ cacheKey, text, identity });

describe("handing answers to the cache", () => {
  test("the answer goes out byte for byte, with its key, whose it is and the token", async () => {
    const { cache, store, ends, idle } = open();
    store.put(answer());
    await idle();
    expect(ends).toEqual(["stored"]);
    const [{ path, authorization, body }] = cache.received as [Received];
    expect([path, authorization]).toEqual(["/v1/cache", "Bearer the-token"]);
    expect(body).toEndWith(',"response":{"id": "a",\n "n": 1.0}}');
    expect(JSON.parse(body)).toEqual({
      cacheKey: "key",
      metadata: { user: "ada", team: null, sessionId: "s1" },
      response: { id: "a", n: 1 },
    });
  });

  test("a few at a time; what waits is bounded in number and in size; the rest is dropped", async () => {
    const { cache, store, ends, idle } = open({ waitingMax: 3, waitingCharactersMax: 100 });
    cache.set({ isHeld: true });
    for (let at = 0; at < 2; at++) store.put(answer());
    store.put(answer('"'.padEnd(90, "x")));
    store.put(answer("x".repeat(11)));
    expect(ends).toEqual(["dropped"]);
    for (let at = 0; at < 3; at++) store.put(answer("1"));
    expect([ends, store.pending()]).toEqual([["dropped", "dropped"], 5]);
    while (cache.received.length < 2) await Bun.sleep(2);
    cache.set({ isHeld: false });
    await idle();
    expect(ends.filter((end) => end === "stored")).toHaveLength(5);
    expect(cache.runningMax()).toBe(2);
  });

  test("a cache that refuses, is too slow or is gone is passed over, and serves again when it is back", async () => {
    const { cache, store, ends, idle } = open({ timeoutMs: 60 });
    cache.set({ status: 413 });
    store.put(answer());
    await idle();
    cache.set({ status: 200, isHeld: true });
    store.put(answer());
    await idle();
    cache.set({ isHeld: false });
    store.put(answer());
    await idle();
    expect(ends).toEqual(["refused", "failed", "stored"]);
    const gone = open({ url: "http://127.0.0.1:9" });
    gone.store.put(answer());
    await gone.idle();
    expect(gone.ends).toEqual(["failed"]);
  });
});
