// Owns which providers this deployment knows and which of them takes a call.

import { originsOf } from "@anyray/shared/egress";
import { AnyrayError } from "@anyray/shared/errors";
import type { ProviderPolicy } from "@anyray/shared/store/store";
import type { Protocol } from "../endpoints/endpoint";
import { trimBaseUrl } from "./address";
import type { ConfiguredProvider } from "./provider";
import { providerOfKind, providers } from "./registry";

export interface DirectorySettings {
  urls: ReadonlyMap<string, string>;
  keys: ReadonlyMap<string, string>;
  onAbort: ReadonlyMap<string, "cancel" | "drain">;
  defaultOnAbort: "cancel" | "drain";
  /** Slug for a call whose model tells nothing, by protocol. */
  defaults: Readonly<Record<Protocol, string>>;
}

/** What led to the provider: the caller's header, the model's prefix, the model's family, the protocol's default. */
export type RoutedBy = "header" | "prefix" | "family" | "default";

export interface Route {
  provider: ConfiguredProvider;
  /** The model without the slug that led here. */
  model: string | null;
  /** The slug was part of the model's name and must be taken out of the body. */
  isPrefixed: boolean;
  by: RoutedBy;
}

export type Directory = ReturnType<typeof createDirectory>;

/** Model names that tell their vendor. A model may only ever be looked up here after its slug prefix. */
const families: readonly [RegExp, string][] = [
  [/^claude-/, "anthropic"],
  [
    /^(gpt-|chatgpt-|o\d(-|$)|codex-|text-embedding-|text-moderation-|omni-moderation-|davinci|babbage|dall-e|whisper-|tts-|sora-|computer-use-|ft:gpt-)/,
    "openai",
  ],
];

/**
 * `openKey` unseals a stored key; when it cannot, the provider is left out rather than called with the caller's
 * credential in the key's place.
 */
export function createDirectory(settings: DirectorySettings, openKey: (sealed: string, slug: string) => string | null) {
  let known = new Map<string, ConfiguredProvider>();
  let origins: ReadonlySet<string> = new Set();
  let stored: readonly ProviderPolicy[] = [];

  const configure = (slug: string, policy: ProviderPolicy | undefined): ConfiguredProvider | null => {
    const provider = providerOfKind(policy?.kind ?? slug);
    const baseUrl = settings.urls.get(slug) ?? policy?.baseUrl ?? provider.publicUrl;
    if (!baseUrl) return null;
    const sealed = policy?.sealedKey ?? null;
    let serverKey = settings.keys.get(slug) ?? null;
    if (serverKey === null && sealed !== null) {
      serverKey = openKey(sealed, slug);
      if (serverKey === null) return null;
    }
    const onAbort = settings.onAbort.get(slug) ?? policy?.onAbort ?? settings.defaultOnAbort;
    return { slug, provider, baseUrl: trimBaseUrl(baseUrl), serverKey, onAbort };
  };

  const adopt = (policies: readonly ProviderPolicy[]) => {
    stored = policies;
    const bySlug = new Map(policies.map((policy) => [policy.slug, policy]));
    const builtIn = providers.filter((provider) => provider.publicUrl !== null).map((provider) => provider.kind);
    const slugs = new Set<string>([...builtIn, ...settings.urls.keys(), ...settings.keys.keys(), ...bySlug.keys()]);
    const next = new Map<string, ConfiguredProvider>();
    for (const slug of [...slugs].sort()) {
      const configured = configure(slug, bySlug.get(slug));
      if (configured) next.set(slug, configured);
    }
    known = next;
    origins = originsOf([...next.values()].map(({ baseUrl }) => baseUrl));
  };
  adopt([]);

  const named = (slug: string): ConfiguredProvider => {
    const found = known.get(slug.toLowerCase());
    if (found) return found;
    const shown = JSON.stringify(slug.slice(0, 64));
    throw new AnyrayError(
      "unknown_provider",
      `No provider is configured under ${shown}. Known providers: ${[...known.keys()].join(", ")}.`,
    );
  };

  return {
    adopt,
    list: (): readonly ConfiguredProvider[] => [...known.values()],
    stored: () => stored,
    /** Where calls to providers may go now. */
    origins: () => origins,
    /**
     * The slug the caller names, else the model's prefix, else its family, else the protocol's default.
     *
     * @throws AnyrayError unknown_provider
     */
    route(slug: string | null, model: string | null, protocol: Protocol): Route {
      if (slug) return { provider: named(slug), model, isPrefixed: false, by: "header" };
      const slash = model?.indexOf("/") ?? -1;
      if (model && slash > 0 && slash < model.length - 1) {
        const prefixed = known.get(model.slice(0, slash).toLowerCase());
        if (prefixed) return { provider: prefixed, model: model.slice(slash + 1), isPrefixed: true, by: "prefix" };
      }
      const family = model && families.find(([pattern]) => pattern.test(model))?.[1];
      const provider = named(family || settings.defaults[protocol]);
      return { provider, model, isPrefixed: false, by: family ? "family" : "default" };
    },
  };
}
