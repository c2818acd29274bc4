// Owns the register of what leaves this process: every host, why, how often, and since when. Holds no path, no
// credential and nothing of what was sent.

import { Metrics } from "./metrics";
import { rfc3339 } from "./time";

export const egressReasons = ["provider", "optimizer", "otlp", "proxy"] as const;
/** Why a host is called: a model's provider, the optimizer beside us, the trace backend, the proxy set on purpose. */
export type EgressReason = (typeof egressReasons)[number];

export interface EgressHost {
  /** "host" or "host:port". */
  host: string;
  reason: EgressReason;
  /** A call to it would go out now. */
  isAllowed: boolean;
  /** Calls that went out since the start. */
  calls: number;
  /** Calls that were refused before a packet left. */
  refused: number;
  /** RFC 3339; null = never called. */
  firstAt: string | null;
  lastAt: string | null;
}

export interface EgressReport {
  /** RFC 3339: the start of this process. */
  since: string;
  /** By host, then by reason: what may be called, and what was. */
  hosts: EgressHost[];
}

interface Entry {
  host: string;
  reason: EgressReason;
  calls: number;
  refused: number;
  firstAt: number | null;
  lastAt: number | null;
  called(): void;
}

export type Egress = ReturnType<typeof createEgress>;

export interface EgressSettings {
  metrics?: Metrics;
  now?: () => number;
  /** Once for each host that was refused, and no more than `hostsMax` times in all. */
  onRefused?: (host: string, reason: EgressReason) => void;
}

/** More than any deployment configures: what is over it is counted as one host, "other". */
const hostsMax = 1_000;

export function createEgress({ metrics = new Metrics(), now = Date.now, onRefused }: EgressSettings = {}) {
  const since = now();
  const entries = new Map<string, Entry>();
  const allowed: { reason: EgressReason; origins: () => ReadonlySet<string> }[] = [];
  const counted = new Map(
    egressReasons.map((reason) => [
      reason,
      metrics.counters("anyray_egress_calls_total", "Calls to other hosts.", "host", { reason }),
    ]),
  );
  const refusals = metrics.counters(
    "anyray_egress_refused_total",
    "Calls refused before a packet left, because nobody configured their host.",
    "reason",
  );

  const entryOf = (host: string, reason: EgressReason): Entry => {
    const name = entries.has(`${reason} ${host}`) || entries.size < hostsMax ? host : "other";
    const known = entries.get(`${reason} ${name}`);
    if (known) return known;
    const counter = counted.get(reason)?.(name);
    const entry: Entry = {
      ...{ host: name, reason, calls: 0, refused: 0, firstAt: null, lastAt: null },
      called() {
        entry.calls += 1;
        entry.lastAt = now();
        entry.firstAt ??= entry.lastAt;
        counter?.add();
      },
    };
    entries.set(`${reason} ${name}`, entry);
    return entry;
  };

  return {
    /** Tells where calls for `reason` may go, asked anew at each look: origins as `originsOf` makes them. */
    allows(reason: EgressReason, origins: () => ReadonlySet<string>): void {
      allowed.push({ reason, origins });
    },
    /** What counts a call to the host of `origin`; to be kept by the caller, who calls it for each call. */
    counterOf: (origin: string, reason: EgressReason): (() => void) => entryOf(hostOf(origin), reason).called,
    refused(origin: string, reason: EgressReason): void {
      const entry = entryOf(hostOf(origin), reason);
      entry.refused += 1;
      refusals(reason).add();
      if (entry.refused === 1) onRefused?.(entry.host, reason);
    },
    report(): EgressReport {
      const open = new Set<string>();
      for (const { reason, origins } of allowed) {
        for (const origin of origins()) {
          const host = hostOf(origin);
          entryOf(host, reason);
          open.add(`${reason} ${host}`);
        }
      }
      const hosts = [...entries.values()].map(({ called: _, ...entry }) => ({
        ...entry,
        isAllowed: open.has(`${entry.reason} ${entry.host}`),
        firstAt: entry.firstAt === null ? null : rfc3339(entry.firstAt),
        lastAt: entry.lastAt === null ? null : rfc3339(entry.lastAt),
      }));
      hosts.sort((one, other) => (`${one.host} ${one.reason}` < `${other.host} ${other.reason}` ? -1 : 1));
      return { since: rfc3339(since), hosts };
    },
  };
}

/**
 * "https://host:port" of an address, letter for letter, up to whatever ends an authority for a URL parser. Two addresses
 * of which this is equal text go to one host; other spellings of that host are other text.
 */
export function originOf(url: string): string {
  for (let at = url.indexOf("//") + 2; at < url.length; at++) {
    const code = url.charCodeAt(at);
    // "/", "?", "#", "\"
    if (code === 47 || code === 63 || code === 35 || code === 92) return url.slice(0, at);
  }
  return url;
}

/** The origins of addresses that an operator set; what is no address over HTTP is left out. */
export function originsOf(urls: Iterable<string>): ReadonlySet<string> {
  const origins = [...urls].map(originOf).filter((origin) => /^https?:\/\/./i.test(origin) && URL.canParse(origin));
  return new Set(origins);
}

/** Without credentials, and as the URL parser spells it. */
function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host : "invalid";
}
