// Owns the use of autocannon as a second generator: a program of its own, told what to send, asked what came of it.

import { resolve } from "node:path";
import type { RunningArm } from "../stand/arm";
import { bunCommand } from "../stand/child";
import type { Stand } from "../stand/stand";
import { statedUsage } from "./answers";
import type { RequestSpec } from "./protocol";
import { requestParts } from "./request";

const root = resolve(import.meta.dir, "..", "node_modules", "autocannon");

export interface AutocannonLoad {
  request: RequestSpec;
  connections: number;
  /** Calls to make. A time would end with calls cut off, whose tokens nobody could tell. */
  requests: number;
}

interface Report {
  duration: number;
  errors: number;
  timeouts: number;
  non2xx: number;
  "2xx": number;
  latency: { p50: number; p99: number };
}

/** Requests per second. @throws Error when any call failed */
export async function runAutocannon(stand: Stand, arm: RunningArm, load: AutocannonLoad): Promise<number> {
  const { path, headers, body } = requestParts(load.request);
  const output = await stand.runGenerator("autocannon", [
    ...bunCommand,
    resolve(root, "autocannon.js"),
    ...["--json", "--no-progress", "--method", "POST", "--body", body],
    ...["--connections", String(load.connections), "--amount", String(load.requests)],
    ...Object.entries(headers).flatMap(([name, value]) => ["--headers", `${name}=${value}`]),
    `http://127.0.0.1:${arm.port}${path}`,
  ]);
  const report = JSON.parse(output.slice(output.indexOf("{"))) as Report;
  const { errors, timeouts, non2xx } = report;
  if (errors + timeouts + non2xx > 0)
    throw new Error(`${arm.name}: autocannon saw ${JSON.stringify({ errors, timeouts, non2xx })}`);
  arm.calls.requests += load.requests;
  arm.calls.inputTokens += load.requests * statedUsage.inputTokens;
  arm.calls.outputTokens += load.requests * statedUsage.outputTokens;
  return report["2xx"] / report.duration;
}
