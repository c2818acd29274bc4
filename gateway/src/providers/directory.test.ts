import { describe, expect, test } from "bun:test";
import { AnyrayError } from "@anyray/shared/errors";
import type { ProviderPolicy } from "@anyray/shared/store/store";
import type { Protocol } from "../endpoints/endpoint";
import { createDirectory, type DirectorySettings, type Route } from "./directory";

const base: DirectorySettings = {
  urls: new Map([["ollama", "http://localhost:11434/v1/"]]),
  keys: new Map(),
  onAbort: new Map(),
  defaultOnAbort: "cancel",
  defaults: { openai: "openai", anthropic: "anthropic" },
};
/** Keys sealed with something else than this cannot be opened. */
const openKey = (sealed: string, slug: string) => (sealed === `sealed-${slug}` ? `key-of-${slug}` : null);
const directoryOf = (settings: Partial<DirectorySettings> = {}) => createDirectory({ ...base, ...settings }, openKey);
const policy = (slug: string, others: Partial<ProviderPolicy> = {}): ProviderPolicy => ({
  slug,
  kind: "openai-compatible",
  baseUrl: `https://${slug}.example/v1`,
  sealedKey: null,
  onAbort: null,
  ...others,
});
const slugs = (directory: ReturnType<typeof createDirectory>) => directory.list().map(({ slug }) => slug);

function refusal(act: () => Route): AnyrayError {
  try {
    act();
  } catch (error) {
    if (error instanceof AnyrayError) return error;
    throw error;
  }
  throw new Error("was taken");
}

describe("a call goes to", () => {
  const directory = directoryOf();
  const route = (slug: string | null, model: string | null, protocol: Protocol = "openai") => {
    const { provider, model: asked, isPrefixed } = directory.route(slug, model, protocol);
    return [provider.slug, asked, isPrefixed];
  };

  test("the provider its header names, before all else", () => {
    expect(route("ollama", "claude-opus-4")).toEqual(["ollama", "claude-opus-4", false]);
    expect(route("OLLAMA", "openai/gpt-4o", "anthropic")).toEqual(["ollama", "openai/gpt-4o", false]);
    expect(route("openai", null)).toEqual(["openai", null, false]);
  });

  test("the provider in front of its model, before the model's family", () => {
    expect(route(null, "ollama/claude-opus-4")).toEqual(["ollama", "claude-opus-4", true]);
    expect(route(null, "Anthropic/gpt-4o")).toEqual(["anthropic", "gpt-4o", true]);
    expect(route(null, "ollama/openai/gpt-4o")).toEqual(["ollama", "openai/gpt-4o", true]);
    expect(route(null, "ollama//x")).toEqual(["ollama", "/x", true]);
  });

  test("the family of its model, before its protocol's default", () => {
    for (const model of ["claude-opus-4-1", "claude-3-haiku-20240307"]) expect(route(null, model)[0]).toBe("anthropic");
    const ofOpenai = [
      "gpt-4o",
      "gpt-5.5",
      "chatgpt-4o-latest",
      "o1",
      "o3-mini",
      "text-embedding-3-small",
      "dall-e-3",
      "whisper-1",
      "ft:gpt-4o:x",
    ];
    for (const model of ofOpenai) expect(route(null, model, "anthropic")).toEqual(["openai", model, false]);
  });

  test("its protocol's default when nothing else tells", () => {
    for (const model of [null, "llama3", "o1x", "xgpt-4o", "my-claude-3", "mistral-large", "/gpt-4o", "__proto__"]) {
      expect(route(null, model)).toEqual(["openai", model, false]);
      expect(route(null, model, "anthropic")).toEqual(["anthropic", model, false]);
    }
    const local = directoryOf({ defaults: { openai: "Ollama", anthropic: "ollama" } });
    expect(local.route(null, "llama3", "openai").provider.slug).toBe("ollama");
    expect(local.route(null, "gpt-4o", "openai").provider.slug).toBe("openai");
  });

  test("a model whose name has a slash of its own, under that whole name", () => {
    for (const model of ["meta-llama/Llama-3", "unknown/gpt-4o", "constructor/x", "openai/", "ollama/"]) {
      expect(route(null, model)).toEqual(["openai", model, false]);
    }
  });

  test("nobody, when its header names nobody: the refusal lists who is known", () => {
    for (const slug of ["nobody", "__proto__", "x".repeat(5_000), '"quoted"\n']) {
      const { code, message } = refusal(() => directory.route(slug, "gpt-4o", "openai"));
      expect(code).toBe("unknown_provider");
      expect(message).toContain("Known providers: anthropic, ollama, openai.");
      expect(message.length).toBeLessThan(200);
    }
    const { message } = refusal(() =>
      directoryOf({ defaults: { openai: "gone", anthropic: "gone" } }).route(null, "m", "openai"),
    );
    expect(message).toContain('"gone"');
  });
});

describe("the known providers", () => {
  test("are the public ones and those with an address, trimmed", () => {
    const directory = directoryOf({
      keys: new Map([
        ["groq", "k"],
        ["openai", "sk-env"],
        ["azure-openai", "k"],
      ]),
    });
    expect(slugs(directory)).toEqual(["anthropic", "ollama", "openai"]);
    const [anthropic, ollama, openai] = directory.list();
    expect(ollama).toMatchObject({ baseUrl: "http://localhost:11434", serverKey: null, onAbort: "cancel" });
    expect(openai).toMatchObject({ baseUrl: "https://api.openai.com", serverKey: "sk-env" });
    expect(anthropic?.provider.kind).toBe("anthropic");
  });

  test("are joined by the stored ones, and left by those no longer stored", () => {
    const directory = directoryOf();
    directory.adopt([
      policy("groq", { sealedKey: "sealed-groq", onAbort: "drain" }),
      policy("eu-azure", { kind: "azure-openai" }),
    ]);
    expect(slugs(directory)).toEqual(["anthropic", "eu-azure", "groq", "ollama", "openai"]);
    expect(directory.route("groq", null, "openai").provider).toMatchObject({
      baseUrl: "https://groq.example",
      serverKey: "key-of-groq",
      onAbort: "drain",
    });
    expect(directory.route("eu-azure", null, "openai").provider.provider.kind).toBe("azure-openai");
    expect(directory.stored().map(({ slug }) => slug)).toEqual(["groq", "eu-azure"]);
    directory.adopt([]);
    expect(slugs(directory)).toEqual(["anthropic", "ollama", "openai"]);
    expect(directory.route(null, "groq/llama3", "openai")).toMatchObject({ model: "groq/llama3", isPrefixed: false });
  });

  test("go by the environment first: address, key, and what happens when a caller leaves", () => {
    const directory = directoryOf({
      urls: new Map([["groq", "https://env.example"]]),
      keys: new Map([["groq", "env-key"]]),
      onAbort: new Map([["groq", "cancel"]]),
      defaultOnAbort: "drain",
    });
    directory.adopt([policy("groq", { sealedKey: "sealed-groq", onAbort: "drain" }), policy("own")]);
    const expected = { baseUrl: "https://env.example", serverKey: "env-key", onAbort: "cancel" } as const;
    expect(directory.route("groq", null, "openai").provider).toMatchObject(expected);
    expect(directory.route("own", null, "openai").provider.onAbort).toBe("drain");
    // A key of the environment stands in for one that cannot be opened.
    directory.adopt([policy("groq", { sealedKey: "sealed with another key" })]);
    expect(directory.route("groq", null, "openai").provider.serverKey).toBe("env-key");
  });

  test("lose one whose stored key cannot be opened: the caller's own must not go in its place", () => {
    const directory = directoryOf();
    directory.adopt([
      policy("openai", { kind: "openai", sealedKey: "sealed with another key" }),
      policy("groq", { sealedKey: "" }),
    ]);
    expect(slugs(directory)).toEqual(["anthropic", "ollama"]);
    for (const model of ["gpt-4o", "openai/gpt-4o", null]) {
      expect(refusal(() => directory.route(null, model, "openai")).code).toBe("unknown_provider");
    }
  });
});
