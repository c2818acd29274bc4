// Owns what a route of the protocol is: a request in, JSON text and what came of it out. Throws an AnyrayError for what
// the asker did wrong; the rim renders it.

import type { Log } from "@anyray/shared/log";
import type { PriceBook } from "@anyray/shared/pricing";
import type { Store } from "@anyray/shared/store/store";
import type { Optimizer } from "../deps";
import { faultFields } from "../fault";
import type { OptimizerMetrics, RouteName, RouteOutcome } from "../metrics";
import type { Settings } from "../settings/in-force";

export interface RouteParts {
  optimizer: Optimizer;
  settings: Settings;
  /** Of every registered strategy. */
  knownKinds: readonly string[];
  /** Largest provider-shaped body; envelopes may be a little larger. */
  bodyBytesMax: number;
  metrics: OptimizerMetrics;
  passOver: PassOver;
  store: Store;
  priceBook: PriceBook;
  /** IANA name of the reporting zone. */
  timezone: string;
  /** Epoch milliseconds. */
  now(): number;
}

export interface Reply {
  /** JSON. */
  body: string;
  status: number;
  outcome: RouteOutcome;
}

export type Route = (request: Request, parts: RouteParts) => Promise<Reply>;

export function reply(value: unknown, outcome: RouteOutcome = "ok", status = 200): Reply {
  return { body: JSON.stringify(value), status, outcome };
}

/** What an envelope may weigh besides what it carries. */
export const envelopeBytesMax = 65_536;
/** For bodies that carry no request. */
export const smallBodyBytesMax = 1_048_576;

const quietMs = 1_000;

/** Says that a fault of ours was passed over. */
export type PassOver = (route: RouteName, error: unknown) => void;

/** Says it at most once a second: the figures count each. */
export function createPassOver(log: Log): PassOver {
  let lastAt = Number.NEGATIVE_INFINITY;
  let unsaid = 0;
  return (route, error) => {
    const at = performance.now();
    if (at - lastAt < quietMs) {
      unsaid += 1;
      return;
    }
    log.error("a fault was passed over; what came goes on as it came", { route, unsaid, ...faultFields(error) });
    lastAt = at;
    unsaid = 0;
  };
}
