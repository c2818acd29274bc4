// The only reader of the environment: the table of variables in, typed values out. Reports every bad
// variable at once, secrets masked. Refuses to guess: a value it does not understand stops the start.

import { readFileSync } from "node:fs";
import { redactText } from "./redact";
import type { AuditKeyTexts } from "./store/audit-chain";
import { slugVariables, type Variable, variables } from "./variables";

type Name = keyof typeof variables;
type Value<V> = V extends Variable<infer T> ? T : never;
type Optional =
  | ("ANYRAY_ADMIN_TOKEN" | "ANYRAY_CONTENT_KEY" | "ANYRAY_HTTP_PROXY" | "ANYRAY_OPTIMIZER_TOKEN")
  | ("ANYRAY_CONTENT_KEYS_OLD" | "ANYRAY_AUDIT_KEY" | "ANYRAY_AUDIT_KEYS_OLD")
  | ("ANYRAY_OTLP_URL" | "ANYRAY_OTLP_HEADERS" | "ANYRAY_TRACE_URL_TEMPLATE");

export type Env = {
  [N in Name]: N extends Optional ? Value<(typeof variables)[N]> | undefined : Value<(typeof variables)[N]>;
} & {
  /** By slug ("azure-openai"). */
  providerUrls: Map<string, string>;
  providerKeys: Map<string, string>;
  providerOnAbort: Map<string, "cancel" | "drain">;
  /** `ANYRAY_*` names nobody reads: most likely a typing mistake, worth a warning. */
  unknown: string[];
};

/** Every bad variable, one a line. */
export class EnvError extends Error {
  constructor(faults: string[]) {
    super(`${faults.length === 1 ? "A variable has" : "Variables have"} a bad value:\n${faults.join("\n")}`);
    this.name = "EnvError";
  }
}

type Source = Readonly<Record<string, string | undefined>>;

/**
 * Reads all of Anyray's variables. An empty value counts as unset. A secret may also come from a file:
 * `NAME_FILE` holds its path.
 *
 * @throws EnvError naming every bad variable, its value (secrets masked) and what is accepted
 */
export function readEnv(source: Source = process.env): Env {
  const faults: string[] = [];
  const env: Record<string, unknown> = {};
  const known = new Set<string>();
  for (const [name, variable] of Object.entries(variables) as [Name, Variable<unknown>][]) {
    known.add(name);
    if (variable.secret) known.add(`${name}_FILE`);
    env[name] = parseOne(name, variable, given(source, name, variable, faults), faults);
  }
  const slugs = readSlugVariables(source, faults, known);
  if (faults.length > 0) throw new EnvError(faults);
  const unknown = Object.keys(source).filter((name) => name.startsWith("ANYRAY_") && !known.has(name));
  return { ...env, ...slugs, unknown } as Env;
}

function readSlugVariables(source: Source, faults: string[], known: Set<string>) {
  const found = new Map<string, Map<string, unknown>>();
  for (const [prefix, variable] of Object.entries(slugVariables) as [string, Variable<unknown>][]) {
    const bySlug = new Map<string, unknown>();
    found.set(prefix, bySlug);
    for (const name of Object.keys(source)) {
      if (!name.startsWith(prefix) || name in variables) continue;
      known.add(name);
      if (!source[name]?.trim()) continue;
      const isFile = variable.secret && name.endsWith("_FILE");
      const slug = name.slice(prefix.length, isFile ? -"_FILE".length : undefined);
      if (!/^[A-Z0-9]+(_[A-Z0-9]+)*$/.test(slug)) {
        faults.push(`  ${name}: the part after ${prefix} must be a slug of A-Z, 0-9 and single _`);
        continue;
      }
      const variableName = prefix + slug;
      const value = parseOne(variableName, variable, given(source, variableName, variable, faults), faults);
      if (value !== undefined) bySlug.set(slug.toLowerCase().replaceAll("_", "-"), value);
    }
  }
  return {
    providerUrls: found.get("ANYRAY_PROVIDER_URL_"),
    providerKeys: found.get("ANYRAY_PROVIDER_KEY_"),
    providerOnAbort: found.get("ANYRAY_PROVIDER_ON_ABORT_"),
  };
}

function given(source: Source, name: string, variable: Variable<unknown>, faults: string[]): string | undefined {
  const direct = source[name]?.trim();
  const path = variable.secret ? source[`${name}_FILE`]?.trim() : undefined;
  if (direct || !path) return direct || undefined;
  try {
    return readFileSync(path, "utf8").trim() || undefined;
  } catch (error) {
    faults.push(`  ${name}_FILE: "${path}" cannot be read (${(error as { code?: string }).code ?? "unknown error"})`);
    return undefined;
  }
}

function parseOne(name: string, variable: Variable<unknown>, value: string | undefined, faults: string[]): unknown {
  const text = value ?? variable.default;
  if (text === null) return undefined;
  const parsed = variable.parse(text);
  if (parsed === undefined) {
    const shown = variable.secret ? "(hidden)" : JSON.stringify(redactText(text, 200));
    faults.push(`  ${name}=${shown}: accepted is ${variable.accepts}`);
  }
  return parsed;
}

/** What chains the audit log, as `openStore` takes it: nothing where the store's own key is to be used. */
export function auditKeysOf({
  ANYRAY_AUDIT_KEY: active,
  ANYRAY_AUDIT_KEYS_OLD: former,
}: Pick<Env, "ANYRAY_AUDIT_KEY" | "ANYRAY_AUDIT_KEYS_OLD">): { auditKeys?: AuditKeyTexts } {
  return active === undefined ? {} : { auditKeys: { active, former: former ?? [] } };
}

/**
 * Left in the environment, these would send provider keys through a host nobody chose, or past the proxy that was
 * chosen: Bun's client obeys them.
 */
const proxyVariables = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"].flatMap((name) => [
  name,
  name.toLowerCase(),
]);

export function forgetProxyVariables(): void {
  for (const name of proxyVariables) delete process.env[name];
}

/** Bun runs 256 calls to other hosts at once unless this is set before the process starts. */
export function isCallLimitRaised(): boolean {
  return Boolean(process.env["BUN_CONFIG_MAX_HTTP_REQUESTS"]);
}
