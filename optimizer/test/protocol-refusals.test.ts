// Promise: what is malformed, hostile or not allowed gets a clear refusal, and the process goes on.

import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { openRaw } from "@anyray/shared/testing/raw-client";
import { adminToken, optimizerToken, startOptimizer, type TestOptimizer } from "./harness";

setDefaultTimeout(30_000);

let optimizer: TestOptimizer;
beforeAll(async () => {
  optimizer = await startOptimizer({ env: { ANYRAY_MAX_BODY_BYTES: "1048576" } });
});

const chat = "/v1/chat/completions";

describe("an envelope", () => {
  const good = `"endpoint":"${chat}","request":{}`;
  const known =
    "param_tuning, context_dedupe, code_graph, code_skeleton, context_compression, window_budget, cache_optimizer";
  const refused: [name: string, body: string | Uint8Array, code: string, ...told: string[]][] = [
    ["nothing", "", "invalid_json", "no JSON object"],
    ["space", " \n ", "invalid_json", "no JSON object"],
    ["a list", "[]", "invalid_json", "no JSON object"],
    ["a text", '"x"', "invalid_json", "no JSON object"],
    ["no value", '{"endpoint"}', "invalid_json", "no value"],
    ["no end", `{${good}`, "invalid_json", "neither , nor }"],
    ["an open text", '{"endpoint":"/v1', "invalid_json"],
    ["a comma too many", `{${good},}`, "invalid_json", "name is missing"],
    ["something behind", `{${good}}x`, "invalid_json", "behind its end"],
    ["a second object", `{${good}}{}`, "invalid_json", "behind its end"],
    ["a broken request", `{"endpoint":"${chat}","request":{"a":}}`, "invalid_json", "does not parse"],
    ["crossed brackets", `{"endpoint":"${chat}","request":{"a":[}]}`, "invalid_json"],
    ["a broken member nobody knows", `{${good},"x":nul}`, "invalid_json", "does not parse"],
    ["a comment", `{${good}/**/}`, "invalid_json"],
    ["two requests", `{${good},"request":{"a":1}}`, "invalid_json", '"request" twice'],
    ["two requests, one spelled otherwise", `{${good},"re\\u0071uest":{}}`, "invalid_json", '"request" twice'],
    ["bytes that are no UTF-8", Buffer.from(`{${good},"x":"\xff\xfe"}`, "latin1"), "invalid_json", "no UTF-8"],
    [
      "half a character as bytes",
      Buffer.concat([Buffer.from(`{${good},"x":"`), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
      "invalid_json",
      "no UTF-8",
    ],
    [
      "a request nested without end",
      `{"endpoint":"${chat}","request":${"[".repeat(200_000)}`,
      "invalid_json",
      "256 levels",
    ],
    [
      "a deep request",
      `{"endpoint":"${chat}","request":{"a":${"[".repeat(40_000)}${"]".repeat(40_000)}}}`,
      "invalid_json",
      "256 levels",
    ],
    ["no endpoint", '{"request":{}}', "invalid_request", "endpoint is missing", "accepted are endpoint, request,"],
    ["an endpoint that is none", '{"endpoint":7,"request":{}}', "invalid_request", "endpoint=7"],
    ["no request", `{"endpoint":"${chat}"}`, "invalid_request", "request is missing"],
    ["a request that is a list", `{"endpoint":"${chat}","request":[]}`, "invalid_request", "must be a JSON object"],
    ["a request that is null", `{"endpoint":"${chat}","request":null}`, "invalid_request", "must be a JSON object"],
    [
      "unknown kinds",
      `{${good},"enabledKinds":["param_tuning","magic","__proto__",3]}`,
      "invalid_request",
      `unknown "magic", "__proto__", 3: known kinds are ${known}`,
    ],
    ["kinds that are no list", `{${good},"enabledKinds":"param_tuning"}`, "invalid_request", "a list of kinds"],
    [
      "a capability that is none",
      `{${good},"capabilities":{"canRetrieve":"yes"}}`,
      "invalid_request",
      'capabilities.canRetrieve="yes": accepted is true or false',
    ],
    ["metadata that is none", `{${good},"metadata":[]}`, "invalid_request", "metadata=[]"],
    ["a user that is none", `{${good},"metadata":{"user":{"a":1}}}`, "invalid_request", 'metadata.user={"a":1}'],
    [
      "everything wrong at once",
      '{"endpoint":1,"request":2,"metadata":3,"capabilities":4,"enabledKinds":5}',
      "invalid_request",
      "6 faults",
      "endpoint=1",
      "request must",
      "metadata=3",
      "capabilities=4",
      "enabledKinds=5",
    ],
  ];
  test.each(refused)("of %s is refused", async (_, body, code, ...told) => {
    const { status, json, headers } = await optimizer.ask("/v1/optimize", body);
    expect([status, json?.error?.code]).toEqual([400, code]);
    for (const words of told) expect(json.error.message).toContain(words);
    expect(headers.get("x-should-retry")).toBe("false");
    expect(headers.get("x-anyray-error")).toBe(code);
  });

  test("with a small request however deep comes back as it came, without a question", async () => {
    const request = `{"do":"throw","a":${"[".repeat(3_000)}${"]".repeat(3_000)}}`;
    const { status, text } = await optimizer.ask("/v1/optimize", `{"endpoint":"${chat}","request":${request}}`);
    expect(status).toBe(200);
    expect(text).toContain(`"request":${request},"decisions":[]`);
  });

  test("over the limit is refused, with and without a stated length, before it is there", async () => {
    const large = `{${good},"x":"${"x".repeat(1_048_576 + 65_536)}"}`;
    const { status, json } = await optimizer.ask("/v1/optimize", large);
    expect([status, json.error.code]).toEqual([413, "body_too_large"]);
    const stream = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
    });
    const endless = await optimizer.ask("/v1/optimize", "", { body: stream }).catch(() => null);
    // The server may close before its answer is read: what counts is that it does not wait for the end.
    if (endless) expect(endless.status).toBe(413);
  });

  test("with a content encoding is refused", async () => {
    const body = Bun.gzipSync(Buffer.from(`{${good}}`));
    const { status } = await optimizer.ask("/v1/optimize", body, { headers: { "content-encoding": "gzip" } });
    expect(status).toBe(415);
  });
});

describe("other bodies", () => {
  const refused: [path: string, body: unknown, ...told: string[]][] = [
    ["/v1/optimize-response", { endpoint: chat }, "response is missing"],
    ["/v1/optimize-response", { response: {} }, "endpoint is missing"],
    ["/v1/cache", { response: {} }, "exactly one of cacheKey and request"],
    ["/v1/cache", { cacheKey: "k", request: {}, endpoint: chat, response: {} }, "exactly one"],
    ["/v1/cache", { cacheKey: "k", response: [] }, "response must be a JSON object"],
    ["/v1/cache", { cacheKey: "k", response: {}, ttlSeconds: 0 }, "ttlSeconds=0: accepted is a whole number from 1"],
    ["/v1/cache", { cacheKey: "a\nb", response: {} }, "cacheKey="],
    ["/v1/retrieve", {}, "handle"],
    ["/v1/retrieve", { handle: "ctx_a", lines: [2, 1] }, "lines"],
    ["/v1/retrieve", { handle: "ctx_a", maxChars: "many" }, "maxChars"],
    ["/v1/retrieve", { handle: "ctx_a", metadata: 1 }, "metadata=1"],
    ["/v1/feedback", { usage: { inputTokens: -1 } }, "usage.inputTokens=-1: accepted is a whole number from 0"],
    ["/v1/feedback", { sessionId: 5 }, "sessionId=5", "usage=nothing", "accepted are optimizationId"],
  ];
  test.each(refused)("%s %j is refused", async (path, body, ...told) => {
    const { status, json } = await optimizer.ask(path, body as object);
    expect(status).toBe(400);
    for (const words of told) expect(json.error.message).toContain(words);
  });
});

describe("the door", () => {
  const paths: [path: string, method: string][] = [
    ["/v1/optimize", "POST"],
    ["/v1/optimize-response", "POST"],
    ["/v1/cache", "POST"],
    ["/v1/retrieve", "POST"],
    ["/v1/feedback", "POST"],
    ["/v1/eligibility", "GET"],
    ["/v1/record", "POST"],
    ["/v1/nothing", "GET"],
    ["/nothing", "GET"],
    ["/admin/optimizer/settings", "GET"],
    ["/admin/optimizer/settings", "PUT"],
    ["/admin/nothing", "GET"],
    ["/ADMIN/optimizer/settings", "GET"],
    ["//admin/optimizer/settings", "GET"],
  ];
  test.each(paths)("%s (%s) is shut without its token, and with the other one", async (path, method) => {
    const other = /^\/+admin/i.test(path) ? optimizerToken : adminToken;
    for (const authorization of [
      "",
      "Bearer ",
      "Bearer wrong",
      `Bearer ${other}`,
      `Bearer ${optimizerToken}x`,
      `Basic ${Buffer.from(`:${optimizerToken}`).toString("base64")}`,
      `Bearer ${optimizerToken.toUpperCase()}`,
    ]) {
      const response = await fetch(optimizer.url + path, { method, headers: { authorization } });
      expect([path, authorization, response.status]).toEqual([path, authorization, 401]);
      expect(response.headers.get("www-authenticate")).toStartWith("Bearer ");
      expect(await response.text()).not.toMatch(/strategies|test-/);
    }
  });

  test("what is no route is a 404 to those who may know", async () => {
    expect((await optimizer.ask("/v1/nothing")).status).toBe(404);
    expect((await optimizer.ask("/admin/nothing")).status).toBe(404);
    expect((await optimizer.ask("/v1/optimize", undefined, { method: "GET" })).status).toBe(404);
  });

  test("strange requests on a socket are answered or cut, and nothing of the inside is shown", async () => {
    for (const head of [
      "GET /v1/eligibility HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "GET http://a/xx/admin/optimizer/settings HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
      "GET /%61dmin/optimizer/settings HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
      "GET /v1/..%2fadmin/optimizer/settings HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
      "TRACE /v1/optimize HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
      "POST /v1/optimize HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\nContent-Length: 6\r\nConnection: close\r\n\r\n{}",
      `POST /v1/optimize HTTP/1.1\r\nHost: \xff\r\nAuthorization: Bearer ${optimizerToken}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
      "nonsense\r\n\r\n",
    ]) {
      const raw = await openRaw(optimizer.port);
      raw.send(head);
      await Promise.race([raw.ended, Bun.sleep(2_000)]);
      const answer = raw.bytes().toString("latin1");
      raw.leave();
      expect(answer).not.toMatch(/strategies|\.ts:\d|node_modules/);
      expect(answer).not.toMatch(/^HTTP\/1.1 (2|5)/);
    }
  });

  test("a body that stops half way leaves the others unharmed", async () => {
    const raw = await openRaw(optimizer.port);
    raw.send(
      `POST /v1/optimize HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${optimizerToken}\r\nContent-Length: 500\r\n\r\n{"endp`,
    );
    await Bun.sleep(50);
    raw.reset();
    for (let round = 0; round < 20; round += 1) {
      expect((await optimizer.ask("/v1/eligibility")).status).toBe(200);
    }
    const { text } = await optimizer.ask("/metrics");
    expect(text).toContain('anyray_optimizer_requests_total{route="optimize",outcome="left"} 1');
    expect(text).toContain("anyray_optimizer_active_requests 0");
  });
});

test("after all of that the process is the same, and said nothing of what it was sent", async () => {
  expect((await fetch(`${optimizer.url}/health`)).status).toBe(200);
  expect(optimizer.process.exitCode).toBe(null);
  expect(optimizer.output()).not.toContain('"level":"error"');
  expect(optimizer.output()).not.toMatch(/magic|ctx_a/);
});
