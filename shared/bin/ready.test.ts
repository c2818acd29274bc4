import { expect, test } from "bun:test";
import { waitUntilReady } from "./ready";

const quick = { pidOf: () => 1, everyMs: 10, slowAfterMs: 100, onSlow: () => {}, signal: new AbortController().signal };

function answering(...statuses: number[]) {
  const paths: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      paths.push(new URL(request.url).pathname);
      return new Response("store: connecting\n", {
        status: (statuses.length > 1 ? statuses.shift() : statuses[0]) ?? 200,
      });
    },
  });
  return { paths, server, target: { name: "gateway", host: "0.0.0.0", port: Number(server.port) } };
}

test("waits for two answers of 200 in a row", async () => {
  const { paths, server, target } = answering(503, 200, 503, 200, 200);
  expect(await waitUntilReady([target], quick)).toBe(true);
  expect(paths).toEqual(Array(5).fill("/ready"));
  await server.stop(true);
});

test("answers under another process id start anew, and none is asked for a service that is not running", async () => {
  const { paths, server, target } = answering(200);
  const pids = [undefined, undefined, 7, 8, undefined, 9, 9];
  expect(await waitUntilReady([target], { ...quick, pidOf: () => pids.shift() })).toBe(true);
  expect(pids).toEqual([]);
  expect(paths).toHaveLength(4);
  await server.stop(true);
});

test("says once, after a while, what each service lacks", async () => {
  const { server, target } = answering(503);
  const abort = new AbortController();
  const said: string[][] = [];
  const nobody = { name: "console", host: "127.0.0.1", port: 1 };
  const done = waitUntilReady([target, nobody], { ...quick, signal: abort.signal, onSlow: (why) => said.push(why) });
  await Bun.sleep(300);
  abort.abort();
  expect(await done).toBe(false);
  expect(said).toEqual([["gateway: 503 store: connecting", "console: ECONNREFUSED"]]);
  await server.stop(true);
});
