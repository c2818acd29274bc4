// `bun run bench`: what Anyray costs a call on this machine, and with --check whether that is within its budgets.

import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Arguments, readArguments, usage } from "./arguments";
import { budgets, checkBudgets, isFailure } from "./budgets";
import { describeMachine, readVersions } from "./machine";
import { planOf } from "./plan";
import { renderHead, renderScenario } from "./print";
import { renderFailures, renderVerdicts } from "./print-verdicts";
import { clearProgress, showProgress } from "./progress";
import { renderPerformance, withPerformance } from "./readme-block";
import type { Report, ScenarioReport } from "./report";
import { makeScratch, type RunSettings, runScenario } from "./run";
import type { Scenario } from "./scenario";
import { scenarios } from "./scenarios/registry";
import { createNoise, type Noise } from "./stand/noise";
import { choosePinning, pinSelf } from "./stand/pinning";
import { createStand } from "./stand/stand";

const root = resolve(import.meta.dir, "..");

function readArgumentsOrExit(): Arguments {
  try {
    return readArguments(
      process.argv.slice(2),
      scenarios.map(({ name }) => name),
    );
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    process.exit(2);
  }
}

/** With --json - the report is alone on standard output. */
const say = (text: string) => (args.json === "-" ? console.error(text) : console.log(text));

function scenarioNamed(name: string): Scenario {
  const scenario = scenarios.find((candidate) => candidate.name === name);
  if (!scenario) throw new Error(`bench/budgets.json names ${name}, which is no scenario`);
  return scenario;
}

async function measure(settings: RunSettings): Promise<ScenarioReport[]> {
  const asked = scenarios.filter(({ name, quick }) =>
    args.names.length > 0 ? args.names.includes(name) : args.isFull || quick,
  );
  const reports: ScenarioReport[] = [];
  for (const scenario of asked) {
    const report = await runScenario(scenario, settings);
    clearProgress();
    say(`\n${renderScenario(report)}`);
    reports.push(report);
  }
  return reports;
}

/** Only what budgets need; sets the exit code. */
async function check(settings: RunSettings): Promise<ScenarioReport[]> {
  const asked = budgets.filter(({ scenario }) => args.names.length === 0 || args.names.includes(scenario));
  if (asked.length === 0) throw new Error(`No budget is on ${args.names.join(", ")}.`);
  const { verdicts, runs } = await checkBudgets(asked, {
    async run(name, metrics) {
      const wants = (_: string, metric: string) => metrics.includes(metric);
      const report = await runScenario(scenarioNamed(name), { ...settings, wants });
      clearProgress();
      say(`\n${renderScenario(report)}`);
      return report;
    },
    onRepeat: (name, broken) => say(`\n${name} is measured again before it is judged:\n${renderFailures(broken)}`),
  });
  say(`\n${renderVerdicts(verdicts)}`);
  const failed = verdicts.filter(isFailure).length;
  say(
    failed === 0
      ? `\nAll ${verdicts.length} budgets hold.`
      : `\n${failed} of ${verdicts.length} budgets are broken:\n${renderFailures(verdicts)}`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
  return runs;
}

function sayNoise({ repeated, kept }: Noise): void {
  if (repeated + kept === 0) return;
  say(
    `\nThe machine was busy with other things: ${repeated} samples were taken again, ${kept} stayed disturbed. Ratios within a run suffer less than figures do.`,
  );
}

/** What measures the same again; where the report goes is no part of that. */
function commandOf({ names, isFull, isCheck, rounds, roundMs }: Arguments): string {
  const options = [
    isFull && "--full",
    isCheck && "--check",
    rounds && `--rounds ${rounds}`,
    roundMs && `--round-ms ${roundMs}`,
  ];
  return ["bun run bench", ...names, ...options.filter(Boolean)].join(" ");
}

async function bench(): Promise<void> {
  const pinning = choosePinning();
  if (pinning) pinSelf(pinning);
  const plan = planOf(args);
  const noise = createNoise(plan.patienceMs);
  const head = {
    startedAt: new Date().toISOString(),
    command: commandOf(args),
    machine: describeMachine(pinning),
    versions: readVersions(),
  };
  say(renderHead(head));
  const stand = createStand({ directory: makeScratch(), pinning, noise, warmUpCalls: plan.warmUpCalls });
  const settings: RunSettings = { plan, stand, wants: () => true, progress: showProgress };
  const reports = args.isCheck ? await check(settings) : await measure(settings);
  await stand.close();
  sayNoise(noise);
  say(`\nDone in ${Math.round(performance.now() / 1_000)} s.`);
  const report: Report = { ...head, scenarios: reports, wasBusy: noise.repeated + noise.kept > 0 };
  if (args.json === "-") await Bun.write(Bun.stdout, `${JSON.stringify(report, null, 2)}\n`);
  else if (args.json) writeFileSync(args.json, `${JSON.stringify(report, null, 2)}\n`);
  if (args.mustUpdateReadme) {
    const path = join(root, "README.md");
    writeFileSync(path, withPerformance(readFileSync(path, "utf8"), renderPerformance(report)));
  }
}

const args = readArgumentsOrExit();
if (args.isHelp) console.log(usage);
else if (args.isList) {
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  for (const { name, title, quick } of scenarios)
    console.log(`${name.padEnd(width)}  ${title}${quick ? "" : " (--full)"}`);
} else {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
  try {
    await bench();
  } catch (error) {
    clearProgress();
    console.error(`\n${(error as Error).message}`);
    process.exitCode = 1;
  }
  // Sockets and channels of what was stopped may linger; nothing is left to wait for.
  process.exit();
}
