// The official MCP client finds one tool at /mcp and gets elided text back by it, in both eras of the protocol; nothing
// that comes to /mcp opens a session, holds a stream or shows what is stashed.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createLog } from "@anyray/shared/log";
import { Metrics } from "@anyray/shared/metrics";
import { outboundToThisMachine } from "@anyray/shared/testing/outbound";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { Server } from "bun";
import { Elysia } from "elysia";
import { createApp } from "../src/app";
import { createMcpDoor } from "../src/mcp/door";
import { createRetrieve } from "../src/mcp/retrieve";
import type { Journey } from "../src/pipeline";

const handle = "ctx_ab22cd34ef56gh77";
const original = Array.from({ length: 90 }, (_, at) => `line ${at + 1}`).join("\n");
const canary = "SECRET-CANARY";

let optimizer: Server<undefined>;
let gateway: Server<undefined>;
let url: URL;
let isDraining = false;
let isDown = false;
const asked: Record<string, unknown>[] = [];
const logged: string[] = [];

/** Knows one original, of one user. */
async function serveOriginal(request: Request): Promise<Response> {
  const body = (await request.json()) as { handle: string; lines?: [number, number]; metadata: { user: string } };
  asked.push(body);
  if (isDown) return Response.json({ error: { message: canary } }, { status: 500 });
  const isAllowed = request.headers.get("authorization") === "Bearer the-token" && body.metadata.user === "ada";
  if (!isAllowed || body.handle !== handle) return Response.json({ error: { message: canary } }, { status: 404 });
  const [first, last] = body.lines ?? [1, 90];
  const content = original.split("\n").slice(first - 1, last);
  return Response.json({ handle, content: content.join("\n"), lines: [first, last], of: 90 });
}

beforeAll(() => {
  optimizer = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: serveOriginal });
  const log = createLog({ level: "debug", service: "gateway", write: (line) => void logged.push(line) });
  const outbound = outboundToThisMachine();
  const retrieve = createRetrieve({ outbound, url: optimizer.url.origin, token: "the-token" });
  const app = createApp({
    // Nothing at /mcp is a call.
    journey: {} as Journey,
    admin: new Elysia(),
    mcp: createMcpDoor({ retrieve, log, version: "1.2.3" }),
    adminToken: "unused",
    metrics: new Metrics(),
    log,
    version: "1.2.3",
    concurrencyMax: 1,
    idleSeconds: 5,
    isDraining: () => isDraining,
  });
  gateway = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: app });
  url = new URL("/mcp", gateway.url);
});
afterAll(async () => {
  await Promise.all([optimizer.stop(true), gateway.stop(true)]);
});

const metadataOf = (user: string) => ({ "x-anyray-metadata": JSON.stringify({ user, team: "platform" }) });

async function connect(mode: "legacy" | "auto", headers: Record<string, string> = metadataOf("ada")): Promise<Client> {
  const client = new Client({ name: "an-agent", version: "1" }, { versionNegotiation: { mode } });
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
  return client;
}

/** What the model reads. */
const textsOf = ({ content }: { content: unknown }) => (content as { text: string }[]).map(({ text }) => text);

for (const mode of ["legacy", "auto"] as const) {
  describe(`the official client, ${mode === "legacy" ? "2025 handshake" : "2026 requests"}`, () => {
    test("finds one tool and words for models", async () => {
      const client = await connect(mode);
      expect(client.getServerVersion()).toMatchObject({ name: "anyray", version: "1.2.3" });
      expect(client.getInstructions()).toContain("retrieve");
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toEqual(["retrieve"]);
      expect(tools[0]?.inputSchema.required).toEqual(["handle"]);
      expect(Object.keys(tools[0]?.inputSchema.properties ?? {})).toContain("jsonPath");
      expect(tools[0]?.annotations?.readOnlyHint).toBe(true);
      await client.close();
    });

    test("retrieves the whole, and a part with what part it is", async () => {
      const client = await connect(mode);
      const whole = await client.callTool({ name: "retrieve", arguments: { handle } });
      expect(textsOf(whole)[0]).toBe(original);
      const part = await client.callTool({ name: "retrieve", arguments: { handle, lines: [3, 4], maxChars: 100 } });
      expect(textsOf(part)).toEqual(["line 3\nline 4", '{"lines":[3,4],"of":90}']);
      const metadata = { user: "ada", team: "platform" };
      expect(asked.at(-1)).toEqual({ handle, lines: [3, 4], maxChars: 100, metadata });
      await client.close();
    });

    test("learns why it gets nothing: another's handle, a wrong one, wrong parameters, an optimizer that fails", async () => {
      const eve = await connect(mode, metadataOf("eve"));
      const nobody = await connect(mode, {});
      const ada = await connect(mode);
      const call = async (client: Client, parameters: Record<string, unknown>) => {
        const result = await client.callTool({ name: "retrieve", arguments: parameters });
        expect(result.isError).toBe(true);
        return textsOf(result).join();
      };
      const unknown = await call(ada, { handle: "ctx_aaaaaaaaaaaaaaaa" });
      expect(unknown).toStartWith("Nothing is stored under this handle");
      expect(await call(eve, { handle })).toBe(unknown);
      expect(await call(nobody, { handle })).toBe(unknown);
      const before = asked.length;
      for (const wrong of [{}, { handle: canary }, { handle, lines: [1] }, { handle, maxChars: 0 }, { handle, x: 1 }]) {
        expect(await call(ada, wrong)).not.toContain(canary);
      }
      expect(asked.length).toBe(before);
      isDown = true;
      expect(await call(ada, { handle })).toContain("cannot be retrieved right now");
      isDown = false;
      await Promise.all([eve.close(), nobody.close(), ada.close()]);
    });
  });
}

const accept = "application/json, text/event-stream";
const post = (body: unknown, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
const listTools = { jsonrpc: "2.0", id: 1, method: "tools/list" };

describe("the door", () => {
  test("opens no stream and ends no session: 405 to all but POST", async () => {
    for (const method of ["GET", "DELETE", "PUT", "OPTIONS"]) {
      const response = await fetch(url, { method, headers: { accept } });
      expect([method, response.status, response.headers.get("allow")]).toEqual([method, 405, "POST"]);
      expect(await response.json()).toMatchObject({ jsonrpc: "2.0", id: null, error: { code: -32_000 } });
    }
  });

  test("keeps no state: no session id, and any request stands alone", async () => {
    const response = await post(listTools);
    expect(response.status).toBe(200);
    expect(response.headers.get("mcp-session-id")).toBeNull();
    expect(response.headers.get("x-anyray-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(await response.text()).toContain('"name":"retrieve"');
    const notified = await post({ jsonrpc: "2.0", method: "notifications/initialized" });
    expect([notified.status, await notified.text()]).toEqual([202, ""]);
  });

  test("lets in no page but those of this machine, however its name was pointed here", async () => {
    const { host } = url;
    for (const origin of [
      "http://evil.example",
      `http://evil.example:${url.port}`,
      "null",
      "https://localhost.evil.example",
      "",
    ]) {
      const response = await post(listTools, { origin, host: origin.replace(/^https?:\/\//, "") || host });
      expect([origin, response.status]).toEqual([origin, 403]);
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
    }
    for (const origin of ["http://localhost:6274", "http://127.0.0.1", "http://[::1]:9"]) {
      const response = await post(listTools, { origin });
      expect([origin, response.status]).toEqual([origin, 200]);
      await response.text();
    }
  });

  test("takes no large body, no other type, no nonsense; and says nothing of what was sent", async () => {
    const large = { ...listTools, params: { x: canary.repeat(6_000) } };
    const answers: [number, Response][] = [
      [413, await post(large)],
      [400, await post(`{"${canary}`)],
      [400, await post(canary)],
      [400, await post({ jsonrpc: "1.0", [canary]: 1 })],
      [415, await post(listTools, { "content-type": "text/plain" })],
      [406, await post(listTools, { accept: "text/html" })],
    ];
    for (const [status, response] of answers) {
      const text = await response.text();
      expect([status, text]).toEqual([response.status, text]);
      expect(text).not.toContain(canary);
    }
  });

  test("a stream of notices is refused: there is nothing that could change", async () => {
    const client = await connect("auto");
    expect(client.getServerCapabilities()).toEqual({ tools: { listChanged: false } });
    await client.close();
    const _meta = {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientInfo": { name: "a", version: "1" },
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const listen = { jsonrpc: "2.0", id: 1, method: "subscriptions/listen", params: { notifications: {}, _meta } };
    const response = await post(listen, { "mcp-protocol-version": "2026-07-28", "mcp-method": "subscriptions/listen" });
    expect(await response.text()).toContain("Subscription limit reached");
  });

  test("many questions in one request are answered a few at a time", async () => {
    const call = (id: number) => ({
      ...{ jsonrpc: "2.0", id, method: "tools/call" },
      params: { name: "retrieve", arguments: { handle, lines: [id, id] } },
    });
    const response = await post(
      Array.from({ length: 60 }, (_, at) => call(at + 1)),
      metadataOf("ada"),
    );
    const text = await response.text();
    expect(text.match(/"of\\":90/g)?.length).toBe(32);
    expect(text.match(/Too many retrievals/g)?.length).toBe(28);
  });

  test("is shut while the gateway drains", async () => {
    isDraining = true;
    const response = await post(listTools);
    isDraining = false;
    expect([response.status, response.headers.get("x-anyray-error")]).toEqual([503, "draining"]);
  });

  test("nothing of all this was written to the log", () => {
    expect(logged).toEqual([]);
  });
});
