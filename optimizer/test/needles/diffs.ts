// Owns haystacks of changes: one change at many places, and one place where it is not the same change.

import type { Dice } from "../needle-report";
import type { Haystack } from "./haystack";
import { distinctWords } from "./records";

interface Change {
  file: string;
  before: string[];
  after: string[];
}

interface World {
  changes: Change[];
  at: number;
  call: string;
}

function createWorld(dice: Dice): World {
  const count = dice.int(20, 60);
  const [call, old, fresh, folder] = distinctWords(dice, 4) as [string, string, string, string];
  const limit = dice.int(2, 50);
  const changes = distinctWords(dice, count).map((name): Change => {
    const file = `src/${folder}/${name}.ts`;
    const guard = `  if (${name}.size > ${limit} && ${name}.ready) {`;
    const before = [guard, `    return ${old}(${name}, ${call});`, "  }"];
    return { file, before, after: [guard, `    return ${fresh}(${name}, ${call});`, "  }"] };
  });
  return { changes, at: dice.int(1, count - 1), call };
}

const facts: Record<string, (world: World, dice: Dice) => { needles: string[]; question?: string }> = {
  "weakened condition"({ changes, at }) {
    const change = changes[at] as Change;
    change.after[0] = (change.after[0] as string).replace("&&", "||");
    return { needles: [`+${change.after[0]}`] };
  },
  "other number"({ changes, at }, dice) {
    const change = changes[at] as Change;
    change.after[0] = (change.after[0] as string).replace(/> \d+/, `> ${dice.int(1_000, 9_999)}`);
    return { needles: [`+${change.after[0]}`] };
  },
  "turned comparison"({ changes, at }) {
    const change = changes[at] as Change;
    change.after[0] = (change.after[0] as string).replace(">", ">=");
    return { needles: [`+${change.after[0]}`] };
  },
  "other name"({ changes, at }, dice) {
    const change = changes[at] as Change;
    change.after[1] = (change.after[1] as string).replace(/return \w+/, `return ${dice.word()}ol`);
    return { needles: [`+${change.after[1]}`] };
  },
  "line more"({ changes, at }, dice) {
    const change = changes[at] as Change;
    change.after.splice(1, 0, `    ${dice.word()}(${dice.int(1, 9)});`);
    return { needles: [`+${change.after[1]}`] };
  },
  "line less"({ changes, at }) {
    const change = changes[at] as Change;
    change.after = change.after.slice(0, 2);
    return { needles: [`${change.file}`, "-  }"] };
  },
  "risky word"({ changes, at }, dice) {
    const change = changes[at] as Change;
    const line = `    return ${dice.pick(["skipAuth", "execQuery", "deleteAll", "disableTls"])}(${dice.word()});`;
    change.after[1] = line;
    return { needles: [`+${line}`] };
  },
  "file asked for"({ changes, at }) {
    const change = changes[at] as Change;
    return { needles: [`+${change.after[1]}`], question: `What changed in ${change.file}?` };
  },
  "every file named"({ changes }) {
    return { needles: changes.map(({ file }) => file) };
  },
};

export const diffFacts = Object.keys(facts);

export function diffHaystack(dice: Dice, kind: string): Haystack {
  const world = createWorld(dice);
  const { question = "Is this change safe?", ...fact } = (facts[kind] as (typeof facts)[string])(world, dice);
  const parts = world.changes.map((change) => hunkOf(change, dice));
  if (dice.next() < 0.5) parts.splice(dice.int(0, parts.length), 0, lockHunk(dice));
  return { class: `diff/${kind}`, text: `${parts.join("\n")}\n`, question, ...fact };
}

function hunkOf({ file, before, after }: Change, dice: Dice): string {
  const context = () => Array.from({ length: 3 }, () => `   const ${dice.word()} = ${dice.word()}(${dice.word()});`);
  const [above, below] = [context(), context()];
  // As a tool would: lines that both sides share are context.
  const same = (line: string, side: readonly string[]) => side.includes(line);
  const body: string[] = [];
  const removed = before.filter((line) => !same(line, after)).map((line) => `-${line}`);
  const added = after.filter((line) => !same(line, before)).map((line) => `+${line}`);
  const kept = before.filter((line) => same(line, after)).map((line) => ` ${line}`);
  body.push(...above, ...kept.slice(0, 1), ...removed, ...added, ...kept.slice(1), ...below);
  const oldCount = body.filter((line) => !line.startsWith("+")).length;
  const newCount = body.filter((line) => !line.startsWith("-")).length;
  const start = dice.int(1, 400);
  const header = `@@ -${start},${oldCount} +${start},${newCount} @@`;
  return [`diff --git a/${file} b/${file}`, `--- a/${file}`, `+++ b/${file}`, header, ...body].join("\n");
}

function lockHunk(dice: Dice): string {
  const lines = Array.from({ length: 60 }, () => `+    "${dice.word()}": "${dice.int(1, 20)}.${dice.int(0, 9)}.0",`);
  const head = [
    "diff --git a/package-lock.json b/package-lock.json",
    "--- a/package-lock.json",
    "+++ b/package-lock.json",
  ];
  return [...head, `@@ -10,0 +10,${lines.length} @@`, ...lines].join("\n");
}
