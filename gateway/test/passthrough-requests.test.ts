// Requests reach the provider as the caller sent them: every byte of the body but the two edits the gateway makes, the
// query, and every header that is not the gateway's own or the connection's.

import { afterAll, beforeAll, expect, test } from "bun:test";
import zlib from "node:zlib";
import { startGateway, type TestGateway } from "./harness";
import { connectRaw, rawRequest } from "./raw-http";
import { startTapeProvider } from "./tape-provider";

const json = { status: 200, headers: [["content-type", "application/json"]], pieces: [Buffer.from("{}")] } as const;
const events = {
  status: 200,
  headers: [["content-type", "text/event-stream"]],
  pieces: [Buffer.from("data: [DONE]\n\n")],
} as const;
const provider = startTapeProvider(({ body }) => (Buffer.from(body).includes("stream") ? events : json));
let gateway: TestGateway;
beforeAll(async () => {
  const { url } = provider;
  gateway = await startGateway({
    env: {
      ANYRAY_PROVIDER_URL_OPENAI: url,
      ANYRAY_PROVIDER_URL_ANTHROPIC: url,
      ANYRAY_PROVIDER_URL_ACME: `${url}/base/v1/`,
      ANYRAY_PROVIDER_URL_VERSIONED: `${url}/v1beta/openai`,
      ANYRAY_PROVIDER_URL_AZURE_OPENAI: url,
    },
  });
});
afterAll(() => provider.stop());

type Headers = readonly (readonly [name: string, value: string])[];

/** What the provider received of a request. */
async function passed(path: string, body: Uint8Array | string, headers: Headers = [], method = "POST") {
  const client = await connectRaw(gateway.url);
  const hasType = headers.some(([name]) => name === "content-type");
  const type = hasType ? [] : [["content-type", "application/json"] as const];
  const before = provider.received.length;
  const answer = await client.ask(rawRequest(method, path, [...type, ...headers], body));
  client.close();
  expect([answer.status, provider.received.length - before]).toEqual([200, 1]);
  const received = provider.received.at(-1)!;
  const named = (name: string) => received.headers.filter(([found]) => found.toLowerCase() === name).map((h) => h[1]);
  return { ...received, text: Buffer.from(received.body).toString(), named };
}

const odd = [
  '{"model":"gpt-4o-mini","messages":[]}',
  '\r\n\t {  "messages" :\n[ ] ,"model":"gpt-4o-mini"  }\n\n',
  '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"\\u0041\\ud83d\\ude00 \\/ \\" é 😀 \u2028"}]}',
  '{"model":"gpt-4","model":"gpt-4o-mini","a":1,"a":2,"a":{"b":1,"b":2}}',
  '{"model":"gpt-4o-mini","n1":1.0,"n2":1e3,"n3":-0.0,"n4":12345678901234567890123,"n5":1E-7,"seed":9007199254740993}',
  '{"model":"gpt-4o-mini","":0,"__proto__":{"x":1},"constructor":null,"stream":false,"stream_options":null}',
  '{"model":"gpt-4o-mini","lone":"\\ud800","stream":"true"}',
  `{"model":"gpt-4o-mini","deep":${"[".repeat(200)}${"]".repeat(200)}}`,
  `{"model":"gpt-4o-mini","pad":"${"x".repeat(300_000)}"}`,
  '\ufeff{"model":"gpt-4o-mini","bom":true}',
  '{"model":"gpt-4o-mini","messages":[],"stream":true,"stream_options":{"include_usage" : true, "x":[1 , 2]}}',
];

test("when nothing changes, the body's bytes are the caller's, on every route", async () => {
  const routes = ["chat/completions", "completions", "embeddings", "responses", "messages", "messages/count_tokens"];
  for (const route of [...routes, "moderations", "responses/resp_1/cancel", "unheard/of"]) {
    for (const body of odd) {
      const { text, path, named } = await passed(`/v1/${route}`, body);
      expect([route, path, text === body]).toEqual([route, `/v1/${route}`, true]);
      expect(named("content-length")).toEqual([String(Buffer.byteLength(body))]);
      expect(named("transfer-encoding")).toEqual([]);
    }
  }
});

test("a streamed request of another API than chat is not asked for usage", async () => {
  const body = '{"model":"gpt-4o-mini","stream":true}';
  for (const route of ["completions", "responses", "messages", "unheard/of"]) {
    expect((await passed(`/v1/${route}`, body)).text).toBe(body);
  }
});

test("the include_usage splice changes the splice and nothing else", async () => {
  const ask = '"stream_options":{"include_usage":true}';
  const cases: [sent: string, received: string][] = [
    ['{"stream":true,"model":"gpt-4o-mini"}', `{${ask},"stream":true,"model":"gpt-4o-mini"}`],
    ['\n {\t"stream" : true }\n', `\n {${ask},\t"stream" : true }\n`],
    ['\ufeff{"stream":true}', `\ufeff{${ask},"stream":true}`],
    ['{"stream":true,"stream_options":{}}', '{"stream":true,"stream_options":{"include_usage":true}}'],
    ['{"stream":true,"stream_options": { } }', '{"stream":true,"stream_options": {"include_usage":true } }'],
    ['{"stream_options":null,"stream":true}', '{"stream_options":{"include_usage":true},"stream":true}'],
    [
      '{"stream":true,"stream_options":{ "include_obfuscation" : false}}',
      '{"stream":true,"stream_options":{"include_usage":true, "include_obfuscation" : false}}',
    ],
    [
      '{"stream":true,"stream_options":{"x":"{,}","include_usage" : false ,"y":1}}',
      '{"stream":true,"stream_options":{"x":"{,}","include_usage" : true ,"y":1}}',
    ],
    [
      '{"stream_options":{"include_usage":true},"stream":true,"stream_options":{"a":"\\"}"}}',
      '{"stream_options":{"include_usage":true},"stream":true,"stream_options":{"include_usage":true,"a":"\\"}"}}',
    ],
    [
      '{"stream":true,"stream_\\u006fptions":{"a":1},"text":"\\u00e9é😀"}',
      '{"stream":true,"stream_\\u006fptions":{"include_usage":true,"a":1},"text":"\\u00e9é😀"}',
    ],
    ['{"stream":false,"stream":true}', `{${ask},"stream":false,"stream":true}`],
  ];
  for (const [sent, received] of cases) {
    const { text, named } = await passed("/v1/chat/completions", sent);
    expect(text).toBe(received);
    expect(named("content-length")).toEqual([String(Buffer.byteLength(received))]);
  }
  // What is no object is the provider's to complain about.
  for (const body of ['{"stream":true,"stream_options":7}', '{"stream":true,"stream_options":[]}', '{"stream":1}']) {
    expect((await passed("/v1/chat/completions", body)).text).toBe(body);
  }
});

test("a slug before the model changes the model and nothing else, and leads to its provider", async () => {
  const messages = '"messages":[{"role":"user","content":"\\u0041  \\"model\\":\\"acme/x\\""}]';
  const cases: [sent: string, received: string, path: string][] = [
    [`{"model":"acme/llama-3",${messages}}`, `{"model":"llama-3",${messages}}`, "/base/v1/chat/completions"],
    [`{${messages}, "model" : "ACME/a/b" }`, `{${messages}, "model" : "a/b" }`, "/base/v1/chat/completions"],
    ['{"model":"x","model":"acme/y"}', '{"model":"x","model":"y"}', "/base/v1/chat/completions"],
    ['{"m\\u006fdel":"acme\\/é\\u00e9"}', '{"m\\u006fdel":"éé"}', "/base/v1/chat/completions"],
    ['{"model":"versioned/x"}', '{"model":"x"}', "/v1beta/openai/chat/completions"],
    ['{"model":"azure-openai/dep"}', '{"model":"dep"}', "/openai/v1/chat/completions"],
    // No provider of that name: the slash is the model's own.
    ['{"model":"meta-llama/Llama-3"}', '{"model":"meta-llama/Llama-3"}', "/v1/chat/completions"],
    [
      '{"stream":true,"model":"acme/x"}',
      '{"stream_options":{"include_usage":true},"stream":true,"model":"x"}',
      "/base/v1/chat/completions",
    ],
  ];
  for (const [sent, received, path] of cases) {
    const found = await passed("/v1/chat/completions", sent);
    expect([found.text, found.path]).toEqual([received, path]);
  }
  // Named by header, the model's own slash is not looked at.
  const named = await passed("/v1/chat/completions", '{"model":"openai/x"}', [["x-anyray-provider", "acme"]]);
  expect([named.text, named.path]).toEqual(['{"model":"openai/x"}', "/base/v1/chat/completions"]);
});

test("queries are forwarded as they are, and routes match without them", async () => {
  for (const query of ["?beta=true", "?a=%2F%20+b&&c=[]|^&=x", "?", "?x=%zz&y=é".replace("é", "%C3%A9"), "?a?b"]) {
    const chat = await passed(`/v1/chat/completions${query}`, '{"stream":true}');
    expect(chat.target).toBe(`/v1/chat/completions${query}`);
    expect(chat.text).toContain("include_usage");
    expect((await passed(`/v1/messages${query}`, "{}")).target).toBe(`/v1/messages${query}`);
    expect((await passed(`/v1/models${query}`, "", [], "GET")).target).toBe(`/v1/models${query}`);
  }
});

test("compressed bodies are forwarded as they are, and inflated only where an edit must be made", async () => {
  const compress = {
    gzip: zlib.gzipSync,
    deflate: zlib.deflateSync,
    br: zlib.brotliCompressSync,
    zstd: zlib.zstdCompressSync,
  };
  for (const [encoding, deflate] of Object.entries(compress)) {
    for (const body of odd) {
      const sent = deflate(Buffer.from(body));
      const { body: found, named } = await passed("/v1/chat/completions", sent, [["content-encoding", encoding]]);
      expect([encoding, sent.equals(found)]).toEqual([encoding, true]);
      expect(named("content-encoding")).toEqual([encoding]);
    }
    const sent = deflate(Buffer.from('{"model":"acme/x","stream":true}'));
    const { text, path, named } = await passed("/v1/chat/completions", sent, [["content-encoding", encoding]]);
    expect([path, text]).toEqual([
      "/base/v1/chat/completions",
      '{"stream_options":{"include_usage":true},"model":"x","stream":true}',
    ]);
    expect([named("content-encoding"), named("content-length")]).toEqual([[], [String(text.length)]]);
  }
});

test("a body in chunks arrives whole, with its length; multipart and binary bodies as they are", async () => {
  const text = '{"model":"gpt-4o-mini",  "messages":[]}';
  const chunks = `7\r\n${text.slice(0, 7)}\r\n${(text.length - 7).toString(16)};ext=1\r\n${text.slice(7)}\r\n0\r\n\r\n`;
  const chunked = await passed("/v1/chat/completions", chunks, [["transfer-encoding", "chunked"]]);
  expect([chunked.text, chunked.named("content-length")]).toEqual([text, [String(text.length)]]);
  expect(chunked.named("transfer-encoding")).toEqual([]);

  const type = "multipart/form-data; boundary=x; charset=weird";
  const bytes = crypto.getRandomValues(new Uint8Array(60_000));
  const form = Buffer.concat([Buffer.from("--x\r\n\r\n"), bytes, Buffer.from("\r\n--x--\r\n")]);
  const file = await passed("/v1/audio/transcriptions", form, [["content-type", type]]);
  expect([form.equals(file.body), file.named("content-type")]).toEqual([true, [type]]);
});

test("request headers: unknown ones are forwarded, the gateway's and the connection's are not", async () => {
  const forwarded: Headers = [
    ["user-agent", "odd-client/1.0 (x; y)"],
    ["accept", "application/json;q=0.9, */*"],
    ["accept-encoding", "gzip, zstd;q=0.5"],
    ["openai-organization", "org-1"],
    ["anthropic-version", "2099-01-01"],
    ["anthropic-beta", "one-2026-01-01,two"],
    ["x-stainless-retry-count", "0"],
    ["x-claude-code-session-id", "s-1"],
    ["X-Never-Heard-Of", "a  b\tc"],
    ["x-latin", "caf\xe9"],
    ["x-utf8", Buffer.from("日本").toString("latin1")],
    ["traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
    ["idempotency-key", "k"],
    ["range", "bytes=0-1"],
  ];
  const removed: Headers = [
    ["x-anyray-metadata", '{"user":"u"}'],
    ["X-Anyray-Provider", "openai"],
    ["x-anyray-optimize", "off"],
    ["x-anyray-test", "1"],
    ["X-ANYRAY-anything", "x"],
    ["connection", "keep-alive, x-one-hop"],
    ["x-one-hop", "x"],
    ["keep-alive", "timeout=5"],
    ["te", "trailers"],
    ["proxy-authorization", "Basic x"],
    ["upgrade", "websocket"],
    ["cookie", "session=1"],
    ["forwarded", "for=10.0.0.1"],
    ["x-forwarded-for", "10.0.0.1"],
    ["x-real-ip", "10.0.0.1"],
  ];
  for (const [path, body] of [
    ["/v1/chat/completions", "{}"],
    ["/v1/messages/count_tokens", "{}"],
  ] as const) {
    const found = await passed(path, body, [...forwarded, ...removed]);
    for (const [name, value] of forwarded) expect([name, found.named(name.toLowerCase())]).toEqual([name, [value]]);
    for (const [name, value] of removed)
      expect([name, found.named(name.toLowerCase()).filter((each) => each === value)]).toEqual([name, []]);
    expect(found.headers.filter(([name]) => /anyray/i.test(name))).toEqual([]);
    expect(found.named("host")).toEqual([new URL(provider.url).host]);
  }
});

test("a stream is asked for uncompressed, and a plain answer as the caller can take it", async () => {
  const accepted = async (body: string, headers: Headers) =>
    (await passed("/v1/chat/completions", body, headers)).named("accept-encoding");
  expect(await accepted('{"stream":true}', [["accept-encoding", "gzip, br"]])).toEqual(["identity"]);
  expect(await accepted("{}", [["accept-encoding", "br;q=1.0"]])).toEqual(["br;q=1.0"]);
  expect(await accepted("{}", [])).toEqual(["identity"]);
});
