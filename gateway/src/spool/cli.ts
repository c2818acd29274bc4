// Owns `bun run spool`: shows what lies in the spool, and brings it into the store without a gateway. Refuses slots
// that a running process holds.

import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { EnvError, readEnv } from "@anyray/shared/env";
import { openStore } from "@anyray/shared/store/open";
import { type ReplayReport, replaySpool, verifySpool } from "./replay";
import { lockSlot, slotDirectories } from "./slot";

const help = `Usage: bun run spool <command> [--data-dir DIR]

Rows of calls wait in the spool until the store has them. A gateway replays what a former one left when it starts;
this does the same by hand.

Commands
  verify   reads every slot of the spool and counts what is in it; changes nothing
  replay   brings every slot into the store, then deletes its files; files with damage are kept under another name

Options
  --data-dir DIR   instead of ANYRAY_DATA_DIR
  -h, --help       this text

Variables are those of the gateway. ANYRAY_REPORT_TZ must be the same: the store's roll-ups are in that zone.

Exit codes
  0   all is well
  1   there was damage, or rows the store refuses, or the store failed
  2   the command was not understood
  3   well, but for slots in use by a running gateway, which were left alone
  78  a variable has a bad value
`;

const exitCodes = { well: 0, damage: 1, usage: 2, inUse: 3, badVariable: 78 } as const;

interface SlotResult {
  slot: string;
  /** Null = a running process holds it. */
  report: ReplayReport | null;
}

interface Asked {
  command: "verify" | "replay";
  dataDir: string | undefined;
}

/** Null = help was asked for. @throws Error for a person to read */
function readArguments(args: readonly string[]): Asked | null {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { "data-dir": { type: "string" }, help: { type: "boolean", short: "h" } },
    allowPositionals: true,
  });
  if (values.help) return null;
  const [command, ...further] = positionals;
  if (command !== "verify" && command !== "replay") throw new Error("say what to do: verify or replay");
  if (further.length > 0) throw new Error(`one command at a time: "${further[0]}" is one too many`);
  const dataDir = values["data-dir"];
  if (dataDir === "") throw new Error("--data-dir needs the path of a directory");
  return { command, dataDir };
}

export interface SpoolCommandSurroundings {
  /** Absent = the process's environment. */
  env?: Readonly<Record<string, string | undefined>>;
  print(text: string): void;
  complain(text: string): void;
}

/** Resolves with the exit code. */
export async function runSpoolCommand(
  args: readonly string[],
  { env: source, print, complain }: SpoolCommandSurroundings,
): Promise<number> {
  let asked: Asked | null;
  try {
    asked = readArguments(args);
  } catch (error) {
    complain(`${(error as Error).message}\n\n${help}`);
    return exitCodes.usage;
  }
  if (!asked) {
    print(help);
    return exitCodes.well;
  }
  try {
    const env = readEnv(source);
    const dataDir = asked.dataDir ?? env.ANYRAY_DATA_DIR;
    const root = join(dataDir, "spool");
    const { command } = asked;
    const results = command === "verify" ? verifyAll(root) : await replayAll(root, dataDir, env.ANYRAY_REPORT_TZ);
    print(describe(command, root, results));
    return codeOf(results);
  } catch (error) {
    const isVariable = error instanceof EnvError;
    complain(
      `${isVariable ? "" : "failed, and nothing of the slot at hand was deleted: "}${(error as Error).message}\n`,
    );
    return isVariable ? exitCodes.badVariable : exitCodes.damage;
  }
}

function verifyAll(root: string): SlotResult[] {
  return slotDirectories(root).map((dir) => {
    const slot = lockSlot(dir);
    try {
      return { slot: basename(dir), report: slot && verifySpool(dir) };
    } finally {
      slot?.release();
    }
  });
}

async function replayAll(root: string, dataDir: string, timezone: string): Promise<SlotResult[]> {
  const results: SlotResult[] = [];
  const slots = slotDirectories(root);
  if (slots.length === 0) return results;
  const store = await openStore({ dataDir, timezone });
  try {
    for (const dir of slots) {
      const slot = lockSlot(dir);
      try {
        results.push({ slot: basename(dir), report: slot && (await replaySpool(dir, store)) });
      } finally {
        slot?.release();
      }
    }
  } finally {
    await store.close();
  }
  return results;
}

const hasDamage = (report: ReplayReport) => report.damagedRecords + report.quarantined > 0;

function codeOf(results: readonly SlotResult[]): number {
  if (results.some(({ report }) => report && hasDamage(report))) return exitCodes.damage;
  return results.some(({ report }) => !report) ? exitCodes.inUse : exitCodes.well;
}

function stateOf(command: Asked["command"], report: ReplayReport | null): string {
  if (!report) return "in use";
  if (hasDamage(report)) return "damaged";
  if (report.segments === 0) return "empty";
  return command === "replay" ? "stored" : "whole";
}

function describe(command: Asked["command"], root: string, results: readonly SlotResult[]): string {
  if (results.length === 0) return `no spool in ${root}\n`;
  const header = ["slot", "state", "files", "rows", "interrupted", "new", "refused", "damaged", "torn bytes"];
  const lines = results.map(({ slot, report }) => {
    const state = stateOf(command, report);
    if (!report) return [slot, state, ...Array<string>(header.length - 2).fill("-")];
    const { segments, rows, interrupted, newRows, quarantined, damagedRecords, tornBytes } = report;
    // What is new and what is refused only the store knows, which verify does not ask.
    const told = command === "replay" ? [newRows, quarantined] : ["-", "-"];
    return [slot, state, ...[segments, rows, interrupted, ...told, damagedRecords, tornBytes].map(String)];
  });
  const widths = header.map((name, at) => Math.max(name.length, ...lines.map((line) => line[at]?.length ?? 0)));
  const toText = (line: readonly string[]) => line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ");
  const table = [header, ...lines].map((line) => `${toText(line).trimEnd()}\n`).join("");
  const isInUse = results.some(({ report }) => !report);
  return isInUse ? `${table}Slots in use are a running gateway's: it stores their rows itself.\n` : table;
}

if (import.meta.main) {
  process.exitCode = await runSpoolCommand(process.argv.slice(2), {
    print: (text) => process.stdout.write(text),
    complain: (text) => process.stderr.write(text),
  });
}
