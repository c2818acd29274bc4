// Memory does not grow with the number of calls: not with whole ones, not with abandoned ones, not with names that were
// never seen before, and not with refusals. Read from the system, after a warm-up.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type FakeProvider, startFakeProvider } from "@anyray/shared/testing/fake-provider";
import { startGateway, type TestGateway, until } from "./harness";
import { rawRequest } from "./raw-http";

// A start alone takes seconds on a busy machine.
setDefaultTimeout(20_000);

/** The least that is a provider: it costs next to nothing, so that what is measured is the gateway. */
function startConstantProvider() {
  const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
  const body = JSON.stringify({ id: "x", object: "chat.completion", model: "gpt-4o", choices: [], usage });
  const answer = Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  return Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, bytes) {
        // Each of the requests here ends so, and nothing else in them does.
        if (bytes.at(-1) === 0x7d) socket.write(answer);
      },
    },
  });
}

const provider = startConstantProvider();
let streams: FakeProvider;
let gateway: TestGateway;
beforeAll(async () => {
  streams = startFakeProvider({ receivedMax: 1 });
  gateway = await startGateway({
    env: {
      ANYRAY_PROVIDER_URL_OPENAI: `http://127.0.0.1:${provider.port}`,
      ANYRAY_PROVIDER_URL_STREAMS: streams.url,
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  provider.stop(true);
  streams.stop();
});

/** The heap breathes by half of it. A single kilobyte kept of each of 100,000 calls would be 100 MB. */
const growthBytesMax = 64 * 1_048_576;
const residentBytes = () =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${gateway.process.pid}/status`, "utf8"))?.[1]) * 1_024;

/** The least of some samples: garbage that is about to be collected is no growth. */
async function settledBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let sample = 0; sample < 5; sample++) {
    least = Math.min(least, residentBytes());
    await Bun.sleep(100);
  }
  return least;
}

const chat = '{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}]}';
const json = ["content-type", "application/json"] as const;

/** Sends `count` calls over `width` kept connections, one after the other on each. Resolves with how many got `status`. */
function sendMany(
  count: number,
  width: number,
  status: number,
  requestOf: (nth: number) => Uint8Array,
): Promise<number> {
  const head = Buffer.from(`HTTP/1.1 ${status} `);
  const { hostname, port } = new URL(gateway.url);
  let next = 0;
  let right = 0;
  let open = width;
  return new Promise((resolve, reject) => {
    for (let index = 0; index < width; index++) {
      void Bun.connect({
        hostname,
        port: Number(port),
        socket: {
          open: (socket) => void socket.write(requestOf(next++)),
          data(socket, bytes) {
            // Small answers come in one piece.
            if (!bytes.subarray(0, head.length).equals(head)) return reject(new Error(bytes.toString("latin1")));
            right += 1;
            if (next < count) return void socket.write(requestOf(next++));
            socket.end();
          },
          close() {
            open -= 1;
            if (open === 0) resolve(right);
          },
        },
      });
    }
  });
}

test("100,000 calls", async () => {
  const request = rawRequest("POST", "/v1/chat/completions", [json, ["x-anyray-metadata", '{"user":"ada"}']], chat);
  const warmUp = 20_000;
  await sendMany(warmUp, 48, 200, () => request);
  const before = await settledBytes();
  expect(await sendMany(100_000, 48, 200, () => request)).toBe(100_000);
  expect((await settledBytes()) - before).toBeLessThan(growthBytesMax);
  const { totals } = await gateway.admin<{ totals: { requests: number } }>("GET", "/admin/spend");
  expect(totals.requests).toBe(warmUp + 100_000);
}, 90_000);

test("15,000 calls by users, teams, sessions, labels and models never seen before", async () => {
  const requestOf = (nth: number, kind = "n") => {
    const name = `${nth}-${kind.repeat(60)}`;
    const metadata = JSON.stringify({ user: name, team: name, session: name, tool: name, [name]: name });
    return rawRequest(
      "POST",
      "/v1/chat/completions",
      [json, ["x-anyray-metadata", metadata]],
      `{"model":"gpt-${name}","messages":[{"role":"user","content":"Hello"}]}`,
    );
  };
  // What names of any number cost once, such as the stores' own buffers, is not what is asked here.
  await sendMany(5_000, 48, 200, (nth) => requestOf(nth, "w"));
  const before = await settledBytes();
  expect(await sendMany(15_000, 48, 200, (nth) => requestOf(nth))).toBe(15_000);
  expect((await settledBytes()) - before).toBeLessThan(growthBytesMax);
}, 60_000);

test("10,000 refusals", async () => {
  await gateway.admin("PUT", "/admin/user-caps", { user: "over", monthlyTokens: 0 });
  const capped = rawRequest("POST", "/v1/chat/completions", [json, ["x-anyray-metadata", '{"user":"over"}']], chat);
  const before = await settledBytes();
  expect(await sendMany(10_000, 48, 429, () => capped)).toBe(10_000);
  expect((await settledBytes()) - before).toBeLessThan(growthBytesMax);
}, 60_000);

test("5,000 streams that are abandoned in the middle", async () => {
  const headers = [json, ["x-anyray-provider", "streams"], ["x-fake", "silent-after=2"]] as const;
  const request = rawRequest("POST", "/v1/chat/completions", headers, `${chat.slice(0, -1)},"stream":true}`);
  const { hostname, port } = new URL(gateway.url);
  const abandon = () =>
    new Promise<void>((resolve) => {
      void Bun.connect({
        hostname,
        port: Number(port),
        socket: {
          open: (socket) => void socket.write(request),
          data: (socket, bytes) => void (bytes.includes("data: ") && socket.terminate()),
          close: () => resolve(),
        },
      });
    });
  const abandonMany = async (count: number) => {
    for (let left = count; left > 0; left -= 100) await Promise.all(Array.from({ length: 100 }, abandon));
    await until(() => streams.inFlight() === 0, 10_000);
  };
  await abandonMany(1_000);
  const before = await settledBytes();
  await abandonMany(5_000);
  expect((await settledBytes()) - before).toBeLessThan(growthBytesMax);
  const health = await gateway.admin<{ calls: { active: number } }>("GET", "/admin/health");
  expect(health.calls.active).toBe(0);
}, 60_000);
