// Owns what a report says of the machine and of the versions measured: figures without them mean nothing.

import { cpus, release, totalmem } from "node:os";
import autocannon from "autocannon/package.json";
import { armKinds } from "./arms/registry";
import type { Machine } from "./report";
import type { Pinning } from "./stand/pinning";

export function describeMachine(pinning: Pinning | null): Machine {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.replace(/\s+/g, " ").trim() ?? "unknown",
    cores: cores.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()} ${process.arch}`,
    pinning,
  };
}

export function readVersions(): Record<string, string> {
  const versions: Record<string, string> = { bun: Bun.version, autocannon: autocannon.version };
  for (const { name, version } of armKinds) versions[name] = version() ?? "not installed";
  return versions;
}

/** One line for people. */
export function machineLine({ cpu, cores, memoryGb, system, pinning }: Machine): string {
  const pinned = pinning
    ? `pinned: proxies on core ${pinning.proxyCore}, upstream on ${pinning.upstreamCore}, generator on ${pinning.generatorCore}`
    : "not pinned: no taskset, or one core only";
  return `${cpu}, ${cores} cores, ${memoryGb} GB, ${system}; ${pinned}`;
}
