// Promise: a body that cannot be read is refused clearly, cheaply and before anything is sent on, and nobody else waits.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import zlib from "node:zlib";
import {
  type BadWorld,
  chatBody,
  expectError,
  messageBody,
  openBadWorld,
  promptCanary,
  secretCanary,
} from "./bad-world";
import { connectRaw, headersNamed, rawRequest } from "./raw-http";

// A start alone takes seconds on a busy machine.
setDefaultTimeout(20_000);

const bodyBytesMax = 65_536;

let world: BadWorld;
let roomy: BadWorld;
beforeAll(async () => {
  [world, roomy] = await Promise.all([openBadWorld({ ANYRAY_MAX_BODY_BYTES: String(bodyBytesMax) }), openBadWorld()]);
});
afterAll(() => Promise.all([world.stop(), roomy.stop()]));

const json = ["content-type", "application/json"] as const;
const chatText = JSON.stringify(chatBody);
const capped = [
  ["openai", "/v1/chat/completions"],
  ["openai", "/v1/completions"],
  ["openai", "/v1/embeddings"],
  ["openai", "/v1/responses"],
  ["anthropic", "/v1/messages"],
] as const;
const invalidJson = { status: 400, code: "invalid_json", type: "invalid_request_error" } as const;

/** `chatText` padded to exactly so many bytes. */
function sized(bytes: number): string {
  return `${" ".repeat(bytes - chatText.length)}${chatText}`;
}

test("a body that is no JSON object is refused on every capped route, in its protocol", async () => {
  const empty = ["", " ", "\r\n"];
  const broken = ["{", '{"model":', "{]", "{'model':1}", '{"a":1,}', "{} {}", "[1,2", "NaN", "undefined", "\0", "{\0}"];
  broken.push("// {}", '{"a":01}', '{"a":"\n"}', '{"a":"\\x"}', "\ufeff\ufeff{}", `{"a":${promptCanary}}`);
  broken.push(secretCanary, "<xml/>", "model=gpt-4o", "--boundary\r\n", "{\u2028", '{"a":1}\u00a0');
  const others = ["[]", "[{}]", "null", "true", "1", '"{}"', "-0", "1e999"];
  const binary = [
    Buffer.from([0xff, 0xfe, 0x7b, 0]),
    Buffer.from(chatText, "utf16le"),
    Buffer.from('{"a":"\xe9"}', "latin1"),
  ];
  binary.push(
    Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]),
    Buffer.from([0x7b, 0xc0, 0x80, 0x7d]),
  );
  await world.unnoticed(async () => {
    for (const [protocol, path] of capped) {
      const refused = async (body: string | Uint8Array, message: RegExp) => {
        const answer = await world.ask("POST", path, [json], body);
        expectError(answer, { ...invalidJson, protocol, message });
      };
      await refused("", /has no body/);
      for (const body of [...empty.slice(1), ...broken]) await refused(body, /is not valid JSON/);
      for (const body of others) await refused(body, /is JSON, but not an object/);
      for (const body of binary) await refused(body, /not valid (UTF-8|JSON)/);
    }
  });
});

test("what looks odd but is a JSON object goes on", async () => {
  await world.unharmed(async () => {
    for (const body of [
      `\ufeff${chatText}`,
      `\r\n\t ${chatText} \n`,
      chatText.replace("Hello", "\\u0000\\ud800 \u2028 \x7f"),
    ]) {
      const answer = await world.ask("POST", "/v1/chat/completions", [json], body);
      // Whether a byte order mark is welcome is for the provider to say.
      expect([body, headersNamed(answer, "x-anyray-error")]).toEqual([body, []]);
    }
    // Without a content type, or with another one: the route tells what it is.
    for (const type of [[], [["content-type", "text/plain"] as const]]) {
      expect((await world.ask("POST", "/v1/chat/completions", type, chatText)).status).toBe(200);
    }
    // "{}" is an object; that it names no model is the provider's to say.
    const answer = await world.ask("POST", "/v1/chat/completions", [json], "{}");
    expect([answer.status, headersNamed(answer, "x-anyray-error")]).toEqual([400, []]);
  });
});

test("ten megabytes of brackets are refused at once, and hold up nobody", async () => {
  const bytes = 10 * 1_048_576;
  const deep = [
    "[".repeat(bytes),
    '{"a":'.repeat(bytes / 5),
    `{"model":"gpt-4o","messages":${'[{"a":'.repeat(bytes / 6)}`,
  ];
  deep.push(`{"a":${"[".repeat(300)}${"]".repeat(300)},"b":"${"x".repeat(20_000)}"}`);
  await roomy.unnoticed(async () => {
    for (const body of deep) {
      const asking = roomy.ask("POST", "/v1/chat/completions", [json], body);
      let longestMs = 0;
      let isOver = false;
      const watching = (async () => {
        while (!isOver) {
          const startedAt = performance.now();
          await (await fetch(`${roomy.gateway.url}/health`)).bytes();
          longestMs = Math.max(longestMs, performance.now() - startedAt);
        }
      })();
      expectError(await asking, { ...invalidJson, message: /nested more than 256 levels/ });
      isOver = true;
      await watching;
      // Parsing such a body takes more than a second and a half of the one thread there is.
      expect(longestMs).toBeLessThan(800);
    }
  });
});

const tooLarge = { status: 413, code: "body_too_large", message: /larger than the 65536 bytes/ } as const;
const tooLargeType = { openai: "invalid_request_error", anthropic: "request_too_large" } as const;
const inChunks = (body: string | Uint8Array) =>
  Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), Buffer.from(body), Buffer.from("\r\n0\r\n\r\n")]);

test("a body over the limit is refused by its length, or as soon as it has come", async () => {
  const chunked = [json, ["transfer-encoding", "chunked"]] as const;
  await world.unnoticed(async () => {
    for (const [protocol, path] of [
      ...capped,
      ["openai", "/v1/audio/transcriptions"],
      ["openai", "/v1/models"],
    ] as const) {
      const expected = { ...tooLarge, protocol, type: tooLargeType[protocol] };
      expectError(await world.ask("POST", path, [json], sized(bodyBytesMax + 1)), expected);
      expectError(await world.ask("POST", path, chunked, inChunks(sized(bodyBytesMax + 1))), expected);
      // Neither waits for what will never come.
      expectError(await world.ask("POST", path, [json, ["content-length", "9007199254740991"]], "{"), expected);
      expectError(
        await world.ask("POST", path, chunked, inChunks("x".repeat(bodyBytesMax * 40)).subarray(0, -9)),
        expected,
      );
    }
  });
  await world.unharmed(async () => {
    expect((await world.ask("POST", "/v1/chat/completions", [json], sized(bodyBytesMax))).status).toBe(200);
    expect((await world.ask("POST", "/v1/chat/completions", chunked, inChunks(sized(bodyBytesMax)))).status).toBe(200);
  });
});

test("after a body that was refused before it had come, a kept connection gives no wrong answer", async () => {
  await world.unharmed(async () => {
    const before = world.fake.ledger.sum().requests;
    for (const framing of [
      ["content-length", String(bodyBytesMax * 4)],
      ["transfer-encoding", "chunked"],
    ] as const) {
      const client = await connectRaw(world.gateway.url);
      // What follows the refusal looks like a request of its own.
      const inner = Buffer.from(
        rawRequest("POST", "/v1/chat/completions", [json, ["x-call-id", "smuggled"]], chatText),
      );
      const text = Buffer.concat([Buffer.alloc(bodyBytesMax * 4 - inner.length, " "), inner]);
      const body = framing[0] === "content-length" ? text : inChunks(text);
      const refused = await client.ask(rawRequest("POST", "/v1/chat/completions", [json, framing], body));
      expect(refused.status).toBe(413);
      const next = await client.ask(rawRequest("GET", "/health", [])).catch(() => null);
      expect([null, 200]).toContain(next?.status ?? null);
      if (next) expect(JSON.parse(next.body.toString())).toMatchObject({ status: "ok" });
      client.close();
    }
    expect(world.fake.ledger.sum().requests).toBe(before);
  });
});

const compressors = {
  gzip: zlib.gzipSync,
  deflate: zlib.deflateSync,
  br: (body: string | Buffer) =>
    zlib.brotliCompressSync(body, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } }),
  zstd: zlib.zstdCompressSync,
} as const;

const residentBytes = (pid: number) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024;

test("a small body that inflates to a large one is refused, and takes no memory", async () => {
  const plain = Buffer.alloc(64 * 1_048_576, " ");
  await world.unnoticed(async () => {
    const bombs = Object.entries(compressors).map(([encoding, compress]) => [encoding, compress(plain)] as const);
    // Warm, so that what is measured is not the first use of an inflater.
    await Promise.all(bombs.map(([encoding, bomb]) => sendEncoded(encoding, bomb)));
    const before = residentBytes(world.gateway.process.pid);
    for (const [encoding, bomb] of bombs) {
      expect([encoding, bomb.length < bodyBytesMax]).toEqual([encoding, true]);
      const answers = await Promise.all(Array.from({ length: 8 }, () => sendEncoded(encoding, bomb)));
      for (const answer of answers) expectError(answer, { ...tooLarge, type: "invalid_request_error" });
    }
    // Two of these 32 inflated would be more.
    expect(residentBytes(world.gateway.process.pid) - before).toBeLessThan(64 * 1_048_576);
  });
});

function sendEncoded(encoding: string, body: Uint8Array, path = "/v1/chat/completions") {
  return world.ask("POST", path, [json, ["content-encoding", encoding]], body);
}

test("a body that is not what its encoding says is refused, and one in an unknown encoding", async () => {
  const unsupported = { status: 415, code: "unsupported_encoding", type: "invalid_request_error" } as const;
  await world.unnoticed(async () => {
    for (const [encoding, compress] of Object.entries(compressors)) {
      const whole = compress(chatText);
      const damaged = Buffer.from(whole);
      damaged.fill(0xaa, 4, 12);
      const notValid = { ...unsupported, message: new RegExp(`is not valid ${encoding}`) };
      for (const body of [Buffer.from(chatText), damaged, Buffer.from(promptCanary)]) {
        expectError(await sendEncoded(encoding, body), notValid);
      }
      // Of a zstd frame that breaks off the runtime gives what was whole, without a word: here, nothing.
      const brokenOff = encoding === "zstd" ? { ...invalidJson, message: /no body/ } : notValid;
      expectError(await sendEncoded(encoding, whole.subarray(0, -5)), brokenOff);
      // What it holds must be JSON all the same.
      expectError(await sendEncoded(encoding, compress("[]")), invalidJson);
      expectError(await sendEncoded(encoding, compress("")), invalidJson);
      expectError(await sendEncoded(encoding, Buffer.alloc(0)), { ...invalidJson, message: /no body/ });
    }
    for (const encoding of [
      "lzw",
      "gzip, br",
      "gzip,gzip",
      "x".repeat(3_000),
      "\xff",
      '"',
      "__proto__",
      "constructor",
    ]) {
      const answer = await sendEncoded(encoding, Buffer.from(chatText), "/v1/messages");
      expectError(answer, { ...unsupported, protocol: "anthropic", message: /is not supported. Send identity, gzip/ });
    }
  });
  await world.unharmed(async () => {
    for (const [encoding, compress] of Object.entries(compressors)) {
      for (const spelled of [encoding, ` ${encoding.toUpperCase()} `]) {
        const answer = await sendEncoded(spelled, compress(JSON.stringify(messageBody)), "/v1/messages");
        // Accepted and forwarded as it came; the fake provider reads only plain bodies.
        expect([spelled, headersNamed(answer, "x-anyray-error")]).toEqual([spelled, []]);
      }
    }
  });
});
