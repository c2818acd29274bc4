import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Step, writeRequest } from "../../test/agent-steps";
import { endpoints, runStrategy } from "../../test/run-stand";
import { hasMarker } from "../markers";
import { promptCompression } from "./prompt_compression";
import { restore, shortenRepeats } from "./prompt_compression/repeats";
import { collapseBlanks, shortenRules } from "./prompt_compression/squeeze";

const limits = { minBlockChars: 80, minRepeats: 3 };
const rules = [
  "Answer for the item above in plain words that a visitor of the shop understands.",
  "Name the depot it comes from, and the day on which it leaves there.",
  "Never promise a price: the counter tells it.",
].join("\n");

function items(count: number, block = rules): string {
  return Array.from({ length: count }, (_, at) => `Item ${at}: a lamp of kind ${at * 7}\n${block}`).join("\n\n");
}

describe("blocks that repeat", () => {
  test("are written once; later ones tell where", () => {
    const text = items(4);
    const made = shortenRepeats(text, limits);
    expect(made?.copies).toBe(3);
    expect(made?.text.split("\n").slice(0, 8)).toEqual([
      "Item 0: a lamp of kind 0",
      ...rules.split("\n"),
      "",
      "Item 1: a lamp of kind 7",
      "[... same as lines 2-4 of this text: Answer for the item above in plain words]",
      "",
    ]);
    expect(restore(made?.text ?? "")).toBe(text);
  });

  test("with other words in them are told by these words", () => {
    const letter = (name: string, order: string) =>
      `Dear ${name} thank you for your order ${order} which left our depot this morning and will be with you before the end of the week unless the weather on the pass says otherwise`;
    const text = [letter("Ann", "A-1"), letter("Bo", "A-2"), letter("Cy", "A-3")].join("\n\n");
    const made = shortenRepeats(text, limits);
    expect(made?.nearCopies).toBe(2);
    expect(made?.text).toContain('[... same as line 1 of this text, with "Bo" for "Ann", "A-2" for "A-1"]');
    expect(restore(made?.text ?? "")).toBe(text);
  });

  test("stay where they are few, short, or already point somewhere", () => {
    expect(shortenRepeats(items(2), limits)).toBeNull();
    expect(shortenRepeats(items(9, "Be brief."), limits)).toBeNull();
    const once = shortenRepeats(items(5), limits)?.text ?? "";
    expect(hasMarker(once)).toBe(true);
    expect(shortenRepeats(once, limits)).toBeNull();
  });

  test.each([
    ["code", (block: string) => `\`\`\`\n${block}\n\`\`\``],
    ["tables", (block: string) => block.replaceAll("\n", " | a | b\n| ")],
    ["quotations", (block: string) => `> ${block.replaceAll("\n", "\n> ")}`],
    ["what stands in quotes over several lines", (block: string) => `"${block}"`],
    ["examples", (block: string) => `Input: ${block}\nOutput: yes`],
    ["elements that show something", (block: string) => `<example>\n${block}\n</example>`],
  ])("stay in %s", (_what, wrap) => {
    const text = Array.from({ length: 6 }, (_, at) => `Part ${at}\n\n${wrap(rules)}`).join("\n\n");
    expect(shortenRepeats(text, limits)).toBeNull();
  });
});

const piece = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(...rules.split("\n"), rules, "", "  ", "\t", "---", "}", "\r", "Item: ä 漢字 🙂 \ud800"),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 60 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "```",
      "> quoted",
      'he said "',
      "| a | b | c |",
      "<example>",
      "</example>",
      "__proto__",
      "Output: x",
      "[... same as lines 1-2 of this text]",
      "[... 3 lines]",
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom("Ann", "Bo", "Cy", "$&", "a\\b"), fc.nat({ max: 3 }))
      .map(
        ([name, at]) =>
          `Dear ${name} your order ${at} has left the depot this morning and it will be with you before the week is over, rain or shine`,
      ),
  },
);
const anyText = fc.array(piece, { maxLength: 80 }).map((pieces) => pieces.join("\n"));

describe("whatever the text", () => {
  test("every character comes back, and no line that does not repeat is touched", () => {
    let shortened = 0;
    fc.assert(
      fc.property(
        anyText,
        fc.integer({ min: 2, max: 4 }),
        fc.integer({ min: 40, max: 120 }),
        (text, minRepeats, minBlockChars) => {
          const made = shortenRepeats(text, { minRepeats, minBlockChars });
          if (made === null) return;
          shortened += 1;
          expect(restore(made.text)).toBe(text);
          expect(made.text.length).toBeLessThan(text.length);
          const kept = new Set(made.text.split("\n"));
          const counts = new Map<string, number>();
          for (const line of text.split("\n")) counts.set(line, (counts.get(line) ?? 0) + 1);
          for (const [line, count] of counts)
            if (count === 1 && !line.startsWith("Dear ")) expect(kept.has(line)).toBe(true);
          expect(shortenRepeats(text, { minRepeats, minBlockChars })).toEqual(made);
        },
      ),
      { numRuns: 500 },
    );
    expect(shortened).toBeGreaterThan(20);
  });

  test("a higher threshold leaves more as it is", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 2, max: 5 }), (text, minRepeats) => {
        const copies = (times: number) => shortenRepeats(text, { minBlockChars: 80, minRepeats: times })?.copies ?? 0;
        expect(copies(minRepeats + 1)).toBeLessThanOrEqual(copies(minRepeats));
      }),
      { numRuns: 200 },
    );
  });

  test("hostile ones are read fast", () => {
    const startedAt = performance.now();
    const hostile = [
      "",
      "x".repeat(200_000),
      `${rules}\r\n`.repeat(2_000),
      "\ud800\n".repeat(20_000),
      '"\n'.repeat(50_000),
      "a b ".repeat(50_000),
      Array.from({ length: 5_000 }, (_, at) => `${"word ".repeat(20)}${at}`).join("\n"),
      "<example>\n".repeat(20_000),
      "1. 1. 1. 1. ".repeat(20_000),
    ];
    for (const text of hostile) {
      const made = shortenRepeats(text, limits);
      if (made) expect(restore(made.text)).toBe(text);
    }
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });

  test("100 KB take a few milliseconds", () => {
    const text = items(400, rules.replaceAll("e", "é"));
    shortenRepeats(text, limits);
    const startedAt = performance.now();
    shortenRepeats(text, limits);
    const ms = performance.now() - startedAt;
    console.log(`prompt_compression: ${Math.round(text.length / 1_000)} KB in ${ms.toFixed(1)} ms`);
    expect(ms).toBeLessThan(100);
  });
});

const long = `${items(8)}\n\nThe last word on this: the counter closes at six.`;

function talk(result: string, user = "Please go on."): Step[] {
  return [{ user }, { calls: [{ tool: "read", args: { path: "notes" }, result }] }];
}

describe.each(endpoints)("%s", (endpoint) => {
  const run = (steps: Step[], params: Record<string, unknown> = {}, system = "You help.") => {
    const source = writeRequest(endpoint, steps, { system });
    return { source, ...runStrategy(promptCompression, source, { endpoint, params, canElide: false }) };
  };

  test("results of tools are shortened as they come in, and nothing has to be kept elsewhere", () => {
    const { source, output, stashes, said } = run(talk(long));
    expect(output.length).toBeLessThan(source.length - 800);
    expect(stashes.size).toBe(0);
    expect(said.summary).toBe("7 repeated blocks, 0 with other words, in 1 texts");
    expect(runStrategy(promptCompression, output, { endpoint, canElide: false }).output).toBe(output);
    expect(textsIn(output).map((text) => restore(text))).toEqual(textsIn(source));
  });

  test("instructions only where roles say so; the user's own words never", () => {
    const steps = [{ user: "Please read it." }, { say: "Yes." }, { user: "Go on." }];
    expect(run(steps, {}, long).output).toBe(run(steps, {}, long).source);
    const named = run(steps, { roles: ["system", "developer"] }, long);
    expect(named.output.length).toBeLessThan(named.source.length);
    expect(textsIn(named.output).map((text) => restore(text))).toEqual(textsIn(named.source));
    const asked = run([{ user: "Rewrite this text, please." }, ...talk("short")], { roles: ["user"] });
    expect(asked.output).toBe(asked.source);
  });

  test("any texts come back", () => {
    fc.assert(
      fc.property(anyText, anyText, (system, result) => {
        const { source, output } = run(
          talk(`${result}\n${system}\n${result}`),
          { roles: ["tool", "system", "user"], minChars: 100 },
          system,
        );
        expect(textsIn(output).map((text) => restore(text))).toEqual(textsIn(source).map((text) => restore(text)));
        if (output !== source) expect(output.length).toBeLessThan(source.length);
      }),
      { numRuns: 40 },
    );
  });
});

/** Every string of a request, in order. */
function textsIn(request: string): string[] {
  const texts: string[] = [];
  JSON.parse(request, (_key, value) => {
    if (typeof value === "string") texts.push(value);
    return value;
  });
  return texts;
}

describe("what is tidied where it is switched on", () => {
  const text = "A  \nB\t \n\n\n\n\nC   D \n──────────────────\n```\nx   \n\n\n\ny  \n```\n| a | b | c |   \n==========";
  test("blanks that nobody sees", () => {
    expect(collapseBlanks(text)).toBe(
      "A  \nB\n\nC   D\n──────────────────\n```\nx   \n\n\n\ny  \n```\n| a | b | c |   \n==========",
    );
    expect(collapseBlanks(collapseBlanks(text))).toBe(collapseBlanks(text));
  });
  test("rules that only decorate", () => {
    expect(
      shortenRules(text)
        .split("\n")
        .filter((line) => /^[─=]+$/.test(line)),
    ).toEqual(["───", "==="]);
  });
  test("no word is lost, and twice is as once", () => {
    fc.assert(
      fc.property(anyText, (any) => {
        const tidy = shortenRules(collapseBlanks(any));
        const words = (from: string) => from.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
        expect(words(tidy)).toEqual(words(any));
        expect(shortenRules(collapseBlanks(tidy))).toBe(tidy);
      }),
      { numRuns: 200 },
    );
  });
});
