// Owns what the kernel says of processes and cores. Every reading is null where the system does not tell.

import { readdirSync, readFileSync } from "node:fs";

/** CPU time of all threads of a process since its start, in nanoseconds. Threads that ended are not in it. */
export function readCpuNs(pid: number): number | null {
  try {
    let sum = 0;
    for (const task of readdirSync(`/proc/${pid}/task`)) sum += readThreadNs(pid, task);
    return sum;
  } catch {
    return null;
  }
}

/** The same of the threads that relay: the process's first one, and the runtime's own for calls to providers. */
export function readRelayNs(pid: number): number | null {
  try {
    const isRelay = (task: string) =>
      task === String(pid) || readFileSync(`/proc/${pid}/task/${task}/comm`, "utf8").trim() === "HTTP Client";
    return readdirSync(`/proc/${pid}/task`)
      .filter(isRelay)
      .reduce((sum, task) => sum + readThreadNs(pid, task), 0);
  } catch {
    return null;
  }
}

function readThreadNs(pid: number, task: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
  } catch (error) {
    // A thread may end between the listing and the reading; a system without schedstat is another matter.
    if (task === String(pid)) throw error;
    return 0;
  }
}

export function readResidentBytes(pid: number): number | null {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) * 1_024;
  } catch {
    return null;
  }
}

const tickNs = 10_000_000;

/** Time that the given cores were not idle since the machine's start, in nanoseconds; all cores when none are given. */
export function readBusyNs(cores: readonly number[] | null): number | null {
  try {
    const text = readFileSync("/proc/stat", "utf8");
    const names = cores ? cores.map((core) => `cpu${core}`) : ["cpu"];
    return names.reduce((sum, name) => sum + busyTicks(text, name) * tickNs, 0);
  } catch {
    return null;
  }
}

/** user + nice + system + irq + softirq + steal: all but the 4th and 5th figure, idle and waiting for disks. */
export function busyTicks(procStat: string, name: string): number {
  const line = new RegExp(`^${name} +(.*)$`, "m").exec(procStat)?.[1];
  if (line === undefined) throw new Error(`${name} is not in /proc/stat`);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(" ").map(Number);
  return user + nice + system + irq + softirq + steal;
}
