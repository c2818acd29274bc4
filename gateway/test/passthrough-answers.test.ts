// Answers reach the caller as the provider sent them: compressed ones stay compressed, headers pass, and what belongs
// to the connection or tells of the provider's origin does not.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { promisify } from "node:util";
import zlib from "node:zlib";
import { cassetteNamed } from "@anyray/shared/testing/cassettes";
import { startFakeProvider } from "@anyray/shared/testing/fake-provider";
import { headerOf } from "@anyray/shared/testing/request-reader";
import { startGateway, type TestGateway } from "./harness";
import { connectRaw, headersNamed, type RawAnswer, rawRequest } from "./raw-http";
import { cutAsAsked, startTapeProvider, type Tape } from "./tape-provider";

const encodings = ["gzip", "br", "zstd", "deflate"] as const;
type Encoding = (typeof encodings)[number];
const compress: Record<Encoding, (bytes: Uint8Array) => Promise<Buffer>> = {
  gzip: promisify(zlib.gzip) as (bytes: Uint8Array) => Promise<Buffer>,
  br: promisify(zlib.brotliCompress) as (bytes: Uint8Array) => Promise<Buffer>,
  zstd: promisify(zlib.zstdCompress) as (bytes: Uint8Array) => Promise<Buffer>,
  deflate: promisify(zlib.deflate) as (bytes: Uint8Array) => Promise<Buffer>,
};

let tape: Tape = { status: 200, headers: [], pieces: [] };
const provider = startTapeProvider((request) => {
  const cuts = headerOf(request, "x-cuts");
  return cuts ? { ...tape, pieces: cutAsAsked(request, tape.pieces[0]!) } : tape;
});
const fake = startFakeProvider();
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    env: { ANYRAY_PROVIDER_URL_OPENAI: provider.url, ANYRAY_PROVIDER_URL_FAKE: fake.url },
  });
});
afterAll(() => {
  provider.stop();
  fake.stop();
});

async function post(path: string, body: string | Uint8Array, headers: [string, string][] = []): Promise<RawAnswer> {
  const client = await connectRaw(gateway.url);
  const answer = await client.ask(rawRequest("POST", path, [["content-type", "application/json"], ...headers], body));
  client.close();
  return answer;
}

const chat = JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "Name three rivers." }] });
const asking = `${chat.slice(0, -1)},"stream":true,"stream_options":{"include_usage":true}}`;
const notAsking = `${chat.slice(0, -1)},"stream":true}`;
const newestRow = async () => (await gateway.rows("limit=1"))[0]!;

for (const encoding of encodings) {
  test(`a plain answer in ${encoding} is not touched, and metered all the same`, async () => {
    const { response, usage } = cassetteNamed("chat-json");
    const body = await compress[encoding](response.body);
    for (const framing of ["length", "chunks"]) {
      const length = framing === "length" ? [["content-length", String(body.length)] as const] : [];
      const headers = [["content-type", "application/json"], ["content-encoding", encoding], ...length] as const;
      tape = { status: 200, headers, pieces: [body] };
      const answer = await post("/v1/chat/completions", chat, [["accept-encoding", encoding]]);
      expect([framing, answer.isWhole, answer.body.equals(body)]).toEqual([framing, true, true]);
      expect(headersNamed(answer, "content-encoding")).toEqual([encoding]);
      expect(headersNamed(answer, "content-length")).toEqual([String(body.length)]);
      expect(await newestRow()).toMatchObject({
        estimated: false,
        inputTokens: usage!.inputTokens,
        cachedInputTokens: usage!.cachedInputTokens,
        outputTokens: usage!.outputTokens,
      });
    }
  });

  test(`a stream in ${encoding} is not touched when nothing is to be removed, wherever it is split`, async () => {
    for (const name of ["chat-stream-lookalike", "chat-stream-crlf"]) {
      const { response, usage } = cassetteNamed(name);
      const body = await compress[encoding](response.body);
      tape = {
        status: 200,
        headers: [...Object.entries(response.headers), ["content-encoding", encoding]],
        pieces: [body],
      };
      for (let at = 1; at < body.length; at += 37) {
        const answer = await post("/v1/chat/completions", asking, [["x-cuts", String(at)]]);
        expect([at, answer.isWhole, answer.body.equals(body)]).toEqual([at, true, true]);
        expect(headersNamed(answer, "content-encoding")).toEqual([encoding]);
      }
      expect(await newestRow()).toMatchObject({
        endReason: "completed",
        estimated: false,
        inputTokens: usage!.inputTokens,
        outputTokens: usage!.outputTokens,
      });
    }
  });

  test(`a stream in ${encoding} is inflated when a chunk must come out of it`, async () => {
    const { response, usage, usageChunk } = cassetteNamed("chat-stream-lookalike");
    const body = await compress[encoding](response.body);
    const expected = Buffer.concat([
      response.body.subarray(0, usageChunk!.start),
      response.body.subarray(usageChunk!.end),
    ]);
    const headers = [...Object.entries(response.headers), ["content-encoding", encoding] as const];
    tape = { status: 200, headers, pieces: [body] };
    for (let at = 1; at < body.length; at += 37) {
      const answer = await post("/v1/chat/completions", notAsking, [["x-cuts", String(at)]]);
      expect([at, answer.isWhole, answer.body.toString()]).toEqual([at, true, expected.toString()]);
      expect(headersNamed(answer, "content-encoding")).toEqual([]);
    }
    expect(await newestRow()).toMatchObject({
      endReason: "completed",
      estimated: false,
      inputTokens: usage!.inputTokens,
      outputTokens: usage!.outputTokens,
    });
  });
}

test("compressed events reach the caller one by one", async () => {
  const read = async (encoding: Encoding, body: string) => {
    const client = await connectRaw(gateway.url);
    const arrivals: number[] = [];
    const headers: [string, string][] = [
      ["content-type", "application/json"],
      ["x-anyray-provider", "fake"],
      ["x-fake", `encoding=${encoding} gap=40 chunks=8`],
    ];
    const answer = await client.ask(rawRequest("POST", "/v1/chat/completions", headers, body), () =>
      arrivals.push(performance.now()),
    );
    client.close();
    expect([encoding, answer.isWhole, arrivals.length > 5]).toEqual([encoding, true, true]);
    expect(arrivals.at(-1)! - arrivals[0]!).toBeGreaterThan(200);
  };
  await Promise.all(encodings.flatMap((encoding) => [read(encoding, asking), read(encoding, notAsking)]));
});

test("what is not JSON and no stream passes byte for byte, large and small", async () => {
  for (const bytes of [0, 1, 70_000, 3_000_000]) {
    const body = crypto.getRandomValues(new Uint8Array(Math.min(bytes, 65_536)));
    const whole = Buffer.concat(Array.from({ length: Math.ceil(bytes / 65_536) }, () => body)).subarray(0, bytes);
    tape = { status: 200, headers: [["content-type", "audio/mpeg"]], pieces: bytes === 0 ? [] : [whole] };
    const answer = await post("/v1/audio/speech", JSON.stringify({ model: "tts-1", input: "hello" }));
    expect([bytes, answer.isWhole, answer.body.equals(whole)]).toEqual([bytes, true, true]);
    expect(headersNamed(answer, "content-type")).toEqual(["audio/mpeg"]);
  }
});

test("an answer too large to be read whole passes all the same", async () => {
  const bytes = 70_000_000;
  const hashOf = async (url: string, fakeHow: string) => {
    const headers = { "content-type": "application/json", "x-anyray-provider": "fake", "x-fake": fakeHow };
    const response = await fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body: chat });
    const hasher = new Bun.CryptoHasher("sha256");
    let seen = 0;
    for await (const chunk of response.body!) {
      seen += chunk.length;
      hasher.update(chunk);
    }
    return [response.status, seen, hasher.digest("hex")];
  };
  for (const framing of ["", "split=1000000"]) {
    const fakeHow = `body-bytes=${bytes} ${framing}`;
    const through = await hashOf(gateway.url, fakeHow);
    expect([framing, ...through]).toEqual([framing, ...(await hashOf(fake.url, fakeHow))]);
    expect(through.slice(0, 2)).toEqual([200, bytes]);
    expect(await newestRow()).toMatchObject({ endReason: "completed", estimated: true });
  }
}, 20_000);

test("a provider's error passes as it is: status, headers, body, not JSON included", async () => {
  const bodies = ['{"error": {"message":"no",\n "type":"x"}}', "<html>Bad gateway</html>", "\xff\xfe\x00", ""];
  for (const status of [400, 401, 403, 404, 409, 413, 422, 429, 451, 500, 502, 503, 529]) {
    for (const text of bodies) {
      const body = Buffer.from(text, "latin1");
      const headers = [
        ["content-type", "application/problem+json"],
        ["retry-after", "7"],
        ["x-should-retry", "true"],
      ] as const;
      tape = { status, headers, pieces: body.length > 0 ? [body] : [] };
      const answer = await post("/v1/chat/completions", notAsking);
      expect([status, answer.status, answer.body.equals(body)]).toEqual([status, status, true]);
      expect(headersNamed(answer, "retry-after")).toEqual(["7"]);
      expect(headersNamed(answer, "x-should-retry")).toEqual(["true"]);
      expect(headersNamed(answer, "x-anyray-error")).toEqual([]);
    }
  }
  expect(await newestRow()).toMatchObject({ status: 529, endReason: "completed", inputTokens: 0, costUsd: 0 });
});

test("response headers: unknown ones pass, cookies one by one, hop-by-hop and origin ones do not", async () => {
  const { response } = cassetteNamed("chat-json");
  const passing: [string, string][] = [
    ["content-type", "application/json; charset=utf-8; odd=yes"],
    ["x-request-id", "req_1"],
    ["openai-processing-ms", "12"],
    ["x-ratelimit-remaining-tokens", "149984"],
    ["anthropic-organization-id", "org"],
    ["X-Unheard-Of", "  spaced   value  "],
    ["x-latin", "caf\xe9"],
    ["cache-control", "no-store"],
    ["etag", 'W/"1"'],
    ["set-cookie", "a=1; Path=/; HttpOnly"],
    ["set-cookie", "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT"],
    ["date", "Mon, 02 Nov 2026 10:00:00 GMT"],
    ["server", "provider/1"],
  ];
  const stopped: [string, string][] = [
    ["connection", "keep-alive, X-Nominated"],
    ["x-nominated", "one hop only"],
    ["keep-alive", "timeout=5"],
    ["proxy-authenticate", "Basic realm=x"],
    ["trailer", "x-trailer"],
    ["upgrade", "h2c"],
    ["alt-svc", 'h3=":443"'],
    ["strict-transport-security", "max-age=31536000"],
    ["x-anyray-cost-usd", "999"],
    ["x-anyray-request-id", "not-ours"],
    ["x-anyray-error", "not-ours"],
  ];
  for (const body of [chat, asking]) {
    const kind: [string, string][] = body === asking ? [["content-type", "text/event-stream"]] : [];
    const headers = [...passing.slice(kind.length), ...kind, ...stopped];
    tape = { status: 200, headers, pieces: [body === asking ? Buffer.from("data: [DONE]\n\n") : response.body] };
    const answer = await post("/v1/chat/completions", body);
    for (const name of new Set([...passing.slice(kind.length), ...kind].map(([each]) => each.toLowerCase()))) {
      const sent = [...passing.slice(kind.length), ...kind].filter(([each]) => each.toLowerCase() === name);
      expect([name, headersNamed(answer, name)]).toEqual([name, sent.map(([, value]) => value.trim())]);
    }
    for (const [name, value] of stopped)
      expect([name, headersNamed(answer, name).includes(value)]).toEqual([name, false]);
    expect(headersNamed(answer, "x-anyray-request-id")[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(headersNamed(answer, "x-anyray-request-id")).toHaveLength(1);
    expect(headersNamed(answer, "x-anyray-cost-usd")).toHaveLength(body === chat ? 1 : 0);
  }
});

test("an answer without a body, and one to HEAD, end at once", async () => {
  tape = { status: 204, headers: [["content-length", "0"]], pieces: [] };
  const empty = await post("/v1/responses/resp_1/cancel", "{}");
  expect([empty.status, empty.body.length, empty.isWhole]).toEqual([204, 0, true]);
  const response = await fetch(`${gateway.url}/v1/models`, {
    method: "HEAD",
    headers: { "x-anyray-provider": "fake" },
  });
  expect(response.status).toBe(200);
  expect(await response.text()).toBe("");
});
