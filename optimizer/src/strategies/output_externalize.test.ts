import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { anySteps, type Step, writeRequest } from "../../test/agent-steps";
import { faultsOf } from "../../test/legality";
import { type Endpoint, endpoints, runStrategy, type StandOptions } from "../../test/run-stand";
import { handlesIn } from "../markers";
import { outputExternalize } from "./output_externalize";

const strategy = outputExternalize;

const rows = Array.from({ length: 2_000 }, (_, at) => ({ id: at, state: at % 2 ? "open" : "shut", size: at * 3 }));
const manifest = JSON.stringify({
  name: "thing",
  packages: Object.fromEntries(rows.map((row) => [`p${row.id}`, row])),
});
const dump = Array.from({ length: 1_500 }, (_, at) => `entry ${at} of the dump, nothing to see here`).join("\n");

function steps(result: string, ask = "How tall is the tower?"): Step[] {
  return [
    { user: "Look at it." },
    { calls: [{ tool: "Bash", args: { command: "dump all" }, result }] },
    { say: "Done." },
    { user: ask },
  ];
}

function run(endpoint: Endpoint, result: string, ask?: string, options: Partial<StandOptions> = {}) {
  const stood = runStrategy(strategy, writeRequest(endpoint, steps(result, ask)), { endpoint, ...options });
  const text = stood.draft.segments.find(({ kind }) => kind === "tool_result")?.text ?? "";
  return { ...stood, text, stash: stood.stashes.get(handlesIn(text)[0] ?? "") };
}

describe.each(endpoints)("output_externalize at %s", (endpoint) => {
  test("a huge object gives way to its keys", () => {
    const { text, stash, output } = run(endpoint, manifest);
    expect(text).toStartWith("[... Bash: JSON object of 2 keys elided: ");
    expect(text).toContain("keys: name string, packages {2,000}");
    expect(text.length).toBeLessThan(1_300);
    expect(stash?.content).toBe(manifest);
    expect(faultsOf(endpoint, output)).toEqual([]);
  });

  test("rows give way to one line for each column", () => {
    const { text } = run(endpoint, JSON.stringify(rows));
    expect(text).toStartWith("[... Bash: JSON array of 2,000 items elided: ");
    for (const name of ["id", "state", "size"]) expect(text).toContain(name);
    expect(run(endpoint, rows.map((row) => JSON.stringify(row)).join("\n")).text).toContain("2,000 JSON rows elided");
  });

  test("lines give way to the first and last, and any part can be had back", () => {
    const { text, stash } = run(endpoint, dump);
    expect(text).toContain("1,500 lines elided");
    expect(text).toContain("entry 0 of the dump");
    expect(text).toContain("entry 1499 of the dump");
    const { starts } = stash?.index ?? { starts: [] };
    expect(starts).toHaveLength(1_500);
    expect(stash?.content.slice(starts[700], starts[701])).toBe("entry 700 of the dump, nothing to see here\n");
  });

  test("what the question is about stays", () => {
    const asked = `${dump}\nthe tower_77 is 300 m tall\n${dump}`;
    expect(run(endpoint, asked, "How tall is tower_77?").text).toBe(asked);
    expect(run(endpoint, dump, "What about the entry of the dump with nothing to see?").text).toBe(dump);
    expect(run(endpoint, dump, "Sum up what the `dump all` gave.").text).toBe(dump);
  });

  test("fresh ones stay, and short ones", () => {
    const fresh = writeRequest(endpoint, steps(dump).slice(0, 2));
    expect(runStrategy(strategy, fresh, { endpoint }).output).toBe(fresh);
    expect(run(endpoint, dump.slice(0, 31_000)).draft.isChanged).toBe(false);
  });

  test("holds the laws on any conversation", () => {
    fc.assert(
      fc.property(anySteps, (talk) => {
        const source = writeRequest(endpoint, talk);
        const options = { endpoint, params: { minChars: 700, tocChars: 120 } };
        const stood = runStrategy(strategy, source, options);
        expect(runStrategy(strategy, source, options).output).toBe(stood.output);
        expect(runStrategy(strategy, stood.output, options).output).toBe(stood.output);
        expect(faultsOf(endpoint, stood.output)).toEqual(faultsOf(endpoint, source));
        for (const segment of stood.draft.segments) {
          if (segment.text === segment.original) continue;
          expect(segment.isFresh).toBe(false);
          expect(stood.stashes.get(handlesIn(segment.text)[0] ?? "")?.content).toBe(segment.original);
        }
      }),
      { numRuns: 40 },
    );
  });
});

test("hostile texts neither break it nor hold it up", () => {
  const nested = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
  const proto = JSON.stringify(
    Array.from({ length: 3_000 }, () => JSON.parse('{"__proto__":1,"constructor":{"a":1}}')),
  );
  for (const text of [nested, proto, "x".repeat(200_000), `{"a":"${"\\ud800".repeat(9_000)}"}`, "{\n".repeat(20_000)]) {
    const started = performance.now();
    const stood = run("/v1/messages", text);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(stood.text.length).toBeLessThan(2_000);
    expect(JSON.parse(stood.output)).toBeObject();
  }
});
