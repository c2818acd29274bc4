// Owns what the bench's processes say to each other.

import type { Ask } from "./answers";
import type { Percentiles } from "./histogram";

export interface UpstreamReady {
  port: number;
  tlsPort: number;
  /** TLS, HTTP/2 only. */
  http2Port: number;
  /** PEM; what the TLS ports prove themselves with. */
  cert: string;
}

/** Since the upstream's start. */
export interface UpstreamCounts {
  requests: number;
  /** Answers given whole. */
  finished: number;
  events: number;
  /** Taken by the sockets of HTTP/1.1. */
  bytes: number;
  /** HTTP/1.1 connections right now. */
  open: number;
}

/** On this machine, over HTTP/1.1. */
export interface Target {
  port: number;
  /** PEM to trust; null = without TLS. */
  cert: string | null;
}

export interface RequestSpec {
  endpoint: "chat" | "embeddings";
  /** About how long the body is. */
  bodyBytes: number;
  /** Null: one JSON answer. */
  ask: Ask | null;
  /** Who calls; with `users` above 1, a number is appended and each request is somebody else's. */
  user: string;
  users: number;
}

export interface ClosedJob {
  kind: "closed";
  target: Target;
  request: RequestSpec;
  connections: number;
  durationMs: number;
}

export interface OpenJob {
  kind: "open";
  target: Target;
  request: RequestSpec;
  connections: number;
  durationMs: number;
  /** Requests per second, evenly spaced, sent whether or not earlier ones were answered. */
  rate: number;
}

export interface StreamJob {
  kind: "streams";
  target: Target;
  request: RequestSpec;
  /** Open at once; each is followed by another on its connection. */
  streams: number;
  durationMs: number;
}

/** Opens streams, waits for each one's first bytes and leaves them open until a ReleaseJob. */
export interface HoldJob {
  kind: "hold";
  target: Target;
  request: RequestSpec;
  streams: number;
  /** Reads nothing any more after the first bytes. */
  isStalled: boolean;
}

export interface ReleaseJob {
  kind: "release";
}

export type Job = ClosedJob | OpenJob | StreamJob | HoldJob | ReleaseJob;

/** Fault → how often. A sample with any is no sample. */
export type Faults = Record<string, number>;

export interface LoadResult {
  /** Answered; those begun in time and answered late included. */
  requests: number;
  /** Answered within the time. */
  requestsInTime: number;
  seconds: number;
  /** Closed loop: from sending. Open loop: from the moment the schedule says, so that a stall is not left out. */
  latency: Percentiles;
  /** Open loop: how late requests were sent, the generator's own share of the latency. */
  lateness: Percentiles | null;
  faults: Faults;
}

export interface StreamResult {
  streams: number;
  events: number;
  seconds: number;
  /** From sending the request to the first byte of the answer's body. */
  firstByte: Percentiles;
  /** From the upstream's sending of an event to its arrival. */
  delay: Percentiles;
  faults: Faults;
}

export interface HoldResult {
  opened: number;
  faults: Faults;
}

export interface JobResults {
  closed: LoadResult;
  open: LoadResult;
  streams: StreamResult;
  hold: HoldResult;
  release: HoldResult;
}

export type ToGenerator = { id: number; job: Job };
export type FromGenerator = { id: number } & ({ result: JobResults[keyof JobResults] } | { failure: string });
