// Owns the fake provider's own account of what it served: append-only, one entry a request, kept apart from
// anything the gateway believes. Refuses to change or drop an entry once made.

import { closeSync, existsSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { Usage } from "../usage";

/** Anyray's one meaning of usage (`shared/src/usage.ts`) under short names: `input` includes `cached` and `cacheWrite`. */
export interface LedgerTokens {
  input: number;
  cached: number;
  cacheWrite: number;
  cacheWriteLong: number;
  output: number;
  reasoning: number;
}

/**
 * How serving a request ended. `complete`: every byte was handed to the socket. `client_left`: the client closed
 * first. `cut`: the provider broke the answer off, or was stopped. `error`: an error status or an error event in the
 * stream. `silent`: the provider stopped sending and kept the connection.
 */
export type LedgerEnd = "complete" | "client_left" | "cut" | "error" | "silent";

/**
 * One request. It is made once the last byte is with the socket, so that it never claims too much: another process may
 * see the end of an answer some microseconds before it can read the entry.
 */
export interface LedgerEntry {
  /** From 1, in the order in which serving ended. */
  seq: number;
  /** When the whole request had arrived, epoch milliseconds. */
  at: number;
  path: string;
  model: string | null;
  stream: boolean;
  /** The request's `x-call-id`. */
  callId: string | null;
  /**
   * The provider's own usage object as far as it was really handed to the socket; null = no usage was stated. In an
   * Anthropic stream the figures of `message_delta` are laid over those of `message_start`.
   */
  usageStated: Readonly<Record<string, unknown>> | null;
  /** Whether the figures that close the account were handed over: false for an Anthropic stream cut after its start. */
  usageFinal: boolean;
  /**
   * What this provider bills: a complete answer in full; a stream that ended early, its input and the output of the
   * events handed over; an answer of which nothing was handed over, and an error, nothing.
   */
  tokens: LedgerTokens;
  /** 0 = no status line was sent. */
  status: number;
  end: LedgerEnd;
}

export interface LedgerSum {
  requests: number;
  /** Requests whose closing figures were handed over. */
  stated: number;
  tokens: LedgerTokens;
  ends: Record<LedgerEnd, number>;
}

export interface Ledger {
  /** The newest entries, oldest first; at most `entriesMax`. The file and `sum` hold them all. */
  readonly entries: LedgerEntry[];
  append(entry: Omit<LedgerEntry, "seq">): LedgerEntry;
  /** Over every entry since the ledger was opened, those read from an existing file included. */
  sum(): LedgerSum;
  /** Closes the file: what is appended later is kept in memory alone. */
  close(): void;
}

const entriesMax = 20_000;

export const noTokens: Readonly<LedgerTokens> = Object.freeze({
  input: 0,
  cached: 0,
  cacheWrite: 0,
  cacheWriteLong: 0,
  output: 0,
  reasoning: 0,
});

/**
 * Opens a ledger; with a path, each entry is written to that file as one line of JSON before `append` returns, and an
 * existing file is carried on.
 */
export function openLedger(path?: string): Ledger {
  const entries = path && existsSync(path) ? loadLedger(path) : [];
  const total = sumLedger(entries);
  let seq = entries.at(-1)?.seq ?? 0;
  let file = path === undefined ? undefined : openForAppend(path);
  return {
    entries,
    append(entry) {
      const numbered = { seq: ++seq, ...entry };
      if (file !== undefined) writeLine(file, numbered);
      entries.push(numbered);
      if (entries.length > entriesMax * 1.1) entries.splice(0, entries.length - entriesMax);
      addTo(total, numbered);
      return numbered;
    },
    sum: () => ({ ...total, tokens: { ...total.tokens }, ends: { ...total.ends } }),
    close() {
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

/** Reads a ledger file. A last line without its end was torn by a crash while it was written, and is left out. */
export function loadLedger(path: string): LedgerEntry[] {
  const lines = readFileSync(path, "utf8").split("\n");
  lines.pop();
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as LedgerEntry);
}

export function sumLedger(entries: readonly LedgerEntry[]): LedgerSum {
  const ends = { complete: 0, client_left: 0, cut: 0, error: 0, silent: 0 };
  const sum: LedgerSum = { requests: 0, stated: 0, tokens: { ...noTokens }, ends };
  for (const entry of entries) addTo(sum, entry);
  return sum;
}

/** The ledger's tokens under the names of `shared/src/usage.ts`. */
export function usageOfLedger(tokens: LedgerTokens): Usage {
  return {
    inputTokens: tokens.input,
    cachedInputTokens: tokens.cached,
    cacheWriteTokens: tokens.cacheWrite,
    cacheWriteLongTokens: tokens.cacheWriteLong,
    outputTokens: tokens.output,
    reasoningTokens: tokens.reasoning,
  };
}

function addTo(sum: LedgerSum, entry: LedgerEntry): void {
  sum.requests++;
  if (entry.usageStated && entry.usageFinal) sum.stated++;
  sum.ends[entry.end]++;
  for (const kind of Object.keys(noTokens) as (keyof LedgerTokens)[]) sum.tokens[kind] += entry.tokens[kind];
}

/** A line torn by a crash is removed first, or the next entry would be joined to it. */
function openForAppend(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  if (existsSync(path)) truncateSync(path, readFileSync(path).lastIndexOf("\n") + 1);
  return openSync(path, "a");
}

function writeLine(file: number, entry: LedgerEntry): void {
  const line = Buffer.from(`${JSON.stringify(entry)}\n`);
  for (let offset = 0; offset < line.length; ) offset += writeSync(file, line, offset);
}
