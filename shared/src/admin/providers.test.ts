import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore } from "../store/open";
import type { Store } from "../store/store";
import {
  deleteProvider,
  isSlug,
  keyFingerprint,
  type ProviderInForce,
  parseProvider,
  reportProviders,
  setProvider,
} from "./providers";

const actor = { name: "admin", ip: null, at: Date.UTC(2026, 10, 15, 12) };
const seal = (plain: string, slug: string) => `sealed(${slug},${plain.length})`;
let dataDir: string;
let store: Store;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "anyray-providers-"));
  store = await openStore({ dataDir, timezone: "UTC" });
});
afterEach(async () => {
  await store.close();
  await rm(dataDir, { recursive: true, force: true });
});

test("slugs", () => {
  for (const slug of ["openai", "a", "azure-openai", "1-2-3", "constructor", "a".repeat(64)]) {
    expect(isSlug(slug)).toBe(true);
  }
  for (const slug of ["", "-a", "a-", "a--b", "A", "a_b", "__proto__", "ä", "a b", "a\n", "../x", "a".repeat(65)]) {
    expect(isSlug(slug)).toBe(false);
  }
});

test("the kind follows the slug unless it is given", () => {
  const kindOf = (slug: string, body: object) => parseProvider(slug, { baseUrl: "https://llm.test/v1", ...body }).kind;
  expect(kindOf("openai", {})).toBe("openai");
  expect(kindOf("anthropic", {})).toBe("anthropic");
  expect(kindOf("azure-openai", {})).toBe("azure-openai");
  expect(kindOf("vllm", {})).toBe("openai-compatible");
  expect(kindOf("constructor", {})).toBe("openai-compatible");
  expect(kindOf("claude-proxy", { kind: "anthropic" })).toBe("anthropic");
});

test("a key is kept when absent, removed by null, and shown in no message", () => {
  const baseUrl = "http://10.0.0.1:8000";
  expect(parseProvider("a", { baseUrl }).key).toBeUndefined();
  expect(parseProvider("a", { baseUrl, key: null }).key).toBeNull();
  expect(parseProvider("a", { baseUrl, key: "sk-1" }).key).toBe("sk-1");
  const bad = { baseUrl: "https://user:hunter2@llm.test", key: "secret with blanks", kind: "x", onAbort: "x", more: 1 };
  let message = "";
  try {
    parseProvider("Bad Slug", bad);
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).toStartWith("6 faults: ");
  for (const name of ['slug "Bad Slug"', 'unknown field "more"', 'kind="x"', "baseUrl:", "key:", 'onAbort="x"']) {
    expect(message).toContain(name);
  }
  expect(message).not.toContain("secret with");
  expect(message).not.toContain("hunter2");
});

test("base URLs with anything a request would not carry along are refused", () => {
  const accepted = ["https://api.test", "http://localhost:11434/v1", "https://[::1]:8080/", "HTTPS://API.TEST/x/y"];
  for (const baseUrl of accepted) expect(parseProvider("a", { baseUrl }).baseUrl).toBe(baseUrl);
  const refused = ["ftp://api.test", "api.test", "https://u@api.test", "https://u:p@api.test", "https://:p@api.test"];
  refused.push(
    "https://api.test?x=1",
    "https://api.test/?",
    "https://api.test/#",
    "https://api.test/\n",
    "https://a b.test",
  );
  refused.push("https:\\\\api.test", "javascript:alert(1)", "", `https://api.test/${"x".repeat(2048)}`);
  for (const baseUrl of [...refused, null, undefined, 7, {}]) {
    expect(() => parseProvider("a", { baseUrl })).toThrow("baseUrl: accepted is an http or https URL");
  }
});

test("keys that could not be a header's value are refused", () => {
  for (const key of ["", " ", "a b", "a\r\nx: y", "schlüssel", "a".repeat(4097), 7, {}, ["a"]]) {
    expect(() => parseProvider("a", { baseUrl: "https://api.test", key })).toThrow("key: accepted is");
  }
});

test("a stored key follows its provider to no other host", async () => {
  const change = parseProvider("moved", { baseUrl: "https://one.test", key: "sk-for-one" });
  const first = await setProvider(store, await store.readPolicy(), "moved", change, seal, actor);
  const away = parseProvider("moved", { baseUrl: "https://two.test" });
  expect(setProvider(store, first, "moved", away, seal, actor)).rejects.toThrow("the key must be given again");
  const again = parseProvider("moved", { baseUrl: "https://two.test", key: "sk-for-two" });
  const second = await setProvider(store, first, "moved", again, seal, actor);
  expect(second.providers.find(({ slug }) => slug === "moved")?.baseUrl).toBe("https://two.test");
});

test("keys reach neither policy nor audit log, and one kept stays the same", async () => {
  const change = parseProvider("vllm", { baseUrl: "https://one.test", key: "sk-canary-4711" });
  const first = await setProvider(store, await store.readPolicy(), "vllm", change, seal, actor);
  expect(first.providers[0]).toMatchObject({ slug: "vllm", sealedKey: "sealed(vllm,14)" });
  const other = parseProvider("vllm", { baseUrl: "https://one.test/v1", onAbort: "drain" });
  const second = await setProvider(store, first, "vllm", other, seal, actor);
  expect(second.providers[0]).toMatchObject({
    baseUrl: "https://one.test/v1",
    sealedKey: "sealed(vllm,14)",
    onAbort: "drain",
  });
  const without = parseProvider("vllm", { baseUrl: "https://two.test", key: null });
  const third = await setProvider(store, second, "vllm", without, seal, actor);
  expect(third.providers[0]?.sealedKey).toBeNull();
  const audit = await store.readAudit(null, 10);
  expect(audit.map(({ action, object }) => [action, object])).toEqual(Array(3).fill(["provider.set", "vllm"]));
  expect(audit[2]?.after).toMatchObject({ hasKey: true, newKey: keyFingerprint("sk-canary-4711") });
  expect(audit[0]).toMatchObject({ before: { hasKey: true }, after: { hasKey: false } });
  expect(JSON.stringify(audit)).not.toContain("canary");
  expect(JSON.stringify(audit)).not.toContain("sealed(");
});

test("only what is stored can be deleted", async () => {
  const inForce = (source: ProviderInForce["source"]): ProviderInForce => ({
    slug: "my-llm",
    kind: "openai-compatible",
    baseUrl: "https://one.test",
    keySource: "none",
    keyFingerprint: null,
    onAbort: "cancel",
    source,
  });
  const policy = await store.readPolicy();
  const remove = (provider?: ProviderInForce) => deleteProvider(store, policy, "my-llm", provider, actor);
  await expect(remove()).rejects.toMatchObject({ code: "not_found" });
  await expect(remove(inForce("built-in"))).rejects.toMatchObject({ code: "invalid_request" });
  await expect(remove(inForce("env"))).rejects.toThrow("ANYRAY_PROVIDER_URL_MY_LLM");
  expect(await store.readAudit(null, 10)).toEqual([]);
  const stored = await setProvider(
    store,
    policy,
    "my-llm",
    parseProvider("my-llm", { baseUrl: "https://one.test" }),
    seal,
    actor,
  );
  const after = await deleteProvider(store, stored, "my-llm", inForce("env"), actor);
  expect(after.providers).toEqual([]);
  expect((await store.readAudit(null, 1))[0]).toMatchObject({
    action: "provider.delete",
    object: "my-llm",
    after: null,
  });
});

test("a report says where things come from, which variable wins, and what is not in use", () => {
  const common = { kind: "openai-compatible", onAbort: "cancel" } as const;
  const stored = { ...common, baseUrl: "https://stored.test", sealedKey: "x" };
  const reports = reportProviders(
    [
      { ...common, slug: "b", baseUrl: "https://b.test", keySource: "env", keyFingerprint: "00112233", source: "env" },
      { ...common, slug: "a", baseUrl: "https://a.test", keySource: "none", keyFingerprint: null, source: "built-in" },
    ],
    [
      { ...stored, slug: "b" },
      { ...stored, slug: "c" },
    ],
  );
  expect(reports.map(({ slug, source, key }) => [slug, source, key.source])).toEqual([
    ["a", "built-in", "none"],
    ["b", "env", "env"],
    ["c", "store", "store"],
  ]);
  expect(reports[0]?.notice).toBeNull();
  expect(reports[1]?.notice).toBe(
    "ANYRAY_PROVIDER_URL_B and ANYRAY_PROVIDER_KEY_B are set and win over what is stored.",
  );
  expect(reports[2]?.notice).toContain("Not in use");
});
