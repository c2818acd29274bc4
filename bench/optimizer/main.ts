// `bun run bench:optimizer`: what the optimizer takes in time and gives in tokens, by size of request, on this machine.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { describeMachine, machineLine } from "../machine";
import { clearProgress, showProgress } from "../progress";
import { choosePinning, pinSelf } from "../stand/pinning";
import { renderTable } from "../table";
import { type RunningOptimizer, startOptimizerProcess } from "./optimizer-process";
import { makeSession } from "./workload";

const usage = `bun run bench:optimizer [options]

  --calls N      calls measured of each size (default 120)
  --seed N       what requests are made from (default: one of this run, told at the end)
  --soak N       afterwards N more calls of 20 KB, to see whether memory stays flat
  --check        exit with 1 when a target is missed
  --json FILE    the report as JSON; - for standard output
`;

/** Milliseconds of one call, by the median and by the slowest of a hundred. */
const targets: Record<string, { p50: number; p99: number }> = {
  "60 KB": { p50: 10, p99: 40 },
  "1 MB": { p50: 250, p99: 600 },
};

const sizes: readonly [name: string, bytes: number][] = [
  ["2 KB", 2_048],
  ["20 KB", 20_480],
  ["60 KB", 61_440],
  ["100 KB", 102_400],
  ["1 MB", 1_048_576],
];

interface Row {
  size: string;
  profile: string;
  calls: number;
  p50: number;
  p99: number;
  max: number;
  tokensBefore: number;
  tokensAfter: number;
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        calls: { type: "string", default: "120" },
        seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
        soak: { type: "string", default: "0" },
        check: { type: "boolean", default: false },
        json: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(usage);
      process.exit(0);
    }
    const numbers = { calls: Number(values.calls), seed: Number(values.seed), soak: Number(values.soak) };
    for (const [name, value] of Object.entries(numbers)) {
      if (!Number.isInteger(value) || value < 0) throw new Error(`--${name}: accepted is a whole number`);
    }
    return { ...values, ...numbers };
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

/** Every call is of a session of its own or a later turn of one, as calls of a gateway's users are. */
async function measure(
  optimizer: RunningOptimizer,
  profile: "shipped" | "all",
  [size, bytes]: (typeof sizes)[number],
  calls: number,
  seed: number,
): Promise<Row> {
  await optimizer.use(profile);
  const times: number[] = [];
  let tokensBefore = 0;
  let tokensAfter = 0;
  for (let round = 0; times.length < calls; round += 1) {
    const session = makeSession(seed + round * 7_919 + bytes, bytes);
    const name = `${profile}-${size}-${round}`;
    for (const [turn, request] of session.turns.entries()) {
      const { ms, text } = await optimizer.ask(request, name);
      const isLast = turn === session.turns.length - 1;
      // The turns before are shorter than what this row is about.
      if (!isLast) continue;
      times.push(ms);
      if (round >= 12) continue;
      tokensBefore += countTokens(request);
      tokensAfter += countTokens(JSON.stringify((JSON.parse(text) as { request: unknown }).request));
    }
    showProgress(`${size}, ${profile}: ${times.length} of ${calls}`);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { size, profile, calls, p50: at(0.5), p99: at(0.99), max: at(1), tokensBefore, tokensAfter };
}

async function soak(optimizer: RunningOptimizer, calls: number, seed: number): Promise<number[]> {
  const memory = [optimizer.memoryMb()];
  const sessions = Array.from({ length: 40 }, (_, at) => makeSession(seed + at, 20_480));
  for (let done = 0; done < calls; ) {
    const batch = sessions.flatMap(({ turns }, at) => turns.map((turn) => optimizer.ask(turn, `soak-${done}-${at}`)));
    await Promise.all(batch.slice(0, 64));
    await Promise.all(batch.slice(64));
    done += batch.length;
    if (Math.floor((done * 10) / calls) >= memory.length) memory.push(optimizer.memoryMb());
    showProgress(`soak: ${done} of ${calls}, ${memory.at(-1)?.toFixed(0)} MB`);
  }
  return memory;
}

const ms = (value: number) => value.toFixed(1);

function print(rows: readonly Row[]): string {
  return renderTable(rows, [
    { title: "request", cell: ({ size }) => size, isText: true },
    { title: "strategies", cell: ({ profile }) => profile, isText: true },
    { title: "calls", cell: ({ calls }) => String(calls) },
    { title: "p50 ms", cell: ({ p50 }) => ms(p50) },
    { title: "p99 ms", cell: ({ p99 }) => ms(p99) },
    { title: "max ms", cell: ({ max }) => ms(max) },
    { title: "tokens before", cell: ({ tokensBefore }) => String(tokensBefore) },
    { title: "after", cell: ({ tokensAfter }) => String(tokensAfter) },
    { title: "saved", cell: (row) => `${((1 - row.tokensAfter / row.tokensBefore) * 100).toFixed(1)} %` },
  ]);
}

function missesOf(rows: readonly Row[]): string[] {
  return rows.flatMap(({ size, profile, p50, p99 }) => {
    const target = targets[size];
    if (!target) return [];
    const missed: string[] = [];
    if (p50 > target.p50) missed.push(`${size} (${profile}): p50 ${ms(p50)} ms, at most ${target.p50}`);
    if (p99 > target.p99) missed.push(`${size} (${profile}): p99 ${ms(p99)} ms, at most ${target.p99}`);
    return missed;
  });
}

const options = readOptions();
const say = (text: string) => (options.json === "-" ? console.error(text) : console.log(text));
const directory = mkdtempSync(join(tmpdir(), "anyray-bench-"));
const pinning = choosePinning();
if (pinning) pinSelf(pinning);
const machine = machineLine(describeMachine(pinning));
const optimizer = await startOptimizerProcess(directory, pinning?.proxyCore ?? null);
try {
  // The first requests are run by code that is not compiled yet: no call of a working day is.
  for (const [, bytes] of sizes.slice(0, 4)) {
    await optimizer.use("all");
    for (let at = 0; at < 25; at += 1) {
      for (const turn of makeSession(at + 1, bytes).turns) await optimizer.ask(turn, `warm-${bytes}-${at}`);
    }
  }
  const rows: Row[] = [];
  for (const size of sizes) {
    for (const profile of ["shipped", "all"] as const) {
      const calls = size[1] > 1e6 ? Math.ceil(options.calls / 4) : options.calls;
      rows.push(await measure(optimizer, profile, size, calls, options.seed));
    }
  }
  const memory = options.soak > 0 ? await soak(optimizer, options.soak, options.seed) : [];
  clearProgress();
  say(`${machine}\nseed ${options.seed}\n\n${print(rows)}`);
  if (memory.length > 0) say(`\nmemory over ${options.soak} calls: ${memory.map((mb) => mb.toFixed(0)).join(" ")} MB`);
  const misses = missesOf(rows);
  for (const miss of misses) say(`missed: ${miss}`);
  const report = JSON.stringify({ machine, seed: options.seed, rows, memory, misses }, null, 2);
  if (options.json === "-") console.log(report);
  else if (options.json) writeFileSync(options.json, report);
  if (options.check && misses.length > 0) process.exitCode = 1;
} finally {
  await optimizer.stop();
  rmSync(directory, { recursive: true, force: true });
}
