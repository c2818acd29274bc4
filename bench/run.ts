// Owns running a scenario: what it started and wrote for itself is gone before the next one begins.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ScenarioReport } from "./report";
import type { Plan, Scenario } from "./scenario";
import type { Stand } from "./stand/stand";

export interface RunSettings {
  plan: Plan;
  stand: Stand;
  wants(scenario: string, metric: string): boolean;
  progress(step: string): void;
}

/** Rejects with the scenario's name in front when it cannot be measured. */
export async function runScenario(scenario: Scenario, settings: RunSettings): Promise<ScenarioReport> {
  const { plan, stand } = settings;
  const notes: string[] = [];
  const directories: string[] = [];
  const startedAt = performance.now();
  try {
    const rows = await scenario.run({
      plan,
      stand,
      wants: (metric) => settings.wants(scenario.name, metric),
      progress: (step) => settings.progress(`${scenario.name}: ${step}`),
      note: (sentence) => void notes.push(sentence),
      makeDirectory() {
        const directory = makeScratch();
        directories.push(directory);
        return directory;
      },
    });
    const { name, title, about } = scenario;
    // What no arm could be measured at (a difference to direct where there is none) is no row.
    const measured = rows.filter(({ samples }) => Object.keys(samples).length > 0);
    return { name, title, about, rows: measured, notes, seconds: (performance.now() - startedAt) / 1_000 };
  } catch (error) {
    throw new Error(`${scenario.name}: ${(error as Error).message}`, { cause: error });
  } finally {
    await stand.stopFresh();
    for (const directory of directories) removeScratch(directory);
  }
}

const scratch = new Set<string>();
// Whatever way the bench ends, nothing it wrote stays.
process.on("exit", () => {
  for (const directory of scratch) rmSync(directory, { recursive: true, force: true });
});

export function makeScratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "anyray-bench-"));
  scratch.add(directory);
  return directory;
}

function removeScratch(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  scratch.delete(directory);
}
