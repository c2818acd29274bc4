import { afterAll, beforeAll, expect, test } from "bun:test";
import { isAdminUrl } from "../src/admin/gate";
import { type AdminWorld, adminToken, openAdminWorld, sendRaw } from "./admin-world";

let world: AdminWorld;
let ungated: AdminWorld;
beforeAll(async () => {
  world = await openAdminWorld();
  // A gateway that forgot to ask at the door: the routes ask themselves.
  ungated = await openAdminWorld({ withGate: false });
});
afterAll(async () => {
  await world.close();
  await ungated.close();
});

/** Every registered route with its parameters filled in. */
const routesOf = ({ plane }: AdminWorld) =>
  plane.routes.map(({ method, path }) => ({
    method: method === "ALL" ? "POST" : method,
    path: path.replace(/:\w+/, "x").replace("*", "anything"),
  }));

test("no route answers without the token, with or without the door before it", async () => {
  expect(routesOf(world).length).toBeGreaterThan(15);
  for (const { url } of [world, ungated]) {
    for (const { method, path } of routesOf(world)) {
      for (const tried of [path, `${path}/`, `${path}?token=${adminToken}`, `${path}?authorization=${adminToken}`]) {
        const response = await fetch(url + tried, { method, headers: { cookie: `token=${adminToken}` } });
        expect([method, tried, response.status]).toEqual([method, tried, 401]);
        const text = await response.text();
        expect(text).not.toContain(adminToken);
        expect(JSON.parse(text)).toEqual({
          error: { message: expect.any(String), type: "authentication_error", param: null, code: "unauthorized" },
        });
        expect(response.headers.get("x-anyray-error")).toBe("unauthorized");
        expect(response.headers.get("x-should-retry")).toBe("false");
        expect(response.headers.get("cache-control")).toBe("no-store");
        const challenge =
          path.startsWith("/admin/docs") && method === "GET" ? /^Basic realm="Anyray admin"/ : /^Bearer/;
        expect(response.headers.get("www-authenticate")).toMatch(challenge);
      }
    }
  }
});

test("every route answers with the token", async () => {
  for (const { method, path } of routesOf(world).filter(({ method }) => method === "GET")) {
    const { status } = await world.call(path, { method });
    expect([path, [200, 404].includes(status)]).toEqual([path, true]);
  }
});

test("a body of brackets alone is refused before it is parsed", async () => {
  const body = `${"[".repeat(400_000)}${"]".repeat(400_000)}`;
  const startedAt = performance.now();
  const response = await world.call("/admin/user-caps", { method: "PUT", body });
  expect(response.status).toBe(400);
  // Parsing it would take seconds, in which no stream goes on.
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});

test("odd spellings of a path reach no data without the token", async () => {
  const spellings = [
    ...["/ADMIN/spend", "/Admin/spend", "//admin/spend", "///admin//spend", "/admin//spend", "/%61dmin/spend"],
    ...["/%41DMIN/spend", "/admin%2fspend", "/admin/%73pend", "/admin/./spend", "/admin/../admin/spend"],
    ...["/v1/../admin/spend", "/v1/%2e%2e/admin/spend", "/v1/..%2fadmin/spend", "/admin\\spend", "/\\admin\\spend"],
    ...["/admin/spend#", "/admin/spend%00", "/admin/spend%3f", "/admin/spend;x=1", "/admin.", "/admin/spend."],
    ...["/administrator", "/admin", "/admin/", "/%2e/admin/spend", "http://evil.test/admin/spend", "/x/admin/spend"],
    ...[
      "/xx/admin/spend",
      "/xxx/admin/spend",
      "/?x/admin/spend",
      "/??/admin/spend",
      "/??x/admin/spend",
      "/a/v1/x/admin/spend",
    ],
  ];
  const hosts = ["127.0.0.1", "a", "ab", "abc", "abcd", "", "a/admin", "a?b", "a#b", "u@h", "h:1", "[::1]", "a\\admin"];
  for (const { server } of [world, ungated]) {
    for (const target of spellings) {
      for (const host of hosts) {
        const head = `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
        const answer = await sendRaw(server.port!, head);
        const status = Number(answer.split(" ")[1]);
        expect([target, host, status, [400, 401, 404].includes(status)]).toEqual([target, host, status, true]);
        expect(answer).not.toContain('"totals"');
      }
    }
  }
});

test("the door knows what a router could take for /admin, and leaves other paths alone", () => {
  const admin = [
    ...["http://h.test/admin", "http://h.test/admin/spend?x", "http://h.test/ADMIN", "http://h.test//admin/x"],
    ...["http://h.test/%61%64min/x", "http://h.test/%5cadmin", "http://h.test/%2fadmin", "/admin/spend", "//admin"],
    ...["http://a/xx/admin/spend", "http://ab/x/admin", "http://a/?x/admin", "https://h.test/admin"],
  ];
  for (const url of admin) expect([url, isAdminUrl(url)]).toEqual([url, true]);
  const others = ["http://h.test/", "http://h.test/v1/models/admin", "http://h.test/v1/chat/completions?p=/admin"];
  others.push("http://admin.test/v1/messages", "http://localhost:8787/health", "/", "", "http://h.test/adm");
  for (const url of others) expect([url, isAdminUrl(url)]).toEqual([url, false]);
});

test("tokens of any wrong shape are refused, the right one in any spelling of its scheme is taken", async () => {
  const statusOf = async (authorization: string) =>
    (await fetch(`${world.url}/admin/health`, { headers: { authorization } })).status;
  const wrong = ["", "x", adminToken.slice(1), adminToken.slice(0, -1), `${adminToken}x`, adminToken.toUpperCase()];
  for (const token of [...wrong, "x".repeat(15_000), "\u00e9", `${adminToken},`, `${adminToken} ${adminToken}`]) {
    expect([token.slice(0, 60), await statusOf(`Bearer ${token}`)]).toEqual([token.slice(0, 60), 401]);
  }
  const basic = Buffer.from(`admin:${adminToken}`).toString("base64");
  for (const value of [adminToken, `Token ${adminToken}`, `Bearer${adminToken}`, `Basic ${basic}`, "Bearer"]) {
    expect(await statusOf(value)).toBe(401);
  }
  for (const scheme of ["Bearer", "bearer", "BEARER", "Bearer   "]) {
    expect(await statusOf(`${scheme} ${adminToken}`)).toBe(200);
  }
  const twice = `GET /admin/health HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${adminToken}\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n`;
  expect(await sendRaw(world.server.port!, twice)).toStartWith("HTTP/1.1 401");
});

test("Basic is for reading the documentation, and nothing else", async () => {
  const statusOf = async (path: string, credential: string, method = "GET") => {
    const authorization = `Basic ${Buffer.from(credential).toString("base64")}`;
    return (await fetch(world.url + path, { method, headers: { authorization } })).status;
  };
  for (const credential of [`admin:${adminToken}`, `:${adminToken}`, `anybody at all:${adminToken}`]) {
    expect(await statusOf("/admin/docs", credential)).toBe(200);
    expect(await statusOf("/admin/docs/json", credential)).toBe(200);
    expect(await statusOf("/admin/spend", credential)).toBe(401);
    expect(await statusOf("/admin/docs", credential, "PUT")).toBe(401);
    expect(await statusOf("/admin/docsx", credential)).toBe(401);
    expect(await statusOf("/admin/docs/../spend", credential)).toBe(401);
  }
  for (const credential of ["", ":", adminToken, `${adminToken}:`, `admin:${adminToken}x`, `${adminToken}:x`]) {
    expect(await statusOf("/admin/docs", credential)).toBe(401);
  }
});

test("without an admin token nobody is let in, not even with an empty one", async () => {
  const { admitAdmin } = await import("../src/admin/gate");
  for (const authorization of ["Bearer ", "Bearer x", "Basic Og=="]) {
    const request = new Request("http://h.test/admin/docs", { headers: { authorization } });
    expect(admitAdmin(request, "")?.status).toBe(401);
  }
});

test("the log never holds the token", async () => {
  await world.call("/admin/health");
  await fetch(`${world.url}/admin/health?x=${adminToken}`, { headers: { authorization: `Bearer ${adminToken}x` } });
  expect(world.lines.join("\n")).not.toContain(adminToken);
});
