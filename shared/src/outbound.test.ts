import { afterAll, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { createEgress, originsOf } from "./egress";
import { createOutbound, EgressRefused, type Outbound } from "./outbound";

const settings = { reason: "provider", proxy: null, isHttp2: true } as const;

/** One that may go to the hosts of `urls`. */
function outboundTo(...urls: string[]): Outbound {
  const origins = originsOf(urls);
  return createOutbound({ ...settings, egress: createEgress(), origins: () => origins });
}

interface RawServer {
  port: number;
  /** Everything each connection sent, one entry a connection. */
  received: string[];
}

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

/** Answers every request's head with the same bytes, without any HTTP library in between. */
function startServer(answer: Uint8Array): Promise<RawServer> {
  const received: string[] = [];
  const server = createServer((socket: Socket) => {
    const at = received.push("") - 1;
    socket.on("error", () => {});
    socket.on("data", (data) => {
      received[at] += data.toString("latin1");
      if (received[at]?.includes("\r\n\r\n")) socket.end(answer);
    });
  });
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve({ port: (server.address() as { port: number }).port, received }));
  });
}

function answerOf(body: Uint8Array, ...lines: string[]): Uint8Array {
  const head = [...lines, `content-length: ${body.length}`, "connection: close"].join("\r\n");
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${head}\r\n\r\n`), body]);
}

const empty = new Uint8Array();
const request = (method = "GET", body: Uint8Array<ArrayBuffer> | null = null) => ({
  method,
  headers: new Headers({ "x-kept": "1" }),
  body,
  signal: new AbortController().signal,
});

describe("an answer comes back as it was sent", () => {
  test("a redirect is the caller's to follow", async () => {
    const elsewhere = await startServer(answerOf(empty, "200 OK"));
    for (const status of [301, 302, 303, 307, 308]) {
      const location = `http://127.0.0.1:${elsewhere.port}/stolen`;
      const { port } = await startServer(answerOf(empty, `${status} Moved`, `location: ${location}`));
      const url = `http://127.0.0.1:${port}/v1/x`;
      const response = await outboundTo(url, location).send(url, request("POST"));
      expect([response.status, response.headers.get("location"), response.redirected]).toEqual([
        status,
        location,
        false,
      ]);
      await response.bytes();
    }
    expect(elsewhere.received).toEqual([]);
  });

  test("compressed bytes stay compressed, and say so", async () => {
    const body = gzipSync(JSON.stringify({ text: "x".repeat(5_000) }));
    for (const encoding of ["gzip", "br", "zstd", "deflate", "unheard-of"]) {
      const { port } = await startServer(
        answerOf(body, "200 OK", `content-encoding: ${encoding}`, "content-type: application/json"),
      );
      const url = `http://127.0.0.1:${port}/`;
      const response = await outboundTo(url).send(url, request());
      expect(response.headers.get("content-encoding")).toBe(encoding);
      expect(response.headers.get("content-length")).toBe(String(body.length));
      expect(Buffer.compare(await response.bytes(), body)).toBe(0);
    }
  });

  test("an error of the provider is an answer, a connection that fails is a rejection", async () => {
    const { port } = await startServer(answerOf(Buffer.from("overloaded"), "529 Overloaded"));
    const outbound = outboundTo(`http://127.0.0.1:${port}`, "http://127.0.0.1:1");
    const response = await outbound.send(`http://127.0.0.1:${port}/`, request());
    expect([response.status, await response.text()]).toEqual([529, "overloaded"]);
    const reason = outbound.send("http://127.0.0.1:1/", request()).then(
      () => "answered",
      () => "rejected",
    );
    expect(await reason).toBe("rejected");
    const gone = AbortSignal.abort();
    expect(outbound.send(`http://127.0.0.1:${port}/`, { ...request(), signal: gone })).rejects.toThrow();
  });
});

describe("a request goes out as it is", () => {
  test("with its method, headers and body bytes", async () => {
    const { port, received } = await startServer(answerOf(empty, "200 OK"));
    const bytes = new Uint8Array(Buffer.from('{"a":"\u00e9"}'));
    const url = `http://127.0.0.1:${port}/v1/x?a=b%20c`;
    await outboundTo(url).send(url, request("POST", bytes));
    const [sent = ""] = received;
    expect(sent).toStartWith("POST /v1/x?a=b%20c HTTP/1.1\r\n");
    expect(sent.toLowerCase()).toContain("\r\nx-kept: 1\r\n");
    expect(sent.toLowerCase()).toContain(`\r\ncontent-length: ${bytes.length}\r\n`);
    expect(sent).toEndWith(`\r\n\r\n${Buffer.from(bytes).toString("latin1")}`);
  });

  test("without a body where a body has no meaning", async () => {
    const { port, received } = await startServer(answerOf(empty, "200 OK"));
    const url = `http://127.0.0.1:${port}/`;
    for (const method of ["GET", "HEAD"]) {
      const response = await outboundTo(url).send(url, request(method, new Uint8Array([65])));
      expect(response.status).toBe(200);
    }
    for (const sent of received) expect(sent).toEndWith("\r\n\r\n");
    await outboundTo(url).send(url, request("DELETE", new Uint8Array([65])));
    expect(received.at(-1)).toEndWith("\r\n\r\nA");
  });
});

describe("nothing goes where nobody configured anything", () => {
  test("a call elsewhere is refused before a packet leaves, and counted", async () => {
    const here = await startServer(answerOf(empty, "200 OK"));
    const elsewhere = await startServer(answerOf(empty, "200 OK"));
    const egress = createEgress({ onRefused: (host, reason) => refusals.push(`${reason} ${host}`) });
    const refusals: string[] = [];
    let origins = originsOf([`http://127.0.0.1:${here.port}/v1`]);
    const outbound = createOutbound({ ...settings, egress, origins: () => origins });
    await outbound.send(`http://127.0.0.1:${here.port}/v1/x`, request());
    const bad = [
      `http://127.0.0.1:${elsewhere.port}/`,
      `http://127.0.0.1:${here.port}@127.0.0.1:${elsewhere.port}/`,
      `http://127.0.0.1:${elsewhere.port}/127.0.0.1:${here.port}`,
      `http://127.0.0.1:${elsewhere.port}\\@127.0.0.1:${here.port}/`,
      `https://127.0.0.1:${here.port}/`,
      `http://localhost:${here.port}/`,
      `//127.0.0.1:${here.port}/`,
      "",
    ];
    for (const url of bad) await expect(outbound.send(url, request())).rejects.toThrow(EgressRefused);
    await expect(outbound.send(`http://127.0.0.1:${elsewhere.port}/`, request())).rejects.toThrow(EgressRefused);
    expect([here.received.length, elsewhere.received.length]).toEqual([1, 0]);
    const entry = egress.report().hosts.find(({ host }) => host === `127.0.0.1:${elsewhere.port}`);
    expect(entry).toMatchObject({ isAllowed: false, calls: 0, refused: 5, firstAt: null });
    expect(refusals.filter((line) => line === `provider 127.0.0.1:${elsewhere.port}`)).toHaveLength(1);
    origins = originsOf([`http://127.0.0.1:${elsewhere.port}`]);
    await outbound.send(`http://127.0.0.1:${elsewhere.port}/`, request());
    await expect(outbound.send(`http://127.0.0.1:${here.port}/`, request())).rejects.toThrow(EgressRefused);
  });

  test("a name that nobody configured is not even looked up", async () => {
    const startedAt = performance.now();
    await expect(outboundTo("http://127.0.0.1:1").send("http://nobody.invalid/", request())).rejects.toThrow(
      EgressRefused,
    );
    expect(performance.now() - startedAt).toBeLessThan(50);
  });
});

describe("proxies", () => {
  const here = import.meta.dir;
  const script = (forgets: boolean, proxy: string | null) => `
    import { forgetProxyVariables } from ${JSON.stringify(join(here, "env.ts"))};
    import { createEgress, originsOf } from ${JSON.stringify(join(here, "egress.ts"))};
    import { createOutbound } from ${JSON.stringify(join(here, "outbound.ts"))};
    if (${forgets}) forgetProxyVariables();
    const origins = originsOf([process.argv.at(-1)]);
    const egress = createEgress();
    const settings = { reason: "provider", origins: () => origins, egress };
    const outbound = createOutbound({ ...settings, proxy: ${JSON.stringify(proxy)}, isHttp2: true });
    const signal = new AbortController().signal;
    const response = await outbound.send(process.argv.at(-1), { method: "POST", headers: new Headers(), body: null, signal });
    console.log(await response.text());`;

  /** What a process of its own gets for an answer when every proxy variable of its environment is set. */
  async function answerTo(url: string, proxyUrl: string, forgets: boolean, proxy: string | null): Promise<string> {
    const names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    const env = {
      ...process.env,
      NO_PROXY: "",
      no_proxy: "",
      ...Object.fromEntries(names.map((name) => [name, proxyUrl])),
    };
    const child = Bun.spawn([process.execPath, "-e", script(forgets, proxy), url], { env, stdout: "pipe" });
    return (await new Response(child.stdout).text()).trim();
  }

  test("of the environment are not used once forgotten, one set on purpose is", async () => {
    const target = await startServer(answerOf(Buffer.from("from the provider"), "200 OK"));
    const proxy = await startServer(answerOf(Buffer.from("from the proxy"), "200 OK"));
    const url = `http://127.0.0.1:${target.port}/v1/x`;
    const proxyUrl = `http://127.0.0.1:${proxy.port}`;
    expect(await answerTo(url, proxyUrl, false, null)).toBe("from the proxy");
    expect(proxy.received.splice(0)).toHaveLength(1);
    expect(await answerTo(url, proxyUrl, true, null)).toBe("from the provider");
    expect(proxy.received).toEqual([]);
    expect(await answerTo(url, "http://127.0.0.1:1", true, proxyUrl)).toBe("from the proxy");
    expect(proxy.received[0]).toStartWith(`POST ${url} HTTP/1.1`);
  });
});
