// Promise: a request that is none, or asks for what is not there, is answered as what it is; no spelling of a path or a
// host leads past the door of the admin plane, and none leads a call anywhere it was not meant for.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type BadWorld, chatBody, expectError, openBadWorld, secretCanary } from "./bad-world";
import { adminToken } from "./harness";
import { connectRaw, headersNamed, type RawAnswer, rawRequest } from "./raw-http";

// A start alone takes seconds on a busy machine.
setDefaultTimeout(20_000);

let world: BadWorld;
beforeAll(async () => {
  world = await openBadWorld();
});
afterAll(() => world.stop());

const json = ["content-type", "application/json"] as const;
const chatText = JSON.stringify(chatBody);

/** Bytes as they are, on a connection of their own; null when it is closed without an answer. */
async function sendBytes(bytes: string | Uint8Array): Promise<RawAnswer | null> {
  const client = await connectRaw(world.gateway.url);
  try {
    return await client.ask(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes).catch(() => null);
  } finally {
    client.close();
  }
}

const notFound = (method: string, path: string) => ({
  status: 404,
  code: "not_found",
  message: new RegExp(`^There is no ${method} ${path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")} here\\.`),
});

test("what is not there is a 404 in the caller's protocol, with the path and no more than that", async () => {
  await world.unnoticed(async () => {
    for (const [method, path] of [
      ["GET", "/nothing"],
      ["POST", "/"],
      ["DELETE", "/"],
      ["POST", "/health"],
      ["PUT", "/metrics"],
      ["DELETE", "/ready"],
      ["GET", "/v1"],
      ["GET", "/v2/chat/completions"],
      ["POST", "/chat/completions"],
      ["POST", "/V1/chat/completions"],
      ["POST", "/openai/v1/chat/completions"],
      ["GET", "/favicon.ico"],
      ["GET", "/.env"],
      ["GET", "/<script>alert(1)</script>"],
      ["GET", `/${"x".repeat(180)}`],
    ] as const) {
      const shown = new URL(path, "http://h").pathname;
      const { message, ...expected } = notFound(method, shown);
      expectError(await world.ask(method, path), { ...expected, message, type: "invalid_request_error" });
      const anthropic = await world.ask(method, path, [["anthropic-version", "2023-06-01"]]);
      expectError(anthropic, { ...expected, message, type: "not_found_error", protocol: "anthropic" });
    }
    const long = await world.ask("GET", `/${"y".repeat(5_000)}?key=${secretCanary}`);
    expect([long.status, long.body.length < 700, long.body.includes(secretCanary)]).toEqual([404, true, false]);
  });
});

test("a method that a route of the gateway's own does not have is its provider's to refuse, with TRACE the exception", async () => {
  await world.unharmed(async () => {
    for (const method of ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]) {
      const answer = await world.ask(method, "/v1/chat/completions", [["anthropic-version", "2023-06-01"]]);
      expect([method, answer.status, headersNamed(answer, "x-anyray-error")]).toEqual([method, 404, []]);
      expect([method, world.fake.received.at(-1)?.method]).toEqual([method, method]);
      if (method === "HEAD") expect(answer.body).toHaveLength(0);
    }
    for (const allowed of ["access-control-allow-origin", "access-control-allow-methods"]) {
      const headers = [
        ["origin", "http://page.test"],
        ["access-control-request-method", "POST"],
      ] as const;
      const answer = await world.ask("OPTIONS", "/v1/messages", headers);
      expect(headersNamed(answer, allowed)).toEqual([]);
    }
  });
  await world.unnoticed(async () => {
    // A provider that obeys TRACE would show the caller the key it was sent.
    for (const path of ["/v1/chat/completions", "/v1/models", "/v1/files", "/", "/health"]) {
      expectError(await world.ask("TRACE", path), { ...notFound("TRACE", path), type: "invalid_request_error" });
    }
    for (const line of ["CONNECT evil.test:443", "OPTIONS *", "BREW /v1/models", "get /v1/models", "PRI *"]) {
      const answer = await sendBytes(`${line} HTTP/1.1\r\nHost: g\r\n\r\n`);
      expect([line, answer === null || answer.status >= 400]).toEqual([line, true]);
    }
  });
});

test("headers and addresses over the limits are a 431", async () => {
  const tooLarge = { status: 431, code: "headers_too_large", type: "invalid_request_error" } as const;
  await world.unnoticed(async () => {
    for (const headers of [
      [["x-large", "x".repeat(33_000)]],
      [["authorization", `Bearer ${"x".repeat(33_000)}`]],
      [["x-anyray-metadata", "x".repeat(33_000)]],
      Array.from({ length: 60 }, (_, nth) => [`x-many-${nth}`, "x".repeat(600)] as const),
    ] as (readonly [string, string])[][]) {
      const openai = await world.ask("POST", "/v1/chat/completions", [json, ...headers], chatText);
      expectError(openai, { ...tooLarge, message: /this gateway accepts 32768/ });
      const anthropic = await world.ask("POST", "/v1/messages", [json, ...headers], chatText);
      expectError(anthropic, { ...tooLarge, protocol: "anthropic" });
    }
    // Beyond what the runtime takes in, it answers by itself and hangs up.
    for (const [target, headers] of [
      ["/v1/models", [["x-large", "x".repeat(100_000)]]],
      [`/v1/models?${"x".repeat(100_000)}`, []],
      ["/v1/models", [["x-anyray-metadata", JSON.stringify({ user: "x".repeat(1_048_576) })]]],
      ["/v1/models", Array.from({ length: 400 }, (_, nth) => [`x-${nth}`, "1"] as const)],
    ] as [string, (readonly [string, string])[]][]) {
      const answer = await sendBytes(rawRequest("GET", target, headers));
      expect([target.length, headers.length, answer?.status ?? 431]).toEqual([target.length, headers.length, 431]);
    }
  });
});

const chatFrom = (line: string, hosts: readonly string[]) =>
  `${[line, ...hosts.map((host) => `Host: ${host}`), "Content-Type: application/json", `Content-Length: ${chatText.length}`].join("\r\n")}\r\n\r\n${chatText}`;

test("a request that names no host, or two, is refused before anything else is read of it", async () => {
  const post = "POST /v1/chat/completions HTTP/1.1";
  const wrong = [
    ["a", "b"],
    ["g", "g"],
    ["a", "b", "c"],
    ["u@h"],
    ["a b"],
    [""],
    ["a, b"],
    ["a,b"],
    ["a/b?c"],
    ["a\\b"],
  ];
  await world.unnoticed(async () => {
    for (const hosts of wrong) {
      for (const line of [post, "GET /admin/spend HTTP/1.1", "GET /health HTTP/1.1"]) {
        const answer = await sendBytes(chatFrom(line, hosts));
        expect([hosts, line, answer?.status]).toEqual([hosts, line, 400]);
        expectError(answer!, {
          status: 400,
          code: "invalid_request",
          type: "invalid_request_error",
          message: /^The Host header of the request names no host, or there is more than one\.$/,
        });
      }
    }
    expect((await sendBytes(chatFrom(post, [])))?.status).toBe(400);
  });
  await world.unharmed(async () => {
    for (const host of ["g", "localhost:8787", "[::1]:80", "1.2.3.4", "xn--e1afmkfd", "a.b.c.", "evil.test"]) {
      expect([host, (await sendBytes(chatFrom(post, [host])))?.status]).toEqual([host, 200]);
    }
  });
});

test("an absolute target is taken by its path, and calls nobody else", async () => {
  await world.unharmed(async () => {
    const before = world.fake.received.length;
    for (const origin of ["http://evil.test", "https://evil.test:1", "http://127.0.0.1:1", "http://u:p@evil.test"]) {
      const answer = await sendBytes(chatFrom(`POST ${origin}/v1/chat/completions HTTP/1.1`, ["g"]));
      expect([origin, [200, 400].includes(answer?.status ?? 400)]).toEqual([origin, true]);
      for (const path of ["/admin/spend", "/v1/../admin/spend", "//admin/spend"]) {
        const door = await sendBytes(`GET ${origin}${path} HTTP/1.1\r\nHost: g\r\n\r\n`);
        expect([origin, path, [400, 401, 404].includes(door?.status ?? 400)]).toEqual([origin, path, true]);
      }
    }
    // Whatever was called was this provider, at the path that was asked for.
    for (const { path } of world.fake.received.slice(before)) expect(path).toBe("/v1/chat/completions");
  });
});

const spellings = [
  ...["/v1/../admin/spend", "/v1/%2e%2e/admin/spend", "/v1/%2E./admin/spend", "/v1/.%2e/admin/spend", "//admin/spend"],
  ...["/v1/..%2fadmin/spend", "/v1/..\\admin/spend", "/v1\\..\\admin/spend", "/admin/./spend", "/./admin/spend"],
  ...["/ADMIN/spend", "/%61dmin/spend", "/%2561dmin/spend", "/admin%2fspend", "/admin;x/spend", "/admin/spend/."],
  ...[
    "/v1/chat/completions/../../../admin/spend",
    "/v1/models/..%2f..%2fadmin",
    "/x/../admin/spend",
    "/admin%00/spend",
  ],
];

test("no spelling of an admin path is open without the token, and none is sent on to a provider as one", async () => {
  await world.unharmed(async () => {
    const before = world.fake.received.length;
    for (const target of spellings) {
      for (const method of ["GET", "PUT", "POST", "DELETE"]) {
        for (const authorization of ["", "Bearer wrong", `Basic ${adminToken}`, `bearer  ${adminToken.slice(1)}`]) {
          const answer = await world.ask(method, target, [["authorization", authorization]], "{}");
          expect([method, target, authorization, [400, 401, 404].includes(answer.status)]).toEqual([
            method,
            target,
            authorization,
            true,
          ]);
          expect(answer.body.toString()).not.toMatch(/"totals"|"caps"/);
        }
      }
    }
    for (const { target } of world.fake.received.slice(before)) {
      expect(target).toMatch(/^\/v1\//);
      expect(new URL(target, "http://h").pathname).toMatch(/^\/v1\//);
    }
  });
});

test("the admin plane refuses who has no token, a wrong one, or the right one in the wrong place", async () => {
  await world.unnoticed(async () => {
    const unauthorized = { status: 401, code: "unauthorized", type: "authentication_error" } as const;
    for (const [method, path] of [
      ["GET", "/admin/spend"],
      ["GET", "/admin/spend/rows"],
      ["PUT", "/admin/user-caps"],
      ["GET", "/admin/user-caps"],
      ["GET", "/admin/providers"],
      ["DELETE", "/admin/providers/openai"],
      ["GET", "/admin/nothing"],
      ["GET", "/admin"],
    ] as const) {
      for (const headers of [
        [["authorization", ""]],
        [["authorization", "Bearer"]],
        [["authorization", `Bearer ${adminToken}x`]],
        [["authorization", adminToken]],
        [
          ["authorization", ""],
          ["cookie", `token=${adminToken}`],
        ],
        [
          ["authorization", ""],
          ["x-api-key", adminToken],
        ],
        [["authorization", `Bearer x, Bearer ${adminToken}`]],
      ] as (readonly [string, string])[][]) {
        const answer = await world.ask(method, `${path}?token=${adminToken}`, headers, "{}");
        expectError(answer, unauthorized);
        expect(answer.body.toString()).not.toContain(adminToken);
      }
    }
  });
});

test("what an admin sends wrongly is told without repeating what may be secret", async () => {
  const put = (path: string, body: string | Uint8Array) =>
    world.ask("PUT", path, [["authorization", `Bearer ${adminToken}`], json], body);
  await world.unnoticed(async () => {
    const bad = { status: 400, type: "invalid_request_error" } as const;
    const keyed = { kind: "openai-compatible", baseUrl: 7, key: secretCanary, apiKey: secretCanary };
    for (const body of [keyed, { ...keyed, key: { secret: secretCanary } }, { ...keyed, key: [secretCanary] }]) {
      const answer = await put("/admin/providers/mine", JSON.stringify(body));
      expectError(answer, { ...bad, code: "invalid_request" });
      expect(answer.body.toString()).not.toContain("canary");
    }
    for (const path of ["/admin/providers/mine", "/admin/user-caps", "/admin/pricing"]) {
      for (const body of ["", "{", secretCanary, Buffer.from([0xff, 0xfe]), "[".repeat(1_000_000)]) {
        const answer = await put(path, body);
        expectError(answer, {
          ...bad,
          code: answer.body.includes("invalid_json") ? "invalid_json" : "invalid_request",
        });
        expect(answer.body.toString()).not.toContain("canary");
      }
      const large = await put(path, "x".repeat(1_048_577));
      expectError(large, { status: 413, code: "body_too_large", type: "invalid_request_error" });
    }
    for (const path of [
      "/admin/usage/%",
      "/admin/usage/%E0%A4",
      "/admin/usage/%00",
      `/admin/usage/${"x".repeat(3_000)}`,
    ]) {
      const answer = await world.ask("GET", path, [["authorization", `Bearer ${adminToken}`]]);
      expectError(answer, { ...bad, code: "invalid_request", message: /^the user in the path is not a name/ });
    }
    for (const user of ["__proto__", ""]) {
      const tokens = await put("/admin/user-caps", `{"user":${JSON.stringify(user)},"monthlyTokens":1.5}`);
      expectError(tokens, { ...bad, code: "invalid_request", message: /monthlyTokens/ });
    }
  });
});
