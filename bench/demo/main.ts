// `bun run demo`: a whole Anyray on this machine with no provider key. Sends a few teams' traffic through the official
// SDKs to a fake provider, then shows what an admin sees. Everything is made in a temporary directory and removed.

import { parseArgs } from "node:util";
import { type Column, count, renderTable, usd } from "../table";
import { startDemo } from "./processes";
import { sendTraffic } from "./traffic";

const usage = `Usage: bun run demo [--calls N] [--keep]

  --calls N   calls to send, 1 to 100000 (default 400)
  --keep      leave it running afterwards, for curl and SDKs, until Ctrl-C
  --help      this text`;

interface Group {
  key: Record<string, string | null>;
  requests: number;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  costUsd: number;
  errors: number;
  unpricedRequests: number;
  estimatedRequests: number;
  overheadMs: { p50: number } | null;
}

interface CapReport {
  caps: { user: string; monthlyTokens: number; usedTokens: number; state: string; rejectedRequests: number }[];
}

/** Small enough to be used up in the demo. */
const cappedUser = { user: "support-bot", monthlyTokens: 12_000 };
const callsAtOnce = 16;

const { calls, isKept } = readArguments();
console.log("Starting a fake provider and a gateway…");
const demo = await startDemo();
process.on("SIGINT", () => void demo.stop().then(() => process.exit(130)));
process.on("SIGTERM", () => void demo.stop().then(() => process.exit(143)));
try {
  await ask("PUT", "/admin/user-caps", cappedUser);
  console.log(
    `Gateway: ${demo.gatewayUrl}   capped: ${cappedUser.user} at ${count(cappedUser.monthlyTokens)} tokens\n`,
  );
  const startedAt = performance.now();
  const report = await sendTraffic(demo.gatewayUrl, calls, callsAtOnce, showProgress);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.log(
    `\n${count(calls)} calls in ${seconds} s: ${count(report.answered)} answered, ` +
      `${count(report.refusedByCap)} refused by a cap, ${count(report.failedAtProvider)} failed at the provider\n`,
  );
  await showSpend("user");
  await showSpend("team");
  await showSpend("model");
  await showCaps();
  if (isKept) await keep();
} finally {
  await demo.stop();
}

function readArguments(): { calls: number; isKept: boolean } {
  try {
    const { values } = parseArgs({
      options: { calls: { type: "string" }, keep: { type: "boolean" }, help: { type: "boolean" } },
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    const calls = Number(values.calls ?? 400);
    if (!Number.isInteger(calls) || calls < 1 || calls > 100_000) throw new Error("--calls takes 1 to 100000");
    return { calls, isKept: values.keep === true };
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(demo.gatewayUrl + path, {
    method,
    headers: { authorization: `Bearer ${demo.adminToken}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

function showProgress(done: number): void {
  if (!process.stdout.isTTY) return;
  const width = 40;
  const filled = Math.round((done / calls) * width);
  process.stdout.write(`\r${"█".repeat(filled)}${"░".repeat(width - filled)} ${count(done)} of ${count(calls)}`);
  if (done === calls) process.stdout.write("\n");
}

/** What has no price is never shown as free. */
function showCost({ costUsd, unpricedRequests }: Group): string {
  if (unpricedRequests === 0) return usd(costUsd);
  return costUsd === 0 ? "unpriced" : `${usd(costUsd)} + unpriced`;
}

async function showSpend(by: "user" | "team" | "model"): Promise<void> {
  const { groups } = await ask<{ groups: Group[] }>("GET", `/admin/spend?groupBy=${by}`);
  const columns: Column<Group>[] = [
    { title: by, cell: (group) => group.key[by] ?? "(none)", isText: true },
    { title: "calls", cell: (group) => count(group.requests) },
    { title: "input", cell: (group) => count(group.inputTokens) },
    { title: "cached", cell: (group) => count(group.cachedInputTokens) },
    { title: "output", cell: (group) => count(group.outputTokens) },
    { title: "cost", cell: showCost },
    { title: "errors", cell: (group) => count(group.errors) },
    { title: "estimated", cell: (group) => count(group.estimatedRequests) },
    { title: "overhead p50", cell: (group) => (group.overheadMs ? `${group.overheadMs.p50.toFixed(2)} ms` : "–") },
  ];
  console.log(`${renderTable(groups, columns)}\n`);
}

async function showCaps(): Promise<void> {
  const { caps } = await ask<CapReport>("GET", "/admin/user-caps");
  type Cap = CapReport["caps"][number];
  const columns: Column<Cap>[] = [
    { title: "capped user", cell: (cap) => cap.user, isText: true },
    { title: "monthly tokens", cell: (cap) => count(cap.monthlyTokens) },
    { title: "used", cell: (cap) => count(cap.usedTokens) },
    { title: "state", cell: (cap) => cap.state, isText: true },
    { title: "refused calls", cell: (cap) => count(cap.rejectedRequests) },
  ];
  console.log(`${renderTable(caps, columns)}\n`);
}

async function keep(): Promise<void> {
  console.log(`Running until Ctrl-C. Try:

  curl ${demo.gatewayUrl}/v1/chat/completions -H 'content-type: application/json' \\
    -H 'x-anyray-metadata: {"user":"me"}' -d '{"model":"gpt-5","messages":[{"role":"user","content":"Hello"}]}'

  curl '${demo.gatewayUrl}/admin/spend?groupBy=user' -H 'authorization: Bearer ${demo.adminToken}'
`);
  await new Promise(() => setInterval(() => {}, 60_000));
}
