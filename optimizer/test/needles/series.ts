// Owns haystacks of measurements over time, in the three forms that metric APIs give them.

import type { Dice } from "../needle-report";
import type { Haystack } from "./haystack";

const facts: Record<string, (values: number[], at: number, level: number, dice: Dice) => { needles: string[] }> = {
  spike(values, at, level, dice) {
    values[at] = Number((level * dice.pick([2, 5, 20])).toFixed(3));
    return { needles: [`${values[at]}`] };
  },
  dip(values, at, level) {
    values[at] = Number((level * 0.11).toFixed(3));
    return { needles: [`${values[at]}`] };
  },
  "change of level"(values, at, level) {
    const from = Math.min(Math.max(at, Math.floor(values.length * 0.2)), Math.floor(values.length * 0.8));
    for (let place = from; place < values.length; place += 1) {
      values[place] = Number(((values[place] as number) + level).toFixed(3));
    }
    return { needles: [`${values[from]}`] };
  },
  greatest(values) {
    return { needles: [`${Math.max(...values)}`] };
  },
  least(values) {
    return { needles: [`${Math.min(...values)}`] };
  },
  latest(values) {
    return { needles: [`${values.at(-1)}`] };
  },
};

export const seriesFacts = Object.keys(facts);

export function seriesHaystack(dice: Dice, kind: string): Haystack {
  const count = dice.int(150, 800);
  const level = dice.int(20, 5_000);
  const wave = dice.pick([0, 0.1]);
  const values = Array.from({ length: count }, (_, at) => {
    return Number((level * (1 + wave * Math.sin(at / 9)) + level * 0.03 * dice.normal()).toFixed(3));
  });
  const at = dice.int(6, count - 7);
  const fact = (facts[kind] as (typeof facts)[string])(values, at, level, dice);
  const question = "How did this develop?";
  return { class: `series/${kind}`, text: written(values, dice), question, ...fact };
}

function written(values: readonly number[], dice: Dice): string {
  const start = 1_700_000_000;
  const name = dice.word();
  const form = dice.pick(["pairs", "objects", "columns", "strings"]);
  if (form === "columns") {
    return JSON.stringify({ [name]: { time: values.map((_, at) => start + at * 60), [dice.word()]: values } });
  }
  if (form === "objects")
    return JSON.stringify(values.map((value, at) => ({ timestamp: start + at * 60, [name]: value })));
  const pairs = values.map((value, at) => [start + at * 60, form === "strings" ? `${value}` : value]);
  return JSON.stringify({ status: "success", data: { result: [{ metric: { job: name }, values: pairs }] } });
}
