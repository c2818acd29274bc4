// Owns haystacks of lines: logs in formats of their own, and one line that matters.

import type { Dice } from "../needle-report";
import type { Haystack } from "./haystack";
import { distinctWords } from "./records";

interface World {
  lines: string[];
  at: number;
  key: string;
  level: number;
}

function createWorld(dice: Dice): World {
  const count = dice.int(400, 1_500);
  const [key, other] = distinctWords(dice, 2) as [string, string];
  const level = dice.int(20, 400);
  const templates = distinctWords(dice, dice.int(2, 5)).map((word) => `${word} ${dice.word()} ${dice.word()}`);
  let second = dice.int(0, 40_000);
  const lines = Array.from({ length: count }, () => {
    second += dice.int(0, 3);
    const clock = [second / 3600, (second / 60) % 60, second % 60].map((part) =>
      `${Math.floor(part)}`.padStart(2, "0"),
    );
    const value = Math.max(1, Math.round(level + level * 0.05 * dice.normal()));
    return `2026-03-04T${clock.join(":")}Z INFO ${dice.pick(templates)} ${other}=${dice.int(1, 99_999)} ${key}=${value}`;
  });
  return { lines, at: dice.int(0, count - 1), key, level };
}

const facts: Record<string, (world: World, dice: Dice) => { needles: string[]; question?: string }> = {
  severe({ lines, at }, dice) {
    const line = `2026-03-04T09:00:00Z ${dice.pick(["ERROR", "FATAL", "CRITICAL"])} ${dice.word()} ${dice.word()} failed`;
    lines[at] = line;
    return { needles: [line] };
  },
  "severe without a level"({ lines, at }, dice) {
    const line = `${dice.word()}: ${dice.pick(["connection refused", "permission denied", "request timed out"])}`;
    lines[at] = line;
    return { needles: [line] };
  },
  "rare shape"({ lines, at }, dice) {
    const line = `-- ${dice.word()} ${dice.word()} (${dice.word()}) ${dice.word()} ${dice.word()} ${dice.word()} --`;
    lines[at] = line;
    return { needles: [line] };
  },
  outlier({ lines, at, key, level }, dice) {
    const value = level * dice.pick([8, 20, 100]) + 1;
    lines[at] = (lines[at] as string).replace(new RegExp(`${key}=\\d+`), `${key}=${value}`);
    return { needles: [`${key}=${value}`] };
  },
  literal({ lines, at }, dice) {
    const id = `req-${dice.int(100_000, 999_999)}x`;
    lines[at] = `${lines[at]} id=${id}`;
    return { needles: [id], question: `What happened to ${id}?` };
  },
  "words asked for"({ lines, at }, dice) {
    const [one, two] = [`${dice.word()}ux`, `${dice.word()}oq`];
    lines[at] = `2026-03-04T09:00:00Z INFO ${one} ${two} done`;
    return { needles: [`${one} ${two}`], question: `Was the ${one} of ${two} ever done?` };
  },
  summary({ lines, at }, dice) {
    const line = `${dice.int(100, 900)} passed, ${dice.int(1, 9)} failed`;
    lines[at] = line;
    return { needles: [line] };
  },
  first({ lines }) {
    return { needles: [lines[0] as string] };
  },
  last({ lines }) {
    return { needles: [(lines.at(-1) as string).split(" ").at(-1) as string] };
  },
};

export const textFacts = Object.keys(facts);

export function textHaystack(dice: Dice, kind: string): Haystack {
  const world = createWorld(dice);
  const { question = "Is there anything I should know?", ...fact } = (facts[kind] as (typeof facts)[string])(
    world,
    dice,
  );
  const end = dice.pick(["\n", "\r\n"]);
  return { class: `text/${kind}`, text: world.lines.join(end), question, ...fact };
}
