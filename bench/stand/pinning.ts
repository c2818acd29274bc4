// Owns which process runs on which core: the proxy under test has one to itself, what feeds and loads it has others.

import { readFileSync } from "node:fs";

export interface Pinning {
  proxyCore: number;
  upstreamCore: number;
  generatorCore: number;
}

/** What the bench may run on, as it was before it pinned itself; null where there is nothing to pin with. */
export const allowedCores: string | null = readAllowedCores();

function readAllowedCores(): string | null {
  if (process.platform !== "linux" || !Bun.which("taskset")) return null;
  return /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? null;
}

/** Null where there is no taskset or only one core to run on. */
export function choosePinning(): Pinning | null {
  const [proxyCore, upstreamCore, generatorCore] = readCoreList(allowedCores ?? "");
  if (proxyCore === undefined || upstreamCore === undefined) return null;
  return { proxyCore, upstreamCore, generatorCore: generatorCore ?? upstreamCore };
}

/** "0-2,5" → [0, 1, 2, 5]. */
export function readCoreList(list: string): number[] {
  return list.split(",").flatMap((range) => {
    const [from, to] = range.split("-").map(Number);
    if (range.trim() === "" || from === undefined || Number.isNaN(from)) return [];
    return Array.from({ length: (to ?? from) - from + 1 }, (_, at) => from + at);
  });
}

/** The bench's own process keeps off the proxy's core too. */
export function pinSelf({ generatorCore }: Pinning): void {
  Bun.spawnSync(["taskset", "--all-tasks", "--pid", "--cpu-list", String(generatorCore), String(process.pid)]);
}
