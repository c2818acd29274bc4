// Owns provider entries as an admin sets them. A key goes in sealed and never comes out: what is shown of it
// is whether there is one, where it came from, and eight digits to tell two keys apart.

import { AnyrayError } from "../errors";
import type { Policy, ProviderPolicy, Store } from "../store/store";
import { type Actor, changeAudited } from "./audit";
import { readFields, refuseFaults, shown } from "./request";

/** A provider as the gateway uses it now. */
export interface ProviderInForce {
  slug: string;
  kind: string;
  baseUrl: string;
  keySource: "env" | "store" | "none";
  /** First 8 hex digits of the key's SHA-256. */
  keyFingerprint: string | null;
  onAbort: "cancel" | "drain";
  source: "env" | "store" | "built-in";
}

export interface ProviderReport {
  slug: string;
  kind: string;
  baseUrl: string;
  key: { set: boolean; source: "env" | "store" | "none"; fingerprint: string | null };
  /** null = the gateway's default. */
  onAbort: "cancel" | "drain" | null;
  /** Where the base URL comes from. A variable wins over what is stored. */
  source: "env" | "store" | "built-in";
  /** What an admin must know: a variable that wins, a key that cannot be opened. */
  notice: string | null;
}

export interface ProviderChange {
  kind: ProviderPolicy["kind"];
  baseUrl: string;
  /** undefined keeps the stored key, null removes it. */
  key: string | null | undefined;
  onAbort: "cancel" | "drain" | null;
}

export const providerKinds = ["openai", "anthropic", "azure-openai", "openai-compatible"] as const;
export const slugCharsMax = 64;
const slugPattern = /^[a-z0-9]+(-[a-z0-9]+)*$/;

export function isSlug(value: string): boolean {
  return value.length <= slugCharsMax && slugPattern.test(value);
}

/** Tells two keys apart without telling either. */
export function keyFingerprint(key: string): string {
  return new Bun.CryptoHasher("sha256").update(key).digest("hex").slice(0, 8);
}

/** Every provider in force, and the stored ones that are not because their key cannot be opened. By slug. */
export function reportProviders(
  inForce: readonly ProviderInForce[],
  stored: readonly ProviderPolicy[],
): ProviderReport[] {
  const storedSlugs = new Set(stored.map(({ slug }) => slug));
  const reports = new Map(inForce.map((provider) => [provider.slug, reportInForce(provider, storedSlugs)]));
  for (const policy of stored) if (!reports.has(policy.slug)) reports.set(policy.slug, reportUnusable(policy));
  return [...reports.values()].sort((one, other) => (one.slug < other.slug ? -1 : 1));
}

function reportInForce(provider: ProviderInForce, storedSlugs: ReadonlySet<string>): ProviderReport {
  const { slug, kind, baseUrl, keySource, keyFingerprint: fingerprint, onAbort, source } = provider;
  const notice = storedSlugs.has(slug) ? winningVariables(provider) : null;
  const key = { set: keySource !== "none", source: keySource, fingerprint };
  return { slug, kind, baseUrl, key, onAbort, source, notice };
}

function reportUnusable({ slug, kind, baseUrl, sealedKey, onAbort }: ProviderPolicy): ProviderReport {
  const source = sealedKey === null ? "none" : "store";
  const key = { set: sealedKey !== null, source, fingerprint: null } as const;
  const notice = "Not in use: its key cannot be opened with this content key. Put the key again.";
  return { slug, kind, baseUrl, key, onAbort, source: "store", notice };
}

/**
 * Reads `{kind?, baseUrl, key?, onAbort?}`. No message ever shows the key, nor the URL, which may hold one.
 *
 * @throws AnyrayError `invalid_request` naming every fault
 */
export function parseProvider(slug: string, body: unknown): ProviderChange {
  const faults: string[] = [];
  if (!isSlug(slug)) {
    faults.push(
      `slug ${shown(slug)}: accepted is a-z, 0-9 and single - between them, at most ${slugCharsMax} characters`,
    );
  }
  const fields = readFields(body, ["kind", "baseUrl", "key", "onAbort"], "", faults) ?? new Map<string, unknown>();
  const kind = fields.get("kind") ?? defaultKind(slug);
  const knownKind = providerKinds.find((candidate) => candidate === kind);
  if (!knownKind) faults.push(`kind=${shown(kind)}: accepted is ${providerKinds.join(", ")}`);
  const baseUrl = fields.get("baseUrl");
  const hasBaseUrl = typeof baseUrl === "string" && isBaseUrl(baseUrl);
  if (!hasBaseUrl) {
    faults.push("baseUrl: accepted is an http or https URL of at most 2048 characters without user, query or fragment");
  }
  const key = fields.get("key");
  const hasKey = typeof key === "string" && /^[\x21-\x7e]{1,4096}$/.test(key);
  if (key !== undefined && key !== null && !hasKey) {
    faults.push("key: accepted is 1 to 4096 printable ASCII characters without spaces, or null to remove it");
  }
  const onAbort = fields.get("onAbort") ?? null;
  if (onAbort !== null && onAbort !== "cancel" && onAbort !== "drain") {
    faults.push(`onAbort=${shown(onAbort)}: accepted is cancel, drain, or null for the gateway's default`);
  }
  refuseFaults(faults);
  return {
    kind: knownKind ?? "openai-compatible",
    baseUrl: hasBaseUrl ? baseUrl : "",
    key: hasKey ? key : key === null ? null : undefined,
    onAbort: onAbort === "cancel" || onAbort === "drain" ? onAbort : null,
  };
}

function originOf(baseUrl: string): string {
  return new URL(baseUrl).origin;
}

function defaultKind(slug: string): ProviderPolicy["kind"] {
  return providerKinds.find((kind) => kind === slug) ?? "openai-compatible";
}

function isBaseUrl(text: string): boolean {
  // The URL parser drops tabs and newlines in silence: what is shown later would not be what was sent.
  if (text.length > 2048 || /[\s\p{Cc}?#\\]/u.test(text) || !URL.canParse(text)) return false;
  const url = new URL(text);
  return (
    ["http:", "https:"].includes(url.protocol) && url.username === "" && url.password === "" && !text.includes("@")
  );
}

/**
 * Stores the entry, audited as "provider.set". `sealKey` seals a new key before it reaches the policy.
 *
 * @throws AnyrayError `invalid_request` when a stored key would go to another host than it was set for
 */
export async function setProvider(
  store: Store,
  before: Policy,
  slug: string,
  change: ProviderChange,
  sealKey: (plain: string, slug: string) => string,
  actor: Actor,
): Promise<Policy> {
  const { kind, baseUrl, key, onAbort } = change;
  const stored = before.providers.find((candidate) => candidate.slug === slug);
  const kept = stored?.sealedKey ?? null;
  // Who may name a host must not thereby get a key that was set for another one.
  if (key === undefined && stored && kept !== null && originOf(stored.baseUrl) !== originOf(baseUrl)) {
    refuseFaults([`baseUrl: the host changes, so the key must be given again, or "key": null to remove it`]);
  }
  const sealedKey = key === undefined ? kept : key === null ? null : sealKey(key, slug);
  return changeAudited(
    store,
    { kind: "provider", slug, provider: { slug, kind, baseUrl, sealedKey, onAbort } },
    actor,
    {
      action: "provider.set",
      object: slug,
      after: { slug, kind, baseUrl, onAbort, hasKey: sealedKey !== null, ...(key && { newKey: keyFingerprint(key) }) },
    },
  );
}

/**
 * Removes the stored entry, audited as "provider.delete".
 *
 * @throws AnyrayError `not_found` for a slug nobody configured, `invalid_request` for one that is not stored but
 * comes from a variable or is built in
 */
export async function deleteProvider(
  store: Store,
  before: Policy,
  slug: string,
  inForce: ProviderInForce | undefined,
  actor: Actor,
): Promise<Policy> {
  if (!before.providers.some((candidate) => candidate.slug === slug)) {
    if (!inForce) throw new AnyrayError("not_found", `There is no provider ${shown(slug)}.`);
    refuseFaults([
      inForce.source === "env"
        ? `provider ${slug} is defined by the variable ${variableOf("URL", slug)}: unset it and restart to remove it`
        : `provider ${slug} is built in and nothing is stored for it`,
    ]);
  }
  return changeAudited(store, { kind: "provider", slug, provider: null }, actor, {
    action: "provider.delete",
    object: slug,
    after: null,
  });
}

/** Which variables win over what is stored for the provider, as a sentence, or null. */
function winningVariables({ slug, source, keySource }: ProviderInForce): string | null {
  const url = source === "env" ? variableOf("URL", slug) : null;
  const key = keySource === "env" ? variableOf("KEY", slug) : null;
  if (url && key) return `${url} and ${key} are set and win over what is stored.`;
  return url || key ? `${url ?? key} is set and wins over what is stored.` : null;
}

function variableOf(what: "URL" | "KEY", slug: string): string {
  return `ANYRAY_PROVIDER_${what}_${slug.toUpperCase().replaceAll("-", "_")}`;
}
