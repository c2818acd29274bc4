// Owns the install step of every script: what bun.lock names is on disk before anything else runs.
// Refuses to change bun.lock. Uses built-ins only: it runs when no package is there yet.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ProgressStream, showProgress } from "./progress";

export interface InstallOptions {
  /** Where progress and failures are shown. */
  stream: ProgressStream;
  /** Ends the install early. */
  signal?: AbortSignal;
}

/**
 * Installs what is missing or differs from bun.lock. Bun itself is the judge of that: with nothing to do it
 * needs some 10 ms, asks nobody, and this stays silent.
 *
 * @returns the exit code of `bun install`, 0 = all is there; a failure has been shown with Bun's own words
 */
export async function install(root: string, { stream, signal }: InstallOptions): Promise<number> {
  warnAboutVersion(root, stream);
  const end = showProgress("Installing packages...", stream);
  // First without the network: left to itself, Bun looks up the registry's name also where there is nothing to fetch.
  let { code, words } = await runInstall(root, ["--offline"], signal);
  if (code !== 0 && !signal?.aborted) ({ code, words } = await runInstall(root, [], signal));
  end();
  if (code === 0 || signal?.aborted) return code;
  stream.write(`${words.trimEnd()}\n`);
  stream.write(
    `\nPackages could not be installed: "bun install --frozen-lockfile" ended with code ${code}, see above.\n`,
  );
  return code;
}

async function runInstall(root: string, flags: readonly string[], signal: AbortSignal | undefined) {
  const child = Bun.spawn([process.execPath, "install", "--frozen-lockfile", ...flags], {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    ...(signal ? { signal } : {}),
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, words: stdout + stderr };
}

/** Streaming, shutdown and HTTP/2 were verified on one Bun version only, so another one is worth a line. */
function warnAboutVersion(root: string, stream: ProgressStream): void {
  const pinned = pinnedBunVersion(readFileSync(join(root, "package.json"), "utf8"));
  if (pinned === undefined || pinned === Bun.version) return;
  stream.write(`This is Bun ${Bun.version}; Anyray is tested with ${pinned}: npx --yes bun@${pinned} run start\n`);
}

/** "1.4.5" from `"packageManager": "bun@1.4.5"`. */
export function pinnedBunVersion(packageJson: string): string | undefined {
  const { packageManager } = JSON.parse(packageJson) as { packageManager?: string };
  return packageManager?.startsWith("bun@") ? packageManager.slice("bun@".length) : undefined;
}
