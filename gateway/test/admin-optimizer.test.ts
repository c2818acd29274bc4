// Promise: the optimizer's settings are read and changed through the gateway, in the optimizer's own words; where it
// gives no answer, that is said, in time, and nothing else is harmed.

import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { outboundToThisMachine } from "@anyray/shared/testing/outbound";
import { openRaw } from "@anyray/shared/testing/raw-client";
import { createOptimizerRelay } from "../src/admin/optimizer";
import { optimizerSettings } from "./admin-world";
import { adminToken, startGateway, type TestGateway } from "./harness";

setDefaultTimeout(30_000);

const path = "/admin/optimizer/settings";
const optimizerToken = "test-optimizer-token-of-enough-characters";

let answer: () => Response | Promise<Response> = () => Response.json(optimizerSettings);
let asked: { method: string; path: string; headers: Headers; body: string }[] = [];
const optimizer = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname !== path) return new Response(null, { status: 404 });
    const { method, headers } = request;
    asked.push({ method, path: pathname, headers, body: await request.text() });
    return answer();
  },
});

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    env: { ANYRAY_OPTIMIZER_URL: `${optimizer.url.origin}/`, ANYRAY_OPTIMIZER_TOKEN: optimizerToken },
  });
});
afterAll(() => optimizer.stop(true));
beforeEach(() => {
  asked = [];
  answer = () => Response.json(optimizerSettings);
});

async function ask(body?: string, url = gateway.url, token = adminToken) {
  const response = await fetch(url + path, {
    method: body === undefined ? "GET" : "PUT",
    headers: { authorization: `Bearer ${token}` },
    ...(body !== undefined && { body }),
  });
  return { status: response.status, headers: response.headers, json: JSON.parse(await response.text()) };
}

test("what the optimizer answers is the answer, and it is told who asks", async () => {
  const read = await ask();
  expect([read.status, read.json]).toEqual([200, optimizerSettings]);
  expect(read.headers.get("cache-control")).toBe("no-store");
  const config = JSON.stringify({ strategies: [], "": "ü", __proto__: null });
  expect((await ask(config)).status).toBe(200);
  expect(asked.map(({ method, body }) => [method, body])).toEqual([
    ["GET", ""],
    ["PUT", config],
  ]);
  for (const { headers } of asked) {
    expect(headers.get("authorization")).toBe(`Bearer ${adminToken}`);
    expect(headers.get("x-anyray-optimizer-token")).toBe(optimizerToken);
    expect(headers.get("x-anyray-admin-ip")).toBe("127.0.0.1");
  }
});

test("a refusal comes through with its code and all of its faults", async () => {
  const error = { message: "2 faults: a; b.", type: "invalid_request_error", param: null, code: "invalid_request" };
  const headers = { "x-anyray-error": "invalid_request", "x-should-retry": "false", "x-secret": "inside" };
  answer = () => Response.json({ error }, { status: 400, headers });
  const { status, json, headers: got } = await ask("{}");
  expect([status, json]).toEqual([400, { error }]);
  expect([got.get("x-anyray-error"), got.get("x-should-retry"), got.get("x-secret")]).toEqual([
    "invalid_request",
    "false",
    null,
  ]);
});

test("nobody gets there without the admin token, nor with a body that is no JSON", async () => {
  expect((await ask(undefined, gateway.url, "wrong")).status).toBe(401);
  expect((await ask("{}", gateway.url, optimizerToken)).status).toBe(401);
  expect((await ask("{")).json.error.code).toBe("invalid_json");
  expect((await ask("[".repeat(100_000) + "]".repeat(100_000))).json.error.code).toBe("invalid_json");
  expect((await ask(`"${"x".repeat(1_048_576)}"`)).status).toBe(413);
  expect(asked).toEqual([]);
});

test.each([
  ["refuses the token", () => Response.json({ error: {} }, { status: 401 }), "ANYRAY_ADMIN_TOKEN"],
  ["answers with a page", () => new Response("<html>canary-of-the-inside</html>"), "does not answer"],
  ["answers with nothing", () => new Response(null, { status: 500 }), "does not answer"],
  ["redirects", () => Response.redirect("http://127.0.0.1:1/"), "does not answer"],
])("an optimizer that %s is a 502 that says so", async (_, given, told) => {
  answer = given;
  const { status, json } = await ask();
  expect([status, json.error.code]).toEqual([502, "upstream_unreachable"]);
  expect(json.error.message).toContain(told);
  expect(JSON.stringify(json)).not.toContain("canary");
});

test("an optimizer that is not there is a 502 at once, and the gateway goes on", async () => {
  const lonely = await startGateway({ env: { ANYRAY_OPTIMIZER_URL: "http://127.0.0.1:1" } });
  const startedAt = performance.now();
  for (const body of [undefined, "{}"]) {
    const { status, json } = await ask(body, lonely.url);
    expect([status, json.error.code]).toEqual([502, "upstream_unreachable"]);
    expect(json.error.message).toContain("The optimizer at http://127.0.0.1:1 does not answer");
  }
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  expect((await fetch(`${lonely.url}/ready`)).status).toBe(200);
  await lonely.stop();
});

test("one that is slow, or stops in the middle of its answer, is a 504 within the limit", async () => {
  const outbound = outboundToThisMachine();
  const relay = (url: string) =>
    createOptimizerRelay({ url, adminToken, optimizerToken, outbound, limitMs: 150 })(
      "/admin/optimizer/settings",
      "GET",
      null,
      null,
    );
  answer = () => Bun.sleep(1_000).then(() => new Response("{}"));
  await expect(relay(optimizer.url.origin)).rejects.toMatchObject({ code: "upstream_timeout" });
  const half = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"config"'),
    },
  });
  await expect(relay(`http://127.0.0.1:${half.port}`)).rejects.toMatchObject({ code: "upstream_timeout" });
  half.stop(true);
});

test("an admin that leaves while it waits harms nobody", async () => {
  answer = () => Bun.sleep(100).then(() => Response.json(optimizerSettings));
  const raw = await openRaw(Number(new URL(gateway.url).port));
  raw.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${adminToken}\r\n\r\n`);
  await Bun.sleep(30);
  raw.reset();
  expect((await ask()).status).toBe(200);
});
