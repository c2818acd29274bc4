// Owns haystacks that are made to mislead: noise that looks like failure, rows that are all unlike, numbers without a
// middle, several formats in one text.

import type { Dice } from "../needle-report";
import type { Haystack } from "./haystack";
import { distinctWords } from "./records";

type Make = (dice: Dice) => Omit<Haystack, "class">;

const question = "What should I look at first?";

/** Every row of its own, two of five said to have failed, sizes over five orders of magnitude. */
function roughRows(dice: Dice): { rows: Record<string, unknown>[]; at: number } {
  const count = dice.int(100, 400);
  const rows = Array.from({ length: count }, (_, index) => ({
    key: `${dice.word()}-${index}-${dice.word()}`,
    state: dice.next() < 0.4 ? "failed" : "done",
    size: Number(Math.exp(4 + 1.5 * dice.normal()).toFixed(1)),
    note: distinctWords(dice, dice.int(3, 6)).join(" "),
  }));
  return { rows, at: dice.int(0, count - 1) };
}

/** Two of five lines are errors of one kind; stack traces and JSON stand between. */
function roughLines(dice: Dice): { lines: string[]; at: number } {
  const [unit, other] = distinctWords(dice, 2) as [string, string];
  const lines: string[] = [];
  while (lines.length < 900) {
    const sort = dice.next();
    const clock = `12:${10 + (lines.length % 50)}:${10 + dice.int(0, 49)}`;
    if (sort < 0.4) lines.push(`${clock} ERROR ${unit} failed: error ${dice.int(100, 999)}, 0 errors left`);
    else if (sort < 0.45) lines.push(JSON.stringify({ at: clock, [other]: dice.int(1, 99), error: null }));
    else if (sort < 0.5) lines.push(`    at ${unit}.run (${other}.js:${dice.int(1, 400)}:7)`);
    else lines.push(`${clock} INFO ${other} without error in ${dice.int(1, 50)} ms`);
  }
  return { lines, at: dice.int(0, lines.length - 1) };
}

const makers: Record<string, Make> = {
  "rows/far out": (dice) => {
    const { rows, at } = roughRows(dice);
    (rows[at] as Record<string, unknown>)["size"] = 98_765_432;
    return { text: JSON.stringify(rows), question, needles: [`${rows[at]?.["key"]}`, "98765432"] };
  },
  "rows/rare value": (dice) => {
    const { rows, at } = roughRows(dice);
    (rows[at] as Record<string, unknown>)["state"] = "lost";
    return { text: JSON.stringify(rows), question, needles: [`${rows[at]?.["key"]}`] };
  },
  "rows/extra field": (dice) => {
    const { rows, at } = roughRows(dice);
    (rows[at] as Record<string, unknown>)["cause"] = dice.word();
    return { text: JSON.stringify(rows), question, needles: [`${rows[at]?.["key"]}`] };
  },
  "rows/literal": (dice) => {
    const { rows, at } = roughRows(dice);
    const key = `${rows[at]?.["key"]}`;
    return {
      text: JSON.stringify(rows),
      question: `Why did ${key} end like this?`,
      needles: [key, `${rows[at]?.["note"]}`],
    };
  },
  "rows/count": (dice) => {
    const { rows } = roughRows(dice);
    const count = rows.filter(({ state }) => state === "failed").length;
    return { text: JSON.stringify(rows), question: "How many have failed?", needles: [`failed ${count}`] };
  },
  "lines/other failure": (dice) => {
    const { lines, at } = roughLines(dice);
    lines[at] = `kernel: Out of memory: killed process ${dice.int(100, 999)} (${dice.word()})`;
    return { text: lines.join("\n"), question, needles: [lines[at] as string] };
  },
  "lines/rare shape": (dice) => {
    const { lines, at } = roughLines(dice);
    lines[at] = `>>> ${distinctWords(dice, 5).join(" ")} <<<`;
    return { text: lines.join("\n"), question, needles: [lines[at] as string] };
  },
  "lines/literal": (dice) => {
    const { lines, at } = roughLines(dice);
    const id = `tx_${dice.int(1e6, 9e6)}`;
    lines[at] = `${lines[at]} ${id}`;
    return { text: lines.join("\n"), question: `What about ${id}?`, needles: [id] };
  },
  "one line/severe": (dice) => {
    const parts = Array.from({ length: 4_000 }, () => `${dice.word()} ${dice.word()} ${dice.int(1, 999)};`);
    const said = `fatal error: ${dice.word()} ${dice.word()}`;
    parts[dice.int(0, parts.length - 1)] = ` ${said};`;
    return { text: parts.join(" "), question, needles: [said] };
  },
  "string/severe": (dice) => {
    const { lines, at } = roughLines(dice);
    const calm = lines.map((line) => (line.includes("ERROR") ? `12:30:30 INFO ${dice.int(1, 9_999)} ok` : line));
    calm[at] = `12:30:31 ERROR ${dice.word()} cannot be reached`;
    return { text: JSON.stringify({ stdout: calm.join("\n"), code: 1 }), question, needles: [calm[at] as string] };
  },
};

export const roughFacts = Object.keys(makers);

export function roughHaystack(dice: Dice, kind: string): Haystack {
  return { class: `rough ${kind}`, ...(makers[kind] as Make)(dice) };
}
