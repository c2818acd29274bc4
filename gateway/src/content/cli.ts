// Owns `bun run content`: reading one call's content with the operator's name in the audit log, and the change of content
// keys. Refuses to show anything that was not audited before.

import { closeSync, constants, fsyncSync, openSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { runAudited } from "@anyray/shared/admin/audit";
import { acceptContentKey } from "@anyray/shared/content-key";
import { EnvError, readEnv } from "@anyray/shared/env";
import { openStoreThere, readKeyringThere } from "@anyray/shared/offline";
import type { Store } from "@anyray/shared/store/store";
import { type Asked, help, readArguments } from "./arguments";
import { decryptTrace, NoContent, type Plain } from "./decrypt";
import { type RewrapReport, rewrapStore } from "./rewrap";

const exitCodes = { done: 0, failed: 1, usage: 2, badVariable: 78 } as const;

export interface ContentCommandSurroundings {
  /** Absent = the process's environment. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Whether what is printed goes before a person's eyes. */
  isTerminal: boolean;
  print(text: string | Uint8Array): void;
  complain(text: string): void;
  /** Seals the optimizer's files anew; resolves with its exit code. */
  rewrapOptimizer(dataDir: string, isDryRun: boolean): Promise<number>;
}

/** Resolves with the exit code. */
export async function runContentCommand(
  args: readonly string[],
  surroundings: ContentCommandSurroundings,
): Promise<number> {
  const { print, complain, isTerminal } = surroundings;
  let asked: Asked | null;
  try {
    asked = readArguments(args);
    if (asked?.command === "decrypt" && !isTerminal && asked.out === null && !asked.isStdout) {
      throw new Error("stdout is no terminal: say --stdout if that is meant, or --out FILE");
    }
  } catch (error) {
    complain(`${(error as Error).message}\n\n${help}`);
    return exitCodes.usage;
  }
  if (!asked) {
    print(help);
    return exitCodes.done;
  }
  try {
    return await run(asked, surroundings);
  } catch (error) {
    const { message, cause } = error as Error;
    complain(`${cause instanceof Error ? `${message} (${cause.message})` : message}\n`);
    return error instanceof EnvError ? exitCodes.badVariable : exitCodes.failed;
  }
}

async function run(asked: Asked, surroundings: ContentCommandSurroundings): Promise<number> {
  const env = readEnv(surroundings.env);
  const dataDir = asked.dataDir ?? env.ANYRAY_DATA_DIR;
  const store = await openStoreThere(env, dataDir);
  try {
    const keyring = () => readKeyringThere(env, dataDir);
    if (asked.command === "decrypt") return await decrypt(asked, store, keyring, surroundings);
    if (asked.command === "accept-key") return await acceptKey(asked, store, keyring, surroundings);
    return await rewrap(asked.isDryRun, dataDir, store, keyring, surroundings);
  } finally {
    await store.close();
  }
}

type Keys = () => ReturnType<typeof readKeyringThere>;

async function decrypt(
  asked: Asked & { command: "decrypt" },
  store: Store,
  keyring: Keys,
  { print, complain, isTerminal }: ContentCommandSurroundings,
): Promise<number> {
  const { out, isStdout } = asked;
  const to = out !== null ? "file" : isStdout ? "stdout" : "terminal";
  // Before the audit: an operator who cannot have the file has seen nothing.
  const file = out === null ? null : newFile(out);
  let isWritten = false;
  try {
    await decryptTrace(store, keyring, { ...asked, to }, async (contents) => {
      for (const content of contents) {
        if (file !== null) writeAll(file, content.bytes);
        else if (isStdout && !isTerminal) print(content.bytes);
        else print(forTerminal(content));
        if (content.isCut) {
          complain(`${content.field}: cut, ${content.bytes.length} of ${content.bytesSent} bytes were kept\n`);
        }
      }
      isWritten = true;
    });
    return exitCodes.done;
  } catch (error) {
    if (!(error instanceof NoContent)) throw error;
    complain(`${error.message}\n`);
    return exitCodes.failed;
  } finally {
    if (file !== null) closeSync(file);
    if (out !== null && !isWritten) unlinkSync(out);
  }
}

/** @throws Error where there is one already: what is there may be open to others */
function newFile(path: string): number {
  try {
    return openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(code === "EEXIST" ? `${path} exists already: name a new file` : message);
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  fsyncSync(file);
}

/** What callers and models write must not command the operator's terminal. */
function forTerminal({ field, bytes }: Plain): string {
  const text = new TextDecoder().decode(bytes).replace(/[^\P{Cc}\n\t]|[\u2028-\u202e\u2066-\u2069]/gu, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  return `--- ${field}, ${bytes.length} bytes ---\n${text}\n`;
}

async function acceptKey(
  { operator, reason }: Asked & { command: "accept-key" },
  store: Store,
  keyring: Keys,
  { print }: ContentCommandSurroundings,
): Promise<number> {
  const ring = keyring();
  const actor = { name: operator, ip: null, at: Date.now() };
  const audited = { action: "content-key.accept", object: ring.keyId, after: { keyId: ring.keyId }, reason };
  const given = await runAudited(
    store,
    actor,
    audited,
    () => acceptContentKey(store, ring, Date.now),
    (missing) => ({ missing }),
  );
  print(
    given.length === 0
      ? `the key ${ring.keyId} opens what the store holds: nothing to accept\n`
      : `the key ${ring.keyId} holds from the next start; what is sealed under ${given.join(", ")} is given up\n`,
  );
  return exitCodes.done;
}

async function rewrap(
  isDryRun: boolean,
  dataDir: string,
  store: Store,
  keyring: Keys,
  { print, complain, rewrapOptimizer }: ContentCommandSurroundings,
): Promise<number> {
  let toldAt = 0;
  const report = await rewrapStore({
    ...{ store, isDryRun, keyring: keyring(), pauseMs: 0 },
    actor: { name: "cli", ip: null },
    reason: "bun run content rewrap",
    onProgress(soFar) {
      if (Date.now() - toldAt < 1_000) return;
      toldAt = Date.now();
      complain(`${inWords(soFar, isDryRun)}\n`);
    },
  });
  print(`store: ${inWords(report, isDryRun)}\n`);
  const code = await rewrapOptimizer(dataDir, isDryRun);
  if (report.unreadable > 0) complain("what cannot be opened was left as it is: is an earlier key missing?\n");
  return report.unreadable === 0 && code === 0 ? exitCodes.done : exitCodes.failed;
}

function inWords({ scanned, resealed, providerKeys, unreadable }: RewrapReport, isDryRun: boolean): string {
  const verb = isDryRun ? "to be sealed anew" : "sealed anew";
  return `${scanned} contents looked at, ${resealed} ${verb}; provider keys ${verb}: ${providerKeys}; unreadable: ${unreadable}`;
}

if (import.meta.main) {
  process.exitCode = await runContentCommand(process.argv.slice(2), {
    isTerminal: process.stdout.isTTY === true,
    print: (text) => process.stdout.write(text),
    complain: (text) => process.stderr.write(text),
    async rewrapOptimizer(dataDir, isDryRun) {
      const entry = join(import.meta.dir, "..", "..", "..", "optimizer", "src", "sealed", "cli.ts");
      const args = [entry, "--data-dir", dataDir, ...(isDryRun ? ["--dry-run"] : [])];
      const child = Bun.spawn([process.execPath, "--no-env-file", ...args], {
        stdio: ["ignore", "inherit", "inherit"],
      });
      return await child.exited;
    },
  });
}
