// Owns what an arm of the bench is: something on a port between generator and upstream, and how one is started.

import type { UpstreamReady } from "../load/protocol";
import type { Arm } from "../row";
import type { Child, ChildOptions } from "./child";

/** How the proxy reaches the upstream. */
export type UpstreamWay = "http" | "tls" | "http2";

export interface ArmSetup {
  upstream: UpstreamReady;
  way: UpstreamWay;
  /** Of its own, deleted afterwards. */
  directory: string;
  /** Variables that a scenario wants the gateway to have besides its own; others have none. */
  env: Readonly<Record<string, string>>;
  /** Starts a process on the proxies' core. */
  start(options: Omit<ChildOptions, "core" | "directory">): Child;
}

export interface RunningArm {
  name: Arm;
  port: number;
  /** PEM to trust when calling it; null = without TLS. Only the upstream itself is ever called over TLS. */
  cert: string | null;
  /** Null for the upstream itself. */
  child: Child | null;
  /** Null for everything but the gateway. */
  admin: Admin | null;
  /** Calls sent through it so far that have to be in its books. */
  calls: CallCounts;
}

export interface CallCounts {
  requests: number;
  inputTokens: number;
  outputTokens: number;
  /** Calls were cut off on purpose: their tokens are estimates. */
  hasAborted: boolean;
}

/** A request to the admin plane; rejects unless it is answered with 2xx. Resolves with the answer's text. */
export type Admin = (method: string, path: string, body?: unknown) => Promise<string>;

export interface ArmKind {
  name: Arm;
  /** What is measured, with its version; null when it is not installed. */
  version(): string | null;
  canReach(way: UpstreamWay): boolean;
  start(setup: ArmSetup): Promise<RunningArm>;
}

export const noCalls = (): CallCounts => ({ requests: 0, inputTokens: 0, outputTokens: 0, hasAborted: false });

export function upstreamUrl({ port, tlsPort, http2Port }: UpstreamReady, way: UpstreamWay): string {
  if (way === "http") return `http://127.0.0.1:${port}`;
  return `https://127.0.0.1:${way === "tls" ? tlsPort : http2Port}`;
}
