import { expect, test } from "bun:test";
import { contextCompression } from "../src/strategies/context_compression";
import { writeRequest } from "./agent-steps";
import { createDice, type Dice, type Planted, printReport, reportOf } from "./needle-report";
import { diffFacts, diffHaystack } from "./needles/diffs";
import { type Haystack, survives } from "./needles/haystack";
import { recordFacts, recordForms, recordHaystack } from "./needles/records";
import { roughFacts, roughHaystack } from "./needles/rough";
import { seriesFacts, seriesHaystack } from "./needles/series";
import { textFacts, textHaystack } from "./needles/texts";
import { endpoints, runStrategy } from "./run-stand";

const needles = Number(process.env["NEEDLES"] ?? 300);
/** Another start gives other worlds: whoever tunes does not know which one will be asked. */
const firstSeed = Number(process.env["NEEDLE_SEED"] ?? 1);

const makers: ((dice: Dice) => Haystack)[] = [
  ...recordForms.flatMap((form) => recordFacts.map((kind) => (dice: Dice) => recordHaystack(dice, form, kind))),
  ...seriesFacts.map((kind) => (dice: Dice) => seriesHaystack(dice, kind)),
  ...diffFacts.map((kind) => (dice: Dice) => diffHaystack(dice, kind)),
  ...roughFacts.map((kind) => (dice: Dice) => roughHaystack(dice, kind)),
  ...textFacts.map((kind) => (dice: Dice) => textHaystack(dice, kind)),
];

/** What is left of a tool's result one turn later. */
function leftOf({ text, question }: Haystack, seed: number): string {
  const endpoint = endpoints[seed % endpoints.length] as (typeof endpoints)[number];
  const source = writeRequest(endpoint, [
    { user: question },
    { calls: [{ tool: "look", args: { what: "it" }, result: text }] },
    { say: "I have it." },
    { user: question },
  ]);
  const { draft } = runStrategy(contextCompression, source, { endpoint });
  return draft.segments.find(({ kind }) => kind === "tool_result")?.text ?? "";
}

function plant(seed: number): Planted {
  const make = makers[seed % makers.length] as (dice: Dice) => Haystack;
  const haystack = make(createDice(seed));
  const left = leftOf(haystack, seed);
  return {
    class: haystack.class,
    seed,
    survived: survives(haystack, left),
    before: haystack.text.length,
    after: left.length,
  };
}

test(
  `of ${needles} facts planted in lists, series, diffs and texts none is lost`,
  () => {
    const planted = Array.from({ length: needles }, (_, index) => plant(firstSeed + index));
    const reports = reportOf(planted);
    if (needles > 300) printReport(`seeds ${firstSeed} to ${firstSeed + needles - 1}`, reports);
    const families = [...new Set(planted.map((each) => each.class.slice(0, each.class.indexOf("/"))))];
    printReport(
      "by family",
      reportOf(planted.map((each) => ({ ...each, class: families.find((name) => each.class.startsWith(name)) ?? "" }))),
    );
    expect(planted.filter(({ survived }) => !survived).map((lost) => `${lost.class} seed ${lost.seed}`)).toEqual([]);
    expect(reports.at(-1)?.size).toBeLessThan(0.15);
  },
  10 * 60_000,
);
