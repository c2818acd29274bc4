import { afterAll, beforeAll, expect, test } from "bun:test";
import { spendRow } from "@anyray/shared/testing/spend-row";
import { type AdminWorld, adminToken, now, openAdminWorld, optimizerSettings } from "./admin-world";
import { checkSchema, type OpenApi } from "./openapi-check";

let world: AdminWorld;
let doc: OpenApi;
beforeAll(async () => {
  world = await openAdminWorld();
  doc = (await world.ask("/admin/docs/json")).json;
});
afterAll(() => world.close());

test("the document describes every route but its own page, and each completely", () => {
  expect(doc.openapi).toBe("3.0.3");
  const described = Object.entries(doc.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ":$1")}`),
  );
  const registered = world.plane.routes
    .filter(({ method, path }) => method !== "ALL" && !path.startsWith("/admin/docs"))
    .map(({ method, path }) => `${method} ${path}`);
  expect(described.sort()).toEqual(registered.sort());
  for (const [path, item] of Object.entries(doc.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(["200", "401", "500"]));
      expect(operation.summary).not.toBe("");
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = operation.parameters.filter((parameter) => parameter.in === "path");
      expect(declared.map(({ name }) => name)).toEqual(inPath as string[]);
      expect("requestBody" in operation).toBe(method === "put" || method === "post");
    }
  }
  const ids = Object.values(doc.paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId));
  expect(new Set(ids).size).toBe(ids.length);
});

test("every reference of the document leads somewhere", () => {
  const references = [...JSON.stringify(doc).matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference ?? "");
  expect(references.length).toBeGreaterThan(20);
  for (const reference of references) {
    expect(Object.keys(doc.components.schemas)).toContain(reference.replace("#/components/schemas/", ""));
  }
});

test("real answers and bodies are what the document says", async () => {
  await world.store.recordSpend([
    spendRow({ id: 1, ts: now - 1000, labels: { a: 1, b: "x", c: true }, decisions: { k: 3 }, ttftMs: null }),
    spendRow({ id: 2, ts: now - 500, user: null, model: null, costNanoUsd: null, status: 429, team: "t" }),
  ]);
  const caps = [
    { user: "ada", monthlyTokens: 5 },
    { user: "bob", monthlyTokens: null },
  ];
  const provider = { baseUrl: "https://x.test", key: "sk-1", onAbort: null };
  const prices = [{ provider: "openai", model: "m", inputUsdPerMillion: 1, outputUsdPerMillion: 2 }];
  const bodies: [string, string, unknown][] = [
    ["/admin/optimizer/settings", "/admin/optimizer/settings", optimizerSettings.config],
    ["/admin/optimizer/settings", "/admin/optimizer/settings", optimizerSettings],
    ["/admin/user-caps", "/admin/user-caps", { caps }],
    ["/admin/user-caps", "/admin/user-caps", caps[0]],
    ["/admin/providers/{slug}", "/admin/providers/vllm", provider],
    ["/admin/pricing", "/admin/pricing", { prices }],
    ["/admin/pricing", "/admin/pricing", { prices: [{ provider: "openai", model: "n", delete: true }] }],
  ];
  for (const [path, target, body] of bodies) {
    const operation = doc.paths[path]!.put!;
    checkSchema(doc, operation.requestBody!.content["application/json"]!.schema, body, "body");
    const { status, json } = await world.ask(target, body);
    checkSchema(doc, operation.responses[status]!.content["application/json"]!.schema, json, `PUT ${target}`);
    expect(status).toBe(200);
  }
  const all = "user,team,model,provider,status,endpoint,session,tool,strategy,outcome";
  const reads: [string, string, number][] = [
    ["/admin/spend", `/admin/spend?groupBy=${all}&interval=day`, 200],
    ["/admin/spend", "/admin/spend?user=nobody", 200],
    ["/admin/spend", "/admin/spend?x=1", 400],
    ["/admin/spend/rows", "/admin/spend/rows", 200],
    ["/admin/user-caps", "/admin/user-caps", 200],
    ["/admin/usage/{user}", "/admin/usage/ada", 200],
    ["/admin/usage/{user}", "/admin/usage/nobody", 200],
    ["/admin/pricing", "/admin/pricing", 200],
    ["/admin/providers", "/admin/providers", 200],
    ["/admin/providers/{slug}", "/admin/providers/vllm", 200],
    ["/admin/providers/{slug}", "/admin/providers/nope", 404],
    ["/admin/audit", "/admin/audit", 200],
    ["/admin/health", "/admin/health", 200],
    ["/admin/optimizer/settings", "/admin/optimizer/settings", 200],
  ];
  for (const [path, target, expected] of reads) {
    const { status, json } = await world.ask(target);
    expect([target, status]).toEqual([target, expected]);
    checkSchema(doc, doc.paths[path]!.get!.responses[status]!.content["application/json"]!.schema, json, target);
  }
  const removed = await world.call("/admin/providers/vllm", { method: "DELETE" });
  const schema = doc.paths["/admin/providers/{slug}"]!.delete!.responses["200"]!.content["application/json"]!.schema;
  checkSchema(doc, schema, await removed.json(), "DELETE");
});

test("the page and all it loads come from here, under a policy without inline script", async () => {
  const page = await world.call("/admin/docs");
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  const html = await page.text();
  const policy = page.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
  expect(html).not.toMatch(/https?:|<script(?![^>]*\bsrc=)|\son\w+=|style=/i);
  const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? "");
  const local = links.filter((link) => link !== "data:,");
  expect(local.every((link) => /^\/admin\/docs\/[\w.-]+$/.test(link))).toBe(true);
  const basic = `Basic ${Buffer.from(`admin:${adminToken}`).toString("base64")}`;
  for (const link of local) {
    const response = await fetch(world.url + link, { headers: { authorization: basic } });
    expect([link, response.status]).toEqual([link, 200]);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("content-type")).toMatch(/^(text\/(css|javascript); charset=utf-8|application\/json)$/);
    expect((await response.bytes()).length).toBeGreaterThan(100);
  }
  const script = await (await world.call("/admin/docs/start.js")).text();
  expect(script).toContain("validatorUrl: null");
  expect(script).not.toMatch(/https?:/);
});

test("the generator is loaded when somebody looks, not at start", async () => {
  const script = `
    const { createAdminPlane } = await import("${import.meta.dir}/../src/admin/plane.ts");
    const plane = createAdminPlane({ adminToken: "t", now: Date.now, log: {} });
    const loaded = () => Object.keys(require.cache).some((path) => path.includes("@elysiajs/swagger"));
    const before = loaded();
    const headers = { authorization: "Bearer t" };
    const { status } = await plane.handle(new Request("http://h.test/admin/docs/json", { headers }));
    console.log(JSON.stringify([before, status, loaded()]));
  `;
  const child = Bun.spawn([process.execPath, "-e", script], {
    stdout: "pipe",
    stderr: "inherit",
    cwd: import.meta.dir,
  });
  expect(JSON.parse(await new Response(child.stdout).text())).toEqual([false, 200, true]);
});
