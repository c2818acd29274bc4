// Owns `bun run audit`: whether the audit log is as it was written, told beside a running gateway or without one.

import { parseArgs } from "node:util";
import { type ChainReport, verifyAudit } from "@anyray/shared/audit-watch";
import { EnvError, readEnv } from "@anyray/shared/env";
import { openStoreThere } from "@anyray/shared/offline";
import type { AuditHead } from "@anyray/shared/store/audit-chain";
import type { Store } from "@anyray/shared/store/store";
import { readWho } from "../content/arguments";

const help = `Usage: bun run audit <command> [options]

Commands
  verify   reads the audit log from its first row to its last; names the first that is not as it was written
             --anchor SEQ:HASH   also compares it with an anchor from a gateway's log
  accept   takes the log as it is now for whole, after a backup was restored or the anchor file was lost; what
           the anchor said is given up, and that goes into the log itself
             --operator NAME, --reason TEXT

Options
  --data-dir DIR   instead of ANYRAY_DATA_DIR
  -h, --help       this text

Variables are those of the gateway: ANYRAY_AUDIT_KEY (or the file audit-key in the data directory) and
ANYRAY_AUDIT_KEYS_OLD.

Exit codes
  0   the log is as it was written
  1   it is not, it cannot be told, or the store failed
  2   the command was not understood
  78  a variable has a bad value
`;

const exitCodes = { whole: 0, broken: 1, usage: 2, badVariable: 78 } as const;

type Asked = { dataDir: string | null } & (
  | { command: "verify"; anchor: AuditHead | null }
  | { command: "accept"; operator: string; reason: string }
);

export interface AuditCommandSurroundings {
  /** Absent = the process's environment. */
  env?: Readonly<Record<string, string | undefined>>;
  print(text: string): void;
  complain(text: string): void;
}

/** Null = help was asked for. @throws Error for a person to read */
function readArguments(args: readonly string[]): Asked | null {
  const text = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      ...{ anchor: text, operator: text, reason: text, "data-dir": text },
      help: { type: "boolean", short: "h" },
    },
    allowPositionals: true,
  });
  if (values.help) return null;
  const [command, ...further] = positionals;
  if (further.length > 0) throw new Error(`one command at a time: "${further[0]}" is one too many`);
  const dataDir = values["data-dir"] ?? null;
  if (dataDir === "") throw new Error("--data-dir needs the path of a directory");
  if (command === "accept") return { command, ...readWho(values), dataDir };
  if (command !== "verify") throw new Error("say what to do: verify or accept");
  return { command, anchor: values.anchor === undefined ? null : readAnchorText(values.anchor), dataDir };
}

function readAnchorText(text: string): AuditHead {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq === undefined || hash === undefined) throw new Error("--anchor is SEQ:HASH, as a gateway's log has it");
  return { seq: Number(seq), hash };
}

/** Resolves with the exit code. */
export async function runAuditCommand(
  args: readonly string[],
  { env: source, print, complain }: AuditCommandSurroundings,
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
    return exitCodes.whole;
  }
  try {
    const env = readEnv(source);
    const store = await openStoreThere(env, asked.dataDir ?? env.ANYRAY_DATA_DIR);
    try {
      if (asked.command === "accept") await accept(store, asked);
      const report = await verifyAudit(store, { expected: asked.command === "verify" ? asked.anchor : null });
      print(inWords(report));
      return report.state === "ok" ? exitCodes.whole : exitCodes.broken;
    } finally {
      await store.close();
    }
  } catch (error) {
    complain(`${(error as Error).message}\n`);
    return error instanceof EnvError ? exitCodes.badVariable : exitCodes.broken;
  }
}

async function accept(store: Store, { operator, reason }: { operator: string; reason: string }): Promise<void> {
  const { state, head, firstBadSeq = null, kind = null } = await verifyAudit(store);
  const at = Date.now();
  await store.acceptAudit({
    id: Bun.randomUUIDv7("hex", at),
    ...{ at, actor: operator, ip: null, action: "audit.accept", object: "audit log", reason },
    before: { state, firstBadSeq, kind },
    after: { head },
  });
}

function inWords({ state, rows, head, firstBadSeq, kind, reason }: ChainReport): string {
  const end = `The log ends with row ${head.seq}; anchor ${head.seq}:${head.hash}\n`;
  if (state === "ok") return `ok: ${rows} rows are as they were written.\n${end}`;
  const where = `row ${firstBadSeq}: ${kind}: ${reason}.`;
  return `${state}: ${where}\n${rows} rows before it are as they were written.\n${end}`;
}

if (import.meta.main) {
  process.exitCode = await runAuditCommand(process.argv.slice(2), {
    print: (text) => process.stdout.write(text),
    complain: (text) => process.stderr.write(text),
  });
}
