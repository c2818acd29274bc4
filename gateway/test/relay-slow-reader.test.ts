// A caller that reads slowly holds its provider back: the gateway keeps neither the answer nor a growing queue of it.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { type Exchange, listenHttp } from "@anyray/shared/testing/fake-http";
import { startGateway, type TestGateway, until } from "./harness";
import { callBytes, streamedApis } from "./stream-calls";

const mib = 1_048_576;
const answerBytes = 200 * mib;
const growthBytesMax = 40 * mib;

/** Events of 16 KiB each, as fast as the connection takes them; small ones first, as a meter sees most of the time. */
const event = Buffer.from(`data: {"choices":[{"index":0,"delta":{"content":"${"x".repeat(16_384 - 57)}"}}]}\n\n`);
const ending = Buffer.from(
  'data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":9}}\n\ndata: [DONE]\n\n',
);
/** Bytes of the body that the kernel has taken from the provider. */
let taken = 0;

async function pour(exchange: Exchange): Promise<void> {
  const type = exchange.request.path.endsWith("/speech") ? "audio/mpeg" : "text/event-stream";
  exchange.write(`HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ntransfer-encoding: chunked\r\n\r\n`);
  const batch = Buffer.concat(Array.from({ length: 16 }, () => event));
  const bytesMax = Number(new URLSearchParams(exchange.request.query).get("bytes"));
  for (let sent = 0; sent < bytesMax && !exchange.gone; sent += batch.length) {
    exchange.write(`${batch.length.toString(16)}\r\n`);
    await new Promise<void>((resolve) => {
      exchange.onGone = () => resolve();
      exchange.write(batch, () => {
        taken += batch.length;
        resolve();
      });
      exchange.write("\r\n");
      exchange.flush();
    });
  }
  exchange.write(`${ending.length.toString(16)}\r\n${ending}\r\n0\r\n\r\n`);
  exchange.flush();
  exchange.finish();
}

const provider = listenHttp({ hostname: "127.0.0.1", port: 0, onRequest: (exchange) => void pour(exchange) });
let gateway: TestGateway;
beforeAll(async () => {
  // What a trace tapes of an answer has a bound and tests of its own; here it is the relay that must keep nothing.
  const env = { ANYRAY_PROVIDER_URL_OPENAI: `http://127.0.0.1:${provider.port}`, ANYRAY_TRACES: "false" };
  gateway = await startGateway({ env });
});
afterAll(() => provider.stop());

/** Resident memory of the gateway. */
function residentBytes(): number {
  const status = readFileSync(`/proc/${gateway.process.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024;
}

/** The largest resident memory seen until `stop`. */
function watchMemory(): { stop(): number } {
  let peak = residentBytes();
  const timer = setInterval(() => {
    peak = Math.max(peak, residentBytes());
  }, 20);
  return {
    stop() {
      clearInterval(timer);
      return Math.max(peak, residentBytes());
    },
  };
}

const chat = streamedApis[0]!;
const kinds = {
  "events, metered": chat,
  "events, with the usage chunk taken out": { ...chat, body: { ...chat.body, stream_options: undefined } },
  "bytes that nobody looks into": { path: "/v1/audio/speech", body: { model: "tts-1", input: "x" } },
};

/** Reads an answer; stands still where `pauseAt` bytes have come, until told to go on. Returns what came in all. */
async function read(kind: keyof typeof kinds, bytes: number, atPause: (() => Promise<void>) | null): Promise<number> {
  const { path, body } = kinds[kind];
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  let seen = 0;
  let pausing: Promise<void> | null = null;
  let last = Buffer.alloc(0);
  const over = Promise.withResolvers<void>();
  socket.on("data", (chunk: Buffer) => {
    seen += chunk.length;
    last = Buffer.concat([last, chunk]).subarray(-64);
    if (last.includes("0\r\n\r\n")) over.resolve();
    if (atPause && !pausing && seen > 2 * mib) {
      socket.pause();
      pausing = atPause().then(() => void socket.resume());
    }
  });
  socket.on("error", over.reject);
  socket.on("close", () => over.resolve());
  socket.write(callBytes({ path: `${path}?bytes=${bytes}`, body }, kind, ""));
  await over.promise;
  await pausing;
  socket.destroy();
  return seen;
}

for (const kind of Object.keys(kinds) as (keyof typeof kinds)[]) {
  test(`a slow reader of ${kind}`, async () => {
    // What the runtime takes once is not growth.
    await read(kind, 20 * mib, null);
    const before = residentBytes();
    const memory = watchMemory();
    taken = 0;
    const seen = await read(kind, answerBytes, async () => {
      // The provider stands still when all buffers between it and the reader are full.
      let standing = -1;
      await until(async () => {
        const isStill = taken === standing;
        standing = taken;
        await Bun.sleep(150);
        return isStill;
      }, 10_000);
      expect(taken).toBeLessThan(growthBytesMax);
      await Bun.sleep(300);
      expect(taken).toBe(standing);
    });
    expect(seen).toBeGreaterThan(answerBytes);
    expect(memory.stop() - before).toBeLessThan(growthBytesMax);
  }, 60_000);
}

test("a reader that never goes on is no hindrance to others, and its leaving lets the provider go", async () => {
  const { hostname, port } = new URL(gateway.url);
  const stuck = connect(Number(port), hostname);
  stuck.on("data", () => stuck.pause());
  stuck.on("error", () => {});
  taken = 0;
  stuck.write(callBytes({ ...chat, path: `${chat.path}?bytes=${answerBytes}` }, "stuck", ""));
  await until(() => taken > 0 && provider.inFlight() === 1);
  expect(await read("events, metered", mib, null)).toBeGreaterThan(mib);
  expect(provider.inFlight()).toBe(1);
  stuck.destroy();
  await until(() => provider.inFlight() === 0);
  const rows = await until(async () => {
    const found = await gateway.rows("session=stuck");
    return found.length > 0 ? found : null;
  });
  expect(rows).toMatchObject([{ endReason: "client_aborted", estimated: true }]);
});
