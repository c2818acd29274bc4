// HTTP/2 to providers keeps its promise: few connections for many calls, no call in another's way, none lost or sent
// twice when a provider takes a connection back; and it can be switched off.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type H2Provider, startH2Provider } from "./h2-provider";
import { startGateway, type TestGateway, until } from "./harness";
import { rawRequest } from "./raw-http";

// A start alone takes seconds on a busy machine.
setDefaultTimeout(20_000);

const directory = mkdtempSync(join(tmpdir(), "anyray-h2-"));
let provider: H2Provider;
let gateway: TestGateway;

const environment = (env: Record<string, string> = {}) => ({
  ANYRAY_PROVIDER_URL_OPENAI: provider.url,
  NODE_EXTRA_CA_CERTS: join(directory, "provider.pem"),
  ...env,
});

beforeAll(async () => {
  provider = await startH2Provider();
  await Bun.write(join(directory, "provider.pem"), provider.cert);
  gateway = await startGateway({ env: environment() });
});
afterAll(() => {
  provider.stop();
  rmSync(directory, { recursive: true, force: true });
});

interface Asked {
  stream?: boolean;
  wish?: string;
  body?: object;
  signal?: AbortSignal;
}

function call(
  id: string,
  { stream = false, wish = "", body = {}, signal }: Asked = {},
  url = gateway.url,
): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-call-id": id,
      "x-h2": wish,
      "x-anyray-metadata": JSON.stringify({ session: id }),
    },
    body: JSON.stringify({ model: "gpt-4o", messages: [], stream, stream_options: { include_usage: true }, ...body }),
    ...(signal ? { signal } : {}),
  });
}

const many = <T>(count: number, make: (nth: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, nth) => make(nth)));
const protocols = (prefix: string) => [
  ...new Set([...provider.calls.values()].filter(({ id }) => id.startsWith(prefix)).map(({ protocol }) => protocol)),
];

/** The numbers of the events that came, and whether the end was the provider's own. */
function read(text: string, id: string) {
  const events = text.split("\n\n").filter((event) => event.startsWith("data: {"));
  const numbers = events.flatMap((event) => {
    const json = JSON.parse(event.slice(6));
    if (json.id !== id && !json.error) throw new Error(`an event of ${json.id} in ${id}`);
    return json.choices?.[0] ? [Number.parseInt(json.choices[0].delta.content, 10)] : [];
  });
  return {
    numbers,
    isWhole: text.endsWith("data: [DONE]\n\n"),
    isBroken: text.includes('"code":"upstream_unreachable"'),
  };
}

const upTo = (count: number) => Array.from({ length: count }, (_, nth) => nth);

test("200 plain calls at once, each with its own answer, over few connections", async () => {
  for (const round of [1, 2]) {
    const before = provider.connections();
    const answers = await many(200, async (nth) => {
      const answer = await call(`plain ${round} ${nth}`, { wish: "gap=100" });
      return [answer.status, ((await answer.json()) as { id: string }).id];
    });
    expect(answers).toEqual(upTo(200).map((nth) => [200, `plain ${round} ${nth}`]));
    // One call a connection would be 200.
    expect(provider.connections() - before).toBeLessThan(round === 1 ? 20 : 5);
  }
  expect([protocols("plain"), provider.repeated]).toEqual([["h2"], []]);
});

test("200 streams at once: every event of each, in order, and exact rows", async () => {
  const answers = await many(200, async (nth) => {
    const answer = await call(`stream ${nth}`, { stream: true, wish: "events=20,gap=3" });
    return read(await answer.text(), `stream ${nth}`);
  });
  for (const answer of answers) expect(answer).toEqual({ numbers: upTo(20), isWhole: true, isBroken: false });
  const rows = (await gateway.rows()).filter(({ session }) => session?.startsWith("stream "));
  expect(rows).toHaveLength(200);
  for (const row of rows) {
    expect(row).toMatchObject({
      status: 200,
      endReason: "completed",
      estimated: false,
      inputTokens: 11,
      outputTokens: 7,
    });
  }
});

test("a call that is abandoned is reset alone: its neighbours on the connection go on", async () => {
  const before = provider.connections();
  const staying = many(20, async (nth) =>
    read(await (await call(`staying ${nth}`, { stream: true, wish: "events=40,gap=10" })).text(), `staying ${nth}`),
  );
  await many(60, async (nth) => {
    const control = new AbortController();
    const answer = await call(`leaving ${nth}`, { stream: true, wish: "events=1000,gap=10", signal: control.signal });
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    for (let chunks = nth % 4; chunks >= 0; chunks--) await reader.read();
    control.abort();
    await reader.read().catch(() => null);
  });
  const leaving = () => [...provider.calls.values()].filter(({ id }) => id.startsWith("leaving "));
  await until(() => leaving().every(({ end }) => end === "reset"), 2_000);
  expect(leaving()).toHaveLength(60);
  for (const answer of await staying) expect(answer).toEqual({ numbers: upTo(40), isWhole: true, isBroken: false });
  expect(provider.connections() - before).toBeLessThan(5);
  const rows = (await gateway.rows()).filter(({ session }) => session?.startsWith("leaving "));
  expect(rows.map((row): string => row.endReason)).toEqual(Array(60).fill("client_aborted"));
});

test("a caller who does not read holds up nobody else on the connection", async () => {
  const { hostname, port } = new URL(gateway.url);
  const headers = [
    ["x-call-id", "stalled"],
    ["x-h2", "events=400,bytes=100000"],
    ["content-type", "application/json"],
  ] as const;
  const body = JSON.stringify({ model: "gpt-4o", messages: [], stream: true, stream_options: { include_usage: true } });
  const stalled = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      open: (socket) => void socket.write(rawRequest("POST", "/v1/chat/completions", headers, body)),
      data: (socket) => void socket.pause(),
    },
  });
  await until(() => provider.calls.has("stalled"));
  await Bun.sleep(300);
  const answers = await many(50, async (nth) => (await call(`beside ${nth}`)).status);
  expect(new Set(answers)).toEqual(new Set([200]));
  // Forty megabytes are more than all the buffers on the way: it is held, and nothing of it is given up.
  expect(provider.calls.get("stalled")?.end).toBe("running");
  stalled.terminate();
  await until(() => provider.calls.get("stalled")?.end === "reset");
});

test("a connection that the provider takes back costs no call, and none is sent twice", async () => {
  let answered = 0;
  const statuses: number[] = [];
  const worker = async (first: number) => {
    for (let nth = first; nth < 600; nth += 20) {
      const stream = nth % 3 === 0;
      const answer = await call(`back ${nth}`, { stream, wish: stream ? "events=4,gap=2" : "" });
      const text = await answer.text();
      statuses.push(answer.status);
      if (stream && answer.ok) expect([nth, read(text, `back ${nth}`).isWhole]).toEqual([nth, true]);
      answered += 1;
      if (answered % 25 === 0) provider.goAway();
    }
  };
  const before = provider.connections();
  await many(20, worker);
  expect(provider.connections() - before).toBeGreaterThan(5);
  expect(provider.repeated).toEqual([]);
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  expect((await gateway.rows()).filter(({ session }) => session?.startsWith("back "))).toHaveLength(600);
});

test("a connection that breaks ends each of its streams with an error, and the next call is served", async () => {
  const streams = many(20, async (nth) =>
    read(await (await call(`broken ${nth}`, { stream: true, wish: "events=1000,gap=10" })).text(), `broken ${nth}`),
  );
  const running = () => [...provider.calls.values()].filter(({ id }) => id.startsWith("broken ")).length === 20;
  await until(running);
  await Bun.sleep(100);
  provider.breakAll();
  for (const { numbers, isWhole, isBroken } of await streams) {
    expect([numbers, isWhole, isBroken]).toEqual([upTo(numbers.length), false, true]);
  }
  const rows = (await gateway.rows()).filter(({ session }) => session?.startsWith("broken "));
  expect(rows.map((row) => [row.endReason, row.estimated])).toEqual(Array(20).fill(["upstream_failed", true]));
  expect((await call("after the break")).status).toBe(200);
  expect(provider.repeated).toEqual([]);
});

test("a stream that the provider resets before its answer is a 502, alone, and is not sent again", async () => {
  const [reset, ...others] = await Promise.all([
    call("reset", { wish: "reset=1" }),
    ...upTo(5).map((nth) => call(`not reset ${nth}`, { wish: "gap=50" })),
  ]);
  expect([reset!.status, reset!.headers.get("x-anyray-error")]).toEqual([502, "upstream_unreachable"]);
  expect(others.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(provider.repeated).toEqual([]);
});

test("a large request and a large answer pass whole", async () => {
  const pad = "x".repeat(8 * 1_048_576);
  const answer = await call("large", { stream: true, wish: "events=100,bytes=100000", body: { pad } });
  expect(read(await answer.text(), "large")).toEqual({ numbers: upTo(100), isWhole: true, isBroken: false });
  expect(provider.calls.get("large")?.bodyBytes).toBeGreaterThan(pad.length);
});

test("ANYRAY_UPSTREAM_HTTP2=false: the same calls over HTTP/1.1", async () => {
  const plain = await startGateway({ env: environment({ ANYRAY_UPSTREAM_HTTP2: "false" }) });
  const answers = await many(100, async (nth) => {
    const stream = nth % 2 === 0;
    const answer = await call(`old ${nth}`, { stream, wish: "gap=5" }, plain.url);
    const text = await answer.text();
    return [answer.status, stream ? read(text, `old ${nth}`).isWhole : JSON.parse(text).id === `old ${nth}`];
  });
  expect(answers).toEqual(Array(100).fill([200, true]));
  expect(protocols("old")).toEqual(["http/1.1"]);
});
