// The runtime's known traps of framing stay shut: what cannot be taken for exactly one request is refused before
// anything is sent on, and what comes behind a request is never answered as another.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { openRaw, type RawConnection } from "@anyray/shared/testing/raw-client";
import { type BadWorld, chatBody, openBadWorld } from "./bad-world";
import { until } from "./harness";

// A start alone takes seconds on a busy machine.
setDefaultTimeout(20_000);

let world: BadWorld;
beforeAll(async () => {
  world = await openBadWorld({ ANYRAY_CLIENT_IDLE_SECONDS: "4" });
});
afterAll(() => world.stop());

const chat = JSON.stringify(chatBody);
const chunked = `${chat.length.toString(16)}\r\n${chat}\r\n0\r\n\r\n`;
const length = `Content-Length: ${chat.length}`;
const chunkedTe = "Transfer-Encoding: chunked";

/** The head of a call, `lines` behind the usual ones. */
function head(callId: string, ...lines: string[]): string {
  const named = [`X-Call-Id: ${callId}`, `X-Anyray-Metadata: ${JSON.stringify({ session: callId })}`];
  const usual = ["Host: g", "Content-Type: application/json", ...named];
  return `${["POST /v1/chat/completions HTTP/1.1", ...usual, ...lines].join("\r\n")}\r\n\r\n`;
}

const open = () => openRaw(Number(new URL(world.gateway.url).port));
const reached = (callId: string) =>
  world.fake.received.filter(({ headers }) =>
    headers.some((header) => header[0] === "x-call-id" && header[1] === callId),
  );

/** Whatever is hidden behind a request must never be taken for one. */
const smuggled = head("smuggled", length) + chat;

const refused: Record<string, (id: string) => string> = {
  "CL and TE": (id) => head(id, length, chunkedTe) + chunked + smuggled,
  "TE and CL": (id) => head(id, chunkedTe, length) + chunked + smuggled,
  "CL 0 and TE": (id) => head(id, "Content-Length: 0", chunkedTe) + chunked + smuggled,
  "two CL that differ": (id) => head(id, length, "Content-Length: 2") + chat + smuggled,
  "two CL that differ, short first": (id) => head(id, "Content-Length: 2", length) + chat + smuggled,
  "a list of CL": (id) => head(id, `${length}, ${chat.length}`) + chat,
  "a signed CL": (id) => head(id, `Content-Length: +${chat.length}`) + chat,
  "a negative CL": (id) => head(id, "Content-Length: -1") + chat,
  "a hexadecimal CL": (id) => head(id, "Content-Length: 0x5a") + chat,
  "a fraction of CL": (id) => head(id, `${length}.0`) + chat,
  "a CL of words": (id) => head(id, "Content-Length: ten") + chat,
  "a CL with a space in it": (id) => head(id, "Content-Length: 1 0") + chat,
  "a CL beyond any number": (id) => head(id, "Content-Length: 99999999999999999999") + chat,
  "TE of another name": (id) => head(id, "Transfer-Encoding: xchunked") + chunked,
  "TE identity": (id) => head(id, "Transfer-Encoding: identity", length) + chat,
  "TE chunked, not last": (id) => head(id, "Transfer-Encoding: chunked, identity") + chunked,
  "TE chunked behind gzip": (id) => head(id, "Transfer-Encoding: gzip, chunked") + chunked,
  "TE twice": (id) => head(id, chunkedTe, "Transfer-Encoding: identity") + chunked,
  "TE with a tab in front": (id) => head(id, "Transfer-Encoding: \x0bchunked") + chunked,
  "TE in quotes": (id) => head(id, 'Transfer-Encoding: "chunked"') + chunked,
  "a space before the colon of CL": (id) => head(id, `Content-Length : ${chat.length}`) + chat,
  "a space before the colon of TE": (id) => head(id, "Transfer-Encoding : chunked", length) + chat,
  "a space before a header's name": (id) => head(id, ` X-Odd: 1`, length) + chat,
  "a folded header": (id) => head(id, "X-Odd: a\r\n b", length) + chat,
  "a folded TE": (id) => head(id, "Transfer-Encoding:\r\n chunked", length) + chat,
  "bare LF everywhere": (id) => head(id, length).replaceAll("\r\n", "\n") + chat,
  "bare LF in one line": (id) => head(id, "X-Odd: a\nX-Other: b", length) + chat,
  "bare LF before the body": (id) => `${head(id, length).slice(0, -4)}\n\n${chat}`,
  "bare CR": (id) => head(id, "X-Odd: a\rX-Other: b", length) + chat,
  "NUL in a value": (id) => head(id, "X-Odd: a\0b", length) + chat,
  "NUL in a name": (id) => head(id, "X-O\0dd: a", length) + chat,
  "a line without a colon": (id) => head(id, "X-Odd", length) + chat,
  "an empty name": (id) => head(id, ": a", length) + chat,
  "no Host": (id) => head(id, length).replace("Host: g\r\n", "") + chat,
  "a chunk size of words": (id) => `${head(id, chunkedTe)}xyz\r\n${chat}\r\n0\r\n\r\n`,
  "a negative chunk size": (id) => `${head(id, chunkedTe)}-5\r\n${chat}\r\n0\r\n\r\n`,
  "a chunk size in another notation": (id) => `${head(id, chunkedTe)}0x${chunked}`,
  "a chunk size beyond any number": (id) => `${head(id, chunkedTe)}ffffffffffffffffff\r\n${chat}\r\n0\r\n\r\n`,
  "a chunk longer than its size": (id) => `${head(id, chunkedTe)}5\r\n${chat}\r\n0\r\n\r\n${smuggled}`,
  "chunks ended by bare LF": (id) => head(id, chunkedTe) + chunked.replaceAll("\r\n", "\n"),
  "an extension ended by bare LF": (id) => head(id, chunkedTe) + chunked.replace("\r\n", ";a\nb\r\n"),
  "a version to come": (id) => head(id, length).replace("HTTP/1.1", "HTTP/2.0") + chat,
  "a version in small letters": (id) => head(id, length).replace("HTTP/1.1", "http/1.1") + chat,
  "no version": (id) => head(id, length).replace(" HTTP/1.1", "") + chat,
  "two spaces in the first line": (id) => head(id, length).replace("POST ", "POST  ") + chat,
  "a method in small letters": (id) => head(id, length).replace("POST", "post") + chat,
  "a TLS greeting": (id) => `\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03${id}${"\0".repeat(160)}`,
  "an HTTP/2 greeting": () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
  noise: () => `${"\x01\xff\x00\x7f".repeat(500)}\r\n\r\n`,
};

describe("refused, and nothing sent on", () => {
  const statuses = [400, 413, 414, 431, 501, 505];
  test.each(Object.keys(refused))("%s", async (name) => {
    const connection = await open();
    connection.send(Buffer.from(refused[name]!(name), "latin1"));
    await connection.ended;
    const text = connection.bytes().toString("latin1");
    const answers = [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
    expect(answers.length).toBeLessThanOrEqual(1);
    for (const status of answers) expect(statuses).toContain(status);
    expect(text).not.toMatch(/<html|\.ts:\d+/);
    expect([reached(name).length, reached("smuggled").length]).toEqual([0, 0]);
  });

  test("after all of it: no row, nothing running, and a good call", async () => {
    expect(world.fake.received).toEqual([]);
    expect(await world.gateway.rows()).toEqual([]);
    await world.unharmed(async () => {});
  });
});

test("what is odd but plain is one call with exactly its body", async () => {
  const plain: Record<string, (id: string) => string> = {
    "one CL twice": (id) => head(id, length, length) + chat,
    "TE in capitals": (id) => head(id, "TRANSFER-ENCODING: CHUNKED") + chunked,
    "an extension": (id) => head(id, chunkedTe) + chunked.replace("\r\n", ";name=value\r\n"),
    "chunks of one byte": (id) => `${head(id, chunkedTe)}${[...chat].map((c) => `1\r\n${c}\r\n`).join("")}0\r\n\r\n`,
    "leading zeros": (id) => `${head(id, chunkedTe)}000${chunked}`,
    "an old version": (id) => head(id, length).replace("HTTP/1.1", "HTTP/1.0") + chat,
    "space around a value": (id) => head(id, `Content-Length: \t ${chat.length} `) + chat,
  };
  await world.unharmed(async () => {
    for (const [name, bytes] of Object.entries(plain)) {
      const connection = await open();
      connection.send(bytes(name));
      const text = await connection.until((arrived) => arrived.includes("chat.completion"), 5_000);
      expect([name, text.slice(0, 15)]).toEqual([name, "HTTP/1.1 200 OK"]);
      connection.reset();
      expect([name, reached(name).map(({ body }) => Buffer.from(body).toString())]).toEqual([name, [chat]]);
    }
  });
});

test("pipelined requests: each answer is its own request's, or there is none", async () => {
  const models = ["gpt-4o", "gpt-4o-mini", "gpt-4.1"];
  const bodyOf = (model: string) => JSON.stringify({ ...chatBody, model });
  const call = (model: string, nth: number) => {
    const body = bodyOf(model);
    return head(`piped ${model} ${nth}`, `Content-Length: ${body.length}`) + body;
  };
  const health = "GET /health HTTP/1.1\r\nHost: g\r\n\r\n";
  await world.unharmed(async () => {
    for (const [nth, [first, second, third]] of [
      [call("gpt-4o", 0), call("gpt-4o-mini", 0), call("gpt-4.1", 0)],
      [call("gpt-4o", 1), health, call("gpt-4.1", 1)],
      [health, call("gpt-4o-mini", 2), health],
      [health, health, health],
    ].entries()) {
      const connection = await open();
      connection.send(`${first}${second}${third}`);
      await Promise.race([connection.ended, Bun.sleep(400)]);
      connection.reset();
      const answers = connection
        .bytes()
        .toString("latin1")
        .split(/(?=HTTP\/1\.1 \d{3} )/)
        .filter(Boolean);
      for (const [index, asked] of [first, second, third].slice(0, answers.length).entries()) {
        const model = models.find((each) => asked?.includes(`"${each}"`));
        expect(answers[index]).toContain(model === undefined ? '{"status":"ok"' : `"model":"${model}`);
      }
      expect(answers.length).toBeLessThanOrEqual(3);
      if (nth === 3) expect(answers).toHaveLength(3);
    }
  });
  // Whatever of it reached the provider has its row.
  const values = world.fake.received.flatMap(({ headers }) => headers.map(([, value]) => value));
  const sent = values.filter((value) => value.startsWith("piped "));
  const sessions = (await world.gateway.rows()).map(({ session }) => session).filter((id) => id?.startsWith("piped "));
  expect(sessions).toHaveLength(new Set(sessions).size);
  expect(sent.filter((id) => !sessions.includes(id))).toEqual([]);
});

test("Expect: 100-continue is answered before the body is sent, and a body over the limit is not asked for twice", async () => {
  await world.unharmed(async () => {
    const connection = await open();
    connection.send(head("expecting", length, "Expect: 100-continue"));
    await connection.until((text) => text === "HTTP/1.1 100 Continue\r\n\r\n");
    expect(reached("expecting")).toHaveLength(0);
    connection.send(chat);
    await connection.until((text) => /\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*chat\.completion/.test(text));
    connection.reset();
    expect(reached("expecting")[0]?.headers.map(([name]) => name.toLowerCase())).not.toContain("expect");
  });
  await world.unnoticed(async () => {
    const connection = await open();
    connection.send(head("expecting much", `Content-Length: ${1_073_741_824}`, "Expect: 100-continue"));
    await connection.until((text) => text.includes("body_too_large"));
    connection.reset();
  });
});

test("an upgrade is not made: not to a websocket, and not to another HTTP", async () => {
  const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
  await world.unharmed(async () => {
    for (const [target, upgrade] of [
      ["GET /v1/realtime?model=gpt-realtime", `Connection: Upgrade\r\nUpgrade: websocket\r\n${key}`],
      ["GET /v1/responses", `Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n${key}`],
      ["GET /v1/models", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"],
      ["GET /v1/models", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"],
    ]) {
      const connection = await open();
      connection.send(`${target} HTTP/1.1\r\nHost: g\r\n${upgrade}\r\n`);
      const text = await connection.until((arrived) => /\r\n\r\n\{[\s\S]*\}/.test(arrived));
      expect([target, /^HTTP\/1\.1 (200|40\d) /.test(text)]).toEqual([target, true]);
      connection.reset();
      const names = world.fake.received.at(-1)!.headers.map(([name]) => name.toLowerCase());
      for (const name of ["upgrade", "http2-settings"]) expect(names).not.toContain(name);
    }
    const socket = new WebSocket(`${world.gateway.url.replace("http", "ws")}/v1/realtime?model=gpt-realtime`);
    const { promise, resolve } = Promise.withResolvers<string>();
    socket.onopen = () => resolve("open");
    socket.onerror = () => resolve("error");
    expect(await promise).toBe("error");
  });
});

test("senders that drip or stall are cut, and leave nothing", async () => {
  const stalls: Record<string, [start: string, drip: string]> = {
    "says nothing": ["", ""],
    "half a line": ["POST /v1/ch", ""],
    "a header now and then": ["POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\n", "X-More: 1\r\n"],
    "a head without its end": [head("stalled", length).slice(0, -2), ""],
    "a body that stops": [`${head("stalled", length)}{`, ""],
    "a body byte by byte": [`${head("stalled", "Content-Length: 100000")}{`, " "],
    "chunks that stop": [`${head("stalled", chunkedTe)}5\r\n{"a":`, ""],
    "chunks one by one": [head("stalled", chunkedTe), "1\r\n \r\n"],
    "nothing after an answer": ["GET /health HTTP/1.1\r\nHost: g\r\n\r\n", ""],
  };
  await world.unnoticed(async () => {
    const cut = async (start: string, drip: string, connection: RawConnection) => {
      let isOver = false;
      const ended = connection.ended.then(() => {
        isOver = true;
      });
      if (start) connection.send(start);
      while (!isOver) {
        await Promise.race([ended, Bun.sleep(1_000)]);
        if (!isOver && drip) connection.send(drip);
      }
    };
    const startedAt = performance.now();
    await Promise.all(Object.values(stalls).map(async ([start, drip]) => cut(start, drip, await open())));
    // The runtime looks every 4 s; a head has 12 s at most, however much of it comes.
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    await until(async () => (await world.metric("anyray_active_requests")) === 0);
    expect(reached("stalled")).toHaveLength(0);
  });
}, 30_000);
