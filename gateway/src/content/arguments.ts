// Owns what `bun run content` understands, and what it says when it does not.

import { parseArgs } from "node:util";
import { nameRule, readName } from "@anyray/shared/admin/request";
import { contentFields } from "@anyray/shared/store/check-trace";
import type { TraceContent } from "@anyray/shared/store/trace";

export const help = `Usage: bun run content <command> [options]

Works on the store of a data directory, beside a running gateway or without one. Everything it does is audited.

Commands
  decrypt     shows what a call sent and got, in the clear; there is no other way to see it
                --trace ID          the call's request id
                --operator NAME     who asks; goes into the audit log
                --reason TEXT       why; goes into the audit log
                --field FIELD       request, sentRequest or response; without: all, on a terminal
                --out FILE          into a new file of mode 0600, byte for byte
                --stdout            to stdout though it is no terminal, byte for byte
  rewrap      seals anew what is under earlier content keys, in the store and in the optimizer's files;
              can be broken off and begun again
                --dry-run           only counts
  accept-key  takes the configured content key as the right one though it does not open what the store
              holds; what is sealed under the lost key stays unreadable
                --operator NAME, --reason TEXT

Options
  --data-dir DIR   instead of ANYRAY_DATA_DIR
  -h, --help       this text

Variables are those of the gateway: ANYRAY_CONTENT_KEY (or the file content-key in the data directory),
ANYRAY_CONTENT_KEYS_OLD, ANYRAY_AUDIT_KEY.

Exit codes
  0   done
  1   there is nothing to show, something cannot be opened, or the store failed
  2   the command was not understood, or lacks what it must say
  78  a variable has a bad value
`;

export type Asked =
  | {
      command: "decrypt";
      trace: string;
      operator: string;
      reason: string;
      field: TraceContent["field"] | null;
      out: string | null;
      isStdout: boolean;
      dataDir: string | null;
    }
  | { command: "rewrap"; isDryRun: boolean; dataDir: string | null }
  | { command: "accept-key"; operator: string; reason: string; dataDir: string | null };

const reasonCharsMax = 500;

/** Null = help was asked for. @throws Error for a person to read */
export function readArguments(args: readonly string[]): Asked | null {
  const text = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      ...{ trace: text, operator: text, reason: text, field: text, out: text, "data-dir": text },
      stdout: { type: "boolean" },
      "dry-run": { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
    allowPositionals: true,
  });
  if (values.help) return null;
  const [command, ...further] = positionals;
  if (further.length > 0) throw new Error(`one command at a time: "${further[0]}" is one too many`);
  const dataDir = values["data-dir"] ?? null;
  if (dataDir === "") throw new Error("--data-dir needs the path of a directory");
  switch (command) {
    case "decrypt":
      return { command, ...readWish(values), ...readWho(values), dataDir };
    case "rewrap":
      return { command, isDryRun: values["dry-run"] === true, dataDir };
    case "accept-key":
      return { command, ...readWho(values), dataDir };
    default:
      throw new Error("say what to do: decrypt, rewrap or accept-key");
  }
}

interface Given {
  trace?: string | undefined;
  field?: string | undefined;
  out?: string | undefined;
  stdout?: boolean | undefined;
  operator?: string | undefined;
  reason?: string | undefined;
}

function readWish({ trace, field, out, stdout }: Given) {
  if (!trace || !/^[\x21-\x7e]{1,64}$/.test(trace)) throw new Error("--trace needs the id of one call");
  const known = contentFields.find((one) => one === field) ?? null;
  if (field !== undefined && known === null) throw new Error(`--field is one of ${contentFields.join(", ")}`);
  if (out === "") throw new Error("--out needs the path of a file");
  const isStdout = stdout === true;
  if (isStdout && out !== undefined) throw new Error("--out and --stdout: give one of them");
  if (known === null && (isStdout || out !== undefined)) {
    throw new Error("--out and --stdout give one content byte for byte: say which with --field");
  }
  return { trace, field: known, out: out ?? null, isStdout };
}

/** Nobody looks at content namelessly. */
export function readWho({ operator, reason }: Pick<Given, "operator" | "reason">): {
  operator: string;
  reason: string;
} {
  const name = readName(operator);
  if (name === undefined) throw new Error(`--operator must say who asks (${nameRule}): it goes into the audit log`);
  const why = reason?.trim() ?? "";
  if (why === "" || why.length > reasonCharsMax || /\p{Cc}/u.test(why)) {
    throw new Error(
      `--reason must say why, in at most ${reasonCharsMax} characters on one line: it goes into the audit log`,
    );
  }
  return { operator: name, reason: why };
}
