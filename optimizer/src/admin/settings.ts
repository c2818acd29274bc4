// Owns GET and PUT of /admin/optimizer/settings: what is in force, what there is to set, and a new config taken whole or
// not at all.

import { isIP } from "node:net";
import type { Actor } from "@anyray/shared/admin/audit";
import { AnyrayError } from "@anyray/shared/errors";
import type { Policy, Store } from "@anyray/shared/store/store";
import { isToken } from "../door";
import { isDeep } from "../envelope";
import { readText } from "../request-body";
import { type Reply, reply, smallBodyBytesMax } from "../routes/route";
import type { Registry } from "../settings/config";
import { type Settings, storeConfig } from "../settings/in-force";
import { parseConfig } from "../settings/parse";

export interface AdminParts {
  store: Store;
  settings: Settings;
  registry: Registry;
  version: string;
  optimizerToken: string;
  /** Resolves when the policy holds for the next request. */
  adopt(policy: Policy): Promise<void>;
  /** Network address the request came from, or null. */
  clientIp(request: Request): string | null;
  /** Epoch milliseconds. */
  now(): number;
}

export async function readSettings(parts: AdminParts): Promise<Reply> {
  return reply(report(parts));
}

export async function writeSettings(request: Request, parts: AdminParts): Promise<Reply> {
  const text = await readText(request, smallBodyBytesMax);
  const config = parseConfig(parseBody(text), parts.registry);
  const policy = await storeConfig(parts.store, config, actorOf(request, parts));
  await parts.adopt(policy);
  return reply(report(parts));
}

function parseBody(text: string): unknown {
  // Parsing brackets alone would hold up every request for seconds.
  if (isDeep(text)) throw new AnyrayError("invalid_json", "The body is nested too deep.");
  try {
    return JSON.parse(text);
  } catch {
    throw new AnyrayError("invalid_json", "The body is not JSON in UTF-8.");
  }
}

function report({ settings, registry, version }: AdminParts) {
  const { config, revision } = settings.current();
  return {
    config,
    optimizerVersion: version,
    revision,
    faults: settings.faults(),
    known: registry.strategies.map(({ kind, tier, about, params, bodyBytesMin }) => ({
      kind,
      tier,
      about,
      params,
      bodyBytesMin,
    })),
  };
}

/** The admin's own address, where it is the gateway that tells it: only the gateway has the optimizer token. */
function actorOf(request: Request, parts: AdminParts): Actor {
  const isRelayed = isToken(request.headers.get("x-anyray-optimizer-token") ?? "", parts.optimizerToken);
  const told = request.headers.get("x-anyray-admin-ip") ?? "";
  const ip = isRelayed ? (isIP(told) ? told : null) : parts.clientIp(request);
  return { name: "admin", ip, at: parts.now() };
}
