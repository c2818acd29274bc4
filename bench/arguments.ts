// Owns the command line of the bench.

import { parseArgs } from "node:util";

export interface Arguments {
  /** Scenarios asked for by name; empty = all that belong to the mode. */
  names: string[];
  isFull: boolean;
  isCheck: boolean;
  isList: boolean;
  isHelp: boolean;
  mustUpdateReadme: boolean;
  /** Null = the mode's own number. */
  rounds: number | null;
  /** Null = not the mode's own length but the given one, in milliseconds. */
  roundMs: number | null;
  soakMinutes: number;
  /** Where the report goes as JSON: a path, "-" for standard output, null for nowhere. */
  json: string | null;
}

export const usage = `Usage: bun run bench [scenario…] [options]

Measures what Anyray adds to a call on this machine, against the upstream itself, a bare Bun proxy, and nginx and
HAProxy where they are installed. Without names: every quick scenario, in under three minutes.

  --check           measure what the budgets in bench/budgets.json need and judge it; exits 1 when one is broken
  --full            all scenarios, longer rounds, larger crowds, and the soak
  --rounds N        samples of each arm, 1 to 100
  --round-ms N      length of a sample, 50 to 600000
  --soak MINUTES    length of the soak (default 30)
  --json FILE       write everything as JSON; - for standard output
  --update-readme   write the table in README.md between <!-- performance --> and <!-- /performance -->
  --list            list the scenarios
  --help            this text`;

/** @throws Error saying what is wrong with the command line */
export function readArguments(args: readonly string[], known: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      full: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      "update-readme": { type: "boolean", default: false },
      rounds: { type: "string" },
      "round-ms": { type: "string" },
      soak: { type: "string" },
      json: { type: "string" },
    },
  });
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`No such scenario: ${unknown.join(", ")}. There are: ${known.join(", ")}`);
  return {
    names: [...new Set(positionals)],
    isFull: values.full,
    isCheck: values.check,
    isList: values.list,
    isHelp: values.help,
    mustUpdateReadme: values["update-readme"],
    rounds: readCount("--rounds", values.rounds, 1, 100),
    roundMs: readCount("--round-ms", values["round-ms"], 50, 600_000),
    soakMinutes: readCount("--soak", values.soak, 1, 100_000) ?? 30,
    json: values.json ?? null,
  };
}

function readCount(name: string, text: string | undefined, min: number, max: number): number | null {
  if (text === undefined) return null;
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= min && count <= max) return count;
  throw new Error(`${name} takes a whole number from ${min} to ${max}`);
}
