// Owns `bun run proof:egress`: the whole product in a network of its own, where the provider is the only host there is and
// everything else is counted. Ends with 0 when nothing went elsewhere, 1 when something did, 3 where it cannot be shown.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  buildNetwork,
  type Counters,
  countersOf,
  inNamespace,
  type Outside,
  providerHost,
  since,
  whyNoNamespaces,
} from "../src/testing/namespace";
import { type ProductRun, runProduct } from "../src/testing/product-run";
import { install } from "./install";

const root = resolve(import.meta.dir, "../..");
const providerPort = 8_443;
const cannotCode = 3;

if (process.argv[2] === "--inside") process.exit(await proveInside());
else process.exit(await prove());

async function prove(): Promise<number> {
  const reason = whyNoNamespaces();
  if (reason !== null) {
    console.log(`Cannot be shown on this machine: ${reason}.`);
    return cannotCode;
  }
  const installed = await install(root, { stream: process.stderr });
  if (installed !== 0) return installed;
  const inside = [process.execPath, "--no-env-file", import.meta.path, "--inside"];
  const child = Bun.spawn(inNamespace(inside), { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  return await child.exited;
}

async function proveInside(): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), "anyray-proof-"));
  let outside: Outside | null = null;
  let provider: Bun.Subprocess | null = null;
  try {
    outside = await buildNetwork(join(dir, "resolv.conf"));
    const entry = join(root, "shared/src/testing/fake-provider.ts");
    const args = ["--host", providerHost, "--port", String(providerPort), "--ledger", join(dir, "ledger.jsonl")];
    provider = Bun.spawn([...outside.enter, process.execPath, "--no-env-file", entry, ...args], { stdout: "ignore" });
    const blind = await blindSpots();
    if (blind.length > 0) {
      console.log(`The counters miss ${blind.join(", ")}: nothing can be shown by them here.`);
      return cannotCode;
    }
    const before = countersOf();
    const beforeThere = outside.counters();
    const run = await runInside(join(dir, "data"));
    const elsewhere = since(before, countersOf());
    const there = since(beforeThere, outside.counters());
    return report(run, elsewhere, there);
  } finally {
    provider?.kill("SIGKILL");
    outside?.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

function runInside(dataDir: string): Promise<ProductRun> {
  mkdirSync(dataDir);
  return runProduct({ root, dataDir, providerUrl: `http://${providerHost}:${providerPort}`, idleMs: 4_000 });
}

/** Each way to leave is tried once by a process of its own: what is not counted then proves nothing later. */
async function blindSpots(): Promise<string[]> {
  const tries: [string, string, (counted: Counters) => boolean][] = [
    ["an address over IPv4", "http://203.0.113.9/", (counted) => counted.toWorld > 0],
    ["a name", "http://a-name-to-look-up.example/", (counted) => counted.toWorld > 0 && counted.datagrams > 0],
    ["an address over IPv6", "http://[2001:db8::9]/", (counted) => counted.withoutRoute > 0],
  ];
  const missed: string[] = [];
  for (const [what, url, isSeen] of tries) {
    const before = countersOf();
    const script = `await fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(1500) }).catch(() => {});`;
    const child = Bun.spawn([process.execPath, "--no-env-file", "-e", script], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    const killer = setTimeout(() => child.kill("SIGKILL"), 5_000);
    await child.exited;
    clearTimeout(killer);
    if (!isSeen(since(before, countersOf()))) missed.push(what);
  }
  return missed;
}

function report(run: ProductRun, elsewhere: Counters, there: Counters): number {
  const answered = run.calls.filter(({ status }) => status === 200).length;
  const toProvider = run.egress.hosts.reduce((sum, { reason, calls }) => sum + (reason === "provider" ? calls : 0), 0);
  const known = [`${providerHost}:${providerPort} provider`, "127.0.0.1:8088 optimizer"];
  const strangers = run.egress.hosts.filter(
    ({ host, reason, calls }) => calls > 0 && !known.includes(`${host} ${reason}`),
  );
  const findings: [string, number][] = [
    ["packets to any host but the provider", elsewhere.toWorld],
    ["datagrams, and so names looked up", elsewhere.datagrams],
    ["attempts for which there was no route", elsewhere.withoutRoute],
    ["connections to other ports of the provider", there.resets],
    ["hosts in the register that nobody set", strangers.length],
    ["calls refused by the allow-list", run.egress.hosts.reduce((sum, { refused }) => sum + refused, 0)],
  ];
  const shortfalls: [string, boolean][] = [
    ["the scenario was not answered", answered < 15],
    ["no call reached the provider", toProvider === 0],
    ["the optimizer left nothing out", !run.outcomes["optimized"]],
    ["no answer came from the cache", !run.outcomes["cache_hit"]],
    ["retrieval failed", run.calls.some(({ name, status }) => name.startsWith("mcp") && status !== 200)],
    ["an admin route failed", [...run.reads.values()].some((status) => status >= 500)],
    ["the product did not end well", run.exitCode !== 0],
  ];
  console.log(`calls made: ${run.calls.length}, answered with 200: ${answered}, sent to the provider: ${toProvider}`);
  console.log(`optimized: ${run.outcomes["optimized"]}, answered from the cache: ${run.outcomes["cache_hit"]}`);
  console.log(`admin routes read: ${run.reads.size}`);
  for (const [what, count] of findings) console.log(`${what}: ${count}`);
  const faults = [
    ...findings.filter(([, count]) => count !== 0).map(([what]) => what),
    ...shortfalls.filter(([, isSo]) => isSo).map(([what]) => what),
  ];
  if (faults.length > 0) console.log(run.output);
  console.log(faults.length === 0 ? "Nothing went elsewhere." : `NOT PROVEN: ${faults.join("; ")}`);
  return faults.length === 0 ? 0 : 1;
}
