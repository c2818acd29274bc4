// Owns noticing that the command which launched a script is gone. `npx … run start` hands SIGTERM to a shell in
// the middle, which dies of it without telling anyone: the services would go on with nobody in charge.

import { readFileSync } from "node:fs";
import type { ProcessEnv } from "./runtime";

export interface LauncherOptions {
  env: ProcessEnv;
  /** Parent of a process, undefined when unknown. */
  parentOf?: (pid: number) => number | undefined;
  everyMs?: number;
}

/**
 * Calls `onGone` once when the launcher has died. Watches the package script's runner, and under npx also the
 * shell above it. A process started straight from somebody's shell watches nothing: it may outlive that shell.
 *
 * @returns the function that ends the watch
 */
export function watchLauncher(onGone: () => void, options: LauncherOptions): () => void {
  const parentOf = options.parentOf ?? readParent;
  if (options.env["npm_lifecycle_event"] === undefined) return () => {};
  const runner = parentOf(process.pid);
  // `bun run` leaves npm's name here when npm (or npx) launched it; then a shell of npm's stands above it.
  const underNpm = options.env["npm_config_user_agent"]?.startsWith("npm/") === true;
  const above = runner !== undefined && underNpm ? parentOf(runner) : undefined;
  if (runner === undefined || runner <= 1) return () => {};
  const timer = setInterval(() => {
    if (parentOf(process.pid) === runner && (above === undefined || parentOf(runner) === above)) return;
    clearInterval(timer);
    onGone();
  }, options.everyMs ?? 500);
  timer.unref();
  return () => clearInterval(timer);
}

/** From /proc, so on Linux only: elsewhere a launcher's death goes unnoticed, as without this file. */
function readParent(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name, in parentheses, may itself hold spaces and parentheses.
    const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(parent);
  } catch {
    return undefined;
  }
}
