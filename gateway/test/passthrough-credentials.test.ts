// A credential reaches the one provider it is for, in that provider's form, and is written nowhere else: each key here is
// a canary, looked for in all that every provider received and in all that the gateway wrote.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startGateway, type TestGateway } from "./harness";
import { connectRaw, type RawAnswer, rawRequest } from "./raw-http";
import { startTapeProvider, type TapeProvider } from "./tape-provider";

const answer = {
  status: 200,
  headers: [["content-type", "application/json"]],
  pieces: [Buffer.from('{"ok":true}')],
} as const;
const slugs = ["openai", "anthropic", "azure-openai", "keyed", "stored"] as const;
type Slug = (typeof slugs)[number];
const providers = Object.fromEntries(slugs.map((slug) => [slug, startTapeProvider(() => answer)])) as Record<
  Slug,
  TapeProvider
>;

const keys = {
  keyed: "canary-key-of-keyed",
  stored: "canary-key-of-stored",
  caller: "canary-key-of-caller",
  second: "canary-second-key-of-caller",
  prompt: "canary-words-of-a-prompt",
};

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    env: {
      ANYRAY_LOG_LEVEL: "debug",
      ...Object.fromEntries(
        slugs
          .filter((slug) => slug !== "stored")
          .map((slug) => [`ANYRAY_PROVIDER_URL_${slug.toUpperCase().replace("-", "_")}`, providers[slug].url]),
      ),
      ANYRAY_PROVIDER_KEY_KEYED: keys.keyed,
    },
  });
  await gateway.admin("PUT", "/admin/providers/stored", {
    kind: "anthropic",
    baseUrl: providers.stored.url,
    key: keys.stored,
  });
});
afterAll(() => {
  for (const provider of Object.values(providers)) provider.stop();
});

type Headers = readonly (readonly [name: string, value: string])[];

async function post(path: string, headers: Headers, body: unknown = {}): Promise<RawAnswer> {
  const client = await connectRaw(gateway.url);
  const type = ["content-type", "application/json"] as const;
  const found = await client.ask(rawRequest("POST", path, [type, ...headers], JSON.stringify(body)));
  client.close();
  return found;
}

/** The headers a provider can read a credential from, as the provider got them. */
async function credentials(slug: Slug, path: string, headers: Headers): Promise<Record<string, string[]>> {
  const before = providers[slug].received.length;
  expect((await post(path, [["x-anyray-provider", slug], ...headers])).status).toBe(200);
  expect(providers[slug].received.length).toBe(before + 1);
  const found: Record<string, string[]> = {};
  for (const [name, value] of providers[slug].received.at(-1)!.headers) {
    if (/^(authorization|x-api-key|api-key|cookie|proxy-authorization)$/i.test(name))
      found[name.toLowerCase()] = [...(found[name.toLowerCase()] ?? []), value];
  }
  return found;
}

const bearer = ["authorization", `Bearer ${keys.caller}`] as const;
const apiKey = ["x-api-key", keys.caller] as const;
const azureKey = ["api-key", keys.caller] as const;
const openaiRoutes = ["/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/completions", "/v1/moderations"];
const anthropicRoutes = ["/v1/messages", "/v1/messages/count_tokens"];

test("the caller's credential goes on in its provider's form, whichever form it came in, on every route", async () => {
  for (const sent of [bearer, apiKey, azureKey, ["Authorization", `bearer   ${keys.caller}`] as const]) {
    for (const path of [...openaiRoutes, ...anthropicRoutes]) {
      expect(await credentials("openai", path, [sent])).toEqual({ authorization: [`Bearer ${keys.caller}`] });
    }
    for (const path of anthropicRoutes) {
      expect(await credentials("anthropic", path, [sent])).toEqual({ "x-api-key": [keys.caller] });
    }
    expect(await credentials("anthropic", "/v1/chat/completions", [sent])).toEqual({
      authorization: [`Bearer ${keys.caller}`],
    });
    expect(await credentials("azure-openai", "/v1/chat/completions", [sent])).toEqual({ "api-key": [keys.caller] });
  }
});

test("a credential that is neither a key nor a token goes on as it is to a server of one's own", async () => {
  const basic = ["authorization", "Basic dXNlcjpwYXNz"] as const;
  expect(await credentials("openai", "/v1/chat/completions", [basic])).toEqual({ authorization: [basic[1]] });
});

test("no credential stays none", async () => {
  for (const slug of ["openai", "anthropic", "azure-openai"] as const) {
    expect(await credentials(slug, "/v1/messages", [])).toEqual({});
    expect(await credentials(slug, "/v1/messages", [["authorization", "Bearer"]])).toEqual({});
  }
});

test("an OAuth token and a key side by side both reach Anthropic, each in its place", async () => {
  const token = "sk-ant-oat01-token";
  expect(await credentials("anthropic", "/v1/messages", [["authorization", `Bearer ${token}`]])).toEqual({
    authorization: [`Bearer ${token}`],
  });
  expect(await credentials("anthropic", "/v1/messages", [["authorization", `Bearer ${token}`], apiKey])).toEqual({
    authorization: [`Bearer ${token}`],
    "x-api-key": [keys.caller],
  });
});

test("a server-held key takes the place of whatever the caller sent", async () => {
  const second = ["x-api-key", keys.second] as const;
  for (const sent of [
    [],
    [bearer],
    [apiKey],
    [azureKey],
    [bearer, second],
    [["authorization", "Basic abc"]],
  ] as Headers[]) {
    for (const path of [...openaiRoutes, ...anthropicRoutes]) {
      expect(await credentials("keyed", path, sent)).toEqual({ authorization: [`Bearer ${keys.keyed}`] });
    }
    expect(await credentials("stored", "/v1/messages", sent)).toEqual({ "x-api-key": [keys.stored] });
    expect(await credentials("stored", "/v1/chat/completions", sent)).toEqual({
      authorization: [`Bearer ${keys.stored}`],
    });
  }
});

/** Everything a provider received, as text. */
function receivedText(slug: Slug): string {
  return providers[slug].received
    .map(({ target, headers, body }) => [target, ...headers.flat(), Buffer.from(body).toString("latin1")].join("\n"))
    .join("\n");
}

test("a server-held key is sent to no other host, and the caller's to none that has a key of its own", async () => {
  const everyWay = { model: "keyed/x", messages: [{ role: "user", content: keys.prompt }] };
  await post("/v1/chat/completions", [bearer], everyWay);
  await post("/v1/messages", [apiKey], { ...everyWay, model: "stored/claude-x" });
  await post("/v1/chat/completions", [bearer], { ...everyWay, model: "nobody/x" });
  for (const slug of slugs) {
    const text = receivedText(slug);
    expect(text.length).toBeGreaterThan(0);
    expect([slug, text.includes(keys.keyed)]).toEqual([slug, slug === "keyed"]);
    expect([slug, text.includes(keys.stored)]).toEqual([slug, slug === "stored"]);
    const mayHaveCallers = slug !== "keyed" && slug !== "stored";
    expect([slug, text.includes(keys.caller)]).toEqual([slug, mayHaveCallers]);
    expect([slug, text.includes(keys.second)]).toEqual([slug, false]);
  }
});

function* filesUnder(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) yield join(entry.parentPath, entry.name);
  }
}

test("no credential and no prompt is in the log, the data directory, the metrics or the admin's answers", async () => {
  // Failures write more than successes do.
  providers["azure-openai"].stop();
  const content = { model: "m", messages: [{ role: "user", content: keys.prompt }] };
  expect((await post("/v1/messages", [["x-anyray-provider", "azure-openai"], apiKey], content)).status).toBe(502);
  expect((await post("/v1/chat/completions", [bearer, ["x-anyray-metadata", keys.caller]], [keys.prompt])).status).toBe(
    400,
  );
  expect((await post("/v1/chat/completions", [bearer, ["content-encoding", "x"]], content)).status).toBe(415);

  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  const paths = [
    "/admin/spend/rows",
    "/admin/spend?groupBy=model",
    "/admin/providers",
    "/admin/audit",
    "/admin/health",
  ];
  const told = await Promise.all(paths.map(async (path) => JSON.stringify(await gateway.admin("GET", path))));
  expect(told.join()).toContain("stored");
  expect(told.join()).toContain("azure-openai");
  await gateway.stop();
  const files = [...filesUnder(gateway.dataDir)];
  expect(files.some((file) => file.endsWith(".db"))).toBe(true);
  const written = files.map((file): [string, string] => [file, readFileSync(file).toString("latin1")]);
  const log = gateway.output();
  expect(log).toContain("a provider gave no answer");
  for (const [place, text] of [...written, ["log", log], ["metrics", metrics], ["admin", told.join()]] as const) {
    for (const secret of Object.values(keys)) expect([place, text.includes(secret)]).toEqual([place, false]);
  }
});
