// Owns what other programs do to a measurement: how much of the cores they took, and whether it is worth taking a
// sample again.

import type { Pinning } from "./pinning";
import { readBusyNs, readCpuNs } from "./readings";

/** From this share of one core on, what others took counts as a disturbance. */
const foreignShareMax = 0.1;
const attemptsMax = 4;

export interface Noise {
  /** Samples that were taken again, and those that stayed disturbed all the same. */
  repeated: number;
  kept: number;
  /** How long samples may still be repeated; a busy machine must not make the bench endless. */
  patienceMs: number;
}

export const createNoise = (patienceMs: number): Noise => ({ repeated: 0, kept: 0, patienceMs });

export interface Watched<T> {
  value: T;
  /** What other programs took, as a share of one core; null where the system does not tell. */
  foreignShare: number | null;
}

/** Runs `measure` and tells how much CPU time of `cores` went to processes other than `pids`. */
export async function watchNoise<T>(
  pinning: Pinning | null,
  pids: () => readonly number[],
  measure: () => Promise<T>,
): Promise<Watched<T>> {
  const cores = pinning ? [...new Set([pinning.proxyCore, pinning.upstreamCore, pinning.generatorCore])] : null;
  const read = () => ({ busy: readBusyNs(cores), own: new Map(pids().map((pid) => [pid, readCpuNs(pid)])) });
  const before = read();
  const startedAt = Bun.nanoseconds();
  const value = await measure();
  const elapsed = Bun.nanoseconds() - startedAt;
  const after = read();
  if (before.busy === null || after.busy === null) return { value, foreignShare: null };
  let own = 0;
  for (const [pid, cpu] of after.own) own += (cpu ?? 0) - (before.own.get(pid) ?? 0);
  return { value, foreignShare: Math.max(0, (after.busy - before.busy - own) / elapsed) };
}

/** Takes a sample, again while others disturb it and patience lasts, and gives the least disturbed one. */
export async function takeCleanly<T>(noise: Noise, take: () => Promise<Watched<T>>): Promise<T> {
  let best = await take();
  for (let attempt = 1; isDisturbed(best) && attempt < attemptsMax && noise.patienceMs > 0; attempt += 1) {
    noise.repeated += 1;
    const startedAt = performance.now();
    const again = await take();
    noise.patienceMs -= performance.now() - startedAt;
    if ((again.foreignShare ?? 0) < (best.foreignShare ?? 0)) best = again;
  }
  if (isDisturbed(best)) noise.kept += 1;
  return best.value;
}

const isDisturbed = ({ foreignShare }: Watched<unknown>) => foreignShare !== null && foreignShare > foreignShareMax;
