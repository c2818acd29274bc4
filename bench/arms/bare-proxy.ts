// The floor of the runtime: a proxy on Bun.serve and fetch that reads the body, forwards it and hands the answer on.
// It looks at nothing, counts nothing and refuses nobody; a gateway on Bun can only come near it.

const upstream = process.env["BENCH_UPSTREAM"] ?? "";
const port = Number(process.env["BENCH_PORT"]);

Bun.serve({
  hostname: "127.0.0.1",
  port,
  idleTimeout: 255,
  maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  development: false,
  async fetch(request) {
    const body = await request.arrayBuffer();
    const path = request.url.slice(request.url.indexOf("/", 8));
    const headers: Record<string, string> = {};
    for (const name of ["content-type", "authorization", "x-bench"]) {
      const value = request.headers.get(name);
      if (value !== null) headers[name] = value;
    }
    return fetch(upstream + path, {
      method: request.method,
      headers,
      body,
      signal: request.signal,
      decompress: false,
      redirect: "manual",
    });
  },
});
