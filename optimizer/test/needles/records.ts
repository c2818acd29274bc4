// Owns haystacks of records: JSON lists, entries by key, lines of JSON; every world with fields and words of its own.

import type { Dice } from "../needle-report";
import type { Haystack } from "./haystack";

type Row = Record<string, unknown>;

interface World {
  rows: Row[];
  id: string;
  measure: string;
  state: string;
  note: string;
  states: string[];
  level: number;
  /** The row that the fact is put into. */
  at: number;
}

/** Fields of five kinds under random names in random order. */
function createWorld(dice: Dice): World {
  const count = dice.int(60, 400);
  const [id, measure, state, note, place, extra, flag] = distinctWords(dice, 7) as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const states = distinctWords(dice, dice.int(2, 3));
  const places = distinctWords(dice, dice.int(3, 6));
  const level = 10 ** dice.int(1, 4);
  const spread = level * 0.05;
  const start = dice.int(1_000, 900_000);
  const notes = [dice.word(), dice.word(), dice.word()];
  const nested = dice.next() < 0.4;
  const isWhole = dice.next() < 0.5;
  const rows = Array.from({ length: count }, (_, index) => {
    const value = level + spread * dice.normal();
    const fields: [string, unknown][] = [
      [`${id}_id`, start + index * 7],
      [measure, isWhole ? Math.round(value) : Number(value.toFixed(2))],
      [state, dice.pick(states)],
      [note, `${notes[0]} ${notes[1]} ${dice.int(100, 99_999)} ${notes[2]}`],
      [place, nested ? { [extra]: dice.pick(places), [flag]: true } : dice.pick(places)],
    ];
    return Object.fromEntries(fields);
  });
  return { rows, id: `${id}_id`, measure, state, note, states, level, at: dice.int(0, count - 1) };
}

export function distinctWords(dice: Dice, count: number): string[] {
  const words = new Set<string>();
  while (words.size < count) words.add(dice.word() + dice.pick(["", "a", "ix", "or"]));
  return [...words];
}

/** What must be there of a row to say that the row is: digests show ends of ids. */
function signsOf(row: Row | undefined, { id, note }: World): string[] {
  return [`${row?.[id]}`, `${row?.[note]}`];
}

interface Fact {
  question?: string;
  needles: string[];
  oneOf?: string[];
}

const facts: Record<string, (world: World, dice: Dice) => Fact> = {
  outlier(world, dice) {
    const { rows, at, measure, level } = world;
    const value = Math.round(level * dice.pick([2.5, 4, 12, 0.1])) + 1;
    (rows[at] as Row)[measure] = value;
    return { needles: [`${value}`, ...signsOf(rows[at], world)] };
  },
  "rare value"(world, dice) {
    const { rows, at, state } = world;
    const value = `${dice.word()}ush`;
    (rows[at] as Row)[state] = value;
    return { needles: [value, ...signsOf(rows[at], world)] };
  },
  "extra field"(world, dice) {
    const { rows, at } = world;
    const name = `${dice.word()}uq`;
    (rows[at] as Row)[name] = dice.word();
    return { needles: [name, ...signsOf(rows[at], world)] };
  },
  "missing field"(world) {
    const { rows, at, state } = world;
    delete (rows[at] as Row)[state];
    return { needles: signsOf(rows[at], world) };
  },
  "other type"(world, dice) {
    const { rows, at, measure } = world;
    (rows[at] as Row)[measure] = dice.pick([null, "n/a", true]);
    return { needles: signsOf(rows[at], world) };
  },
  severe({ rows, at, note, id }, dice) {
    const said = dice.pick(["connection refused by", "fatal: out of memory in", "permission denied for", "panic in"]);
    (rows[at] as Row)[note] = `${said} ${dice.word()}`;
    return { needles: [`${rows[at]?.[id]}`, said] };
  },
  "rare shape"({ rows, at, note, id }, dice) {
    const text = `${dice.word()} ${dice.word()} ${dice.word()} ${dice.word()} ${dice.word()}`;
    (rows[at] as Row)[note] = text;
    return { needles: [`${rows[at]?.[id]}`, text] };
  },
  literal(world) {
    const row = world.rows[world.at];
    return { question: `What is going on with ${row?.[world.id]}?`, needles: signsOf(row, world) };
  },
  "word asked for"(world, dice) {
    const { rows, at, note } = world;
    const [word, other] = [`${dice.word()}xon`, `${dice.word()}qar`];
    (rows[at] as Row)[note] = `${word} ${other} ${dice.int(100, 999)}`;
    return { question: `Tell me about the ${word} of ${other}, please.`, needles: signsOf(rows[at], world) };
  },
  predicate(world, dice) {
    const { rows, at, measure, level } = world;
    // Not far enough out to be seen without the question.
    const value = Math.round(level * 1.22) + dice.int(1, 9);
    (rows[at] as Row)[measure] = value;
    return {
      question: `Which of them have ${measure} over ${Math.round(level * 1.2)}?`,
      needles: signsOf(rows[at], world),
    };
  },
  first(world) {
    return { needles: signsOf(world.rows[0], world) };
  },
  last(world) {
    return { needles: signsOf(world.rows.at(-1), world) };
  },
  "count of a value"({ rows, state, states }, dice) {
    const value = dice.pick(states);
    const count = rows.filter((row) => row[state] === value).length;
    return { question: `How many have ${state} ${value}?`, needles: [`${value} ${count}`] };
  },
  greatest({ rows, measure }) {
    const most = Math.max(...rows.map((row) => row[measure] as number));
    return { question: `What is the greatest ${measure}?`, needles: [`${most}`] };
  },
};

export const recordFacts = Object.keys(facts);

export type RecordForm = "json" | "keyed" | "ndjson" | "wrapped" | "in text" | "csv";
export const recordForms: readonly RecordForm[] = ["json", "keyed", "ndjson", "wrapped", "in text", "csv"];

/** A haystack of records in one form with one fact. */
export function recordHaystack(dice: Dice, form: RecordForm, kind: string): Haystack {
  const world = createWorld(dice);
  const { question = "Is there anything unusual here?", ...fact } = (facts[kind] as (world: World, dice: Dice) => Fact)(
    world,
    dice,
  );
  return { class: `${form}/${kind}`, text: written(world, form, dice), question, ...fact };
}

function written({ rows, id }: World, form: RecordForm, dice: Dice): string {
  const indent = dice.pick([0, 2]);
  if (form === "ndjson") return rows.map((row) => JSON.stringify(row)).join("\n");
  if (form === "csv") return delimited(rows, dice.pick([",", "\t", ";"]));
  if (form === "keyed") {
    return JSON.stringify(Object.fromEntries(rows.map((row) => [`k${row[id]}`, row])), null, indent);
  }
  if (form === "wrapped") {
    return JSON.stringify({ [dice.word()]: true, [dice.word()]: { [dice.word()]: rows, next: null } }, null, indent);
  }
  const json = JSON.stringify(rows, null, indent);
  return form === "json" ? json : `Found ${rows.length} of them:\n${json}\nThat is all for now.`;
}

function delimited(rows: readonly Row[], delimiter: string): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cell = (value: unknown) => {
    const text = typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? "");
    return text.includes('"') || text.includes(delimiter) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [names.join(delimiter), ...rows.map((row) => names.map((name) => cell(row[name])).join(delimiter))].join("\n");
}
