import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { writeRequest } from "../../test/agent-steps";
import { compress } from "../../test/compress-stand";
import { createDice } from "../../test/needle-report";
import { runStrategy } from "../../test/run-stand";
import { handlesIn } from "../markers";
import { unfold } from "../text/line-shapes";
import { contextCompression } from "./context_compression";
import { readDocument, readTables } from "./context_compression/read-table";

describe("what stands out is still there", () => {
  const odd = { id: "odd-one", state: "stuck", size: 12 };
  const noise = (dice: ReturnType<typeof createDice>, count: number) =>
    Array.from({ length: count }, (_, at) => ({ id: `${dice.word()}-${at}`, state: "ok", size: dice.int(10, 14) }));

  test("when the noise is shuffled, renamed or ten times as much", () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.integer({ min: 40, max: 100 }), (seed, count) => {
        const rows = noise(createDice(seed), count);
        const variants = [rows, rows.toReversed(), noise(createDice(seed + 1), count), new Array(10).fill(rows).flat()];
        for (const variant of variants) {
          const place = seed % variant.length;
          const { text } = compress(JSON.stringify(variant.toSpliced(place, 0, odd)));
          expect(text).toContain("odd-one");
          expect(text).toContain("stuck");
        }
      }),
      { numRuns: 25 },
    );
  });
});

describe("without a way to retrieve", () => {
  const rows = JSON.stringify(
    Array.from({ length: 200 }, (_, id) => ({ id, state: "fine" })),
    null,
    2,
  );

  test("only what is lossless is done, and it is told", () => {
    const { text, said, stashes } = compress(rows, { canElide: false });
    expect(readDocument(text)).toEqual(JSON.parse(rows));
    expect(said.suppressed).toBe("no_retrieve");
    expect(stashes.size).toBe(0);
  });

  test("with selection off nothing was suppressed", () => {
    expect(compress(rows, { canElide: false, params: { selection: false } }).said.suppressed).toBeNull();
  });
});

describe("JSON", () => {
  const rows = Array.from({ length: 300 }, (_, at) => ({
    id: 5_000 + at,
    state: at === 123 ? "stuck" : "ok",
    size: at === 40 ? 9_000 : 100 + ((at * 37) % 17),
    at: `2026-05-01T00:${String(Math.floor(at / 60)).padStart(2, "0")}:${String(at % 60).padStart(2, "0")}Z`,
  }));
  const json = JSON.stringify(rows, null, 2);

  test("keeps rows that stand out, in order, and counts the others", () => {
    const many = rows.map((row, at) => ({ ...row, state: at % 10 === 1 ? "stuck" : "ok" }));
    const { text: byQuestion } = compress(JSON.stringify(many), { question: "Which are stuck?" });
    expect(readTables(byQuestion)[0]?.indexes).toContainValues(
      many.flatMap(({ state }, at) => (state === "stuck" ? [at] : [])),
    );
    const { text } = compress(json.replaceAll('"state"', '"state_of_the_thing_as_last_reported"'));
    const [table] = readTables(text.replaceAll("state_of_the_thing_as_last_reported", "state"));
    expect(table?.total).toBe(300);
    expect(table?.indexes).toEqual([...(table?.indexes ?? [])].sort((a, b) => a - b));
    expect(table?.indexes).toContainValues([0, 1, 40, 123, 299]);
    for (const [place, index] of (table?.indexes ?? []).entries())
      expect(table?.rows[place]).toEqual(rows[index] as never);
    expect(text).toContain("_reported: ok 299, stuck 1");
    expect(text.length).toBeLessThan(0.05 * json.length);
  });

  test("stays JSON where it has to", () => {
    const { text } = compress(json, { params: { encoding: "json" } });
    const left = JSON.parse(text) as { _elided?: { rows: string; kept: string; marker: string } }[];
    const said = left.pop()?._elided;
    expect(said?.rows).toBe(`${left.length} of 300`);
    expect(rows.filter((row) => left.some((other) => Bun.deepEquals(row, other)))).toHaveLength(left.length);
    expect(handlesIn(said?.marker ?? "")).toHaveLength(1);
  });

  test("can be asked for by rows", () => {
    const { stashes } = compress(json);
    const [write] = [...stashes.values()];
    expect(write?.index?.unit).toBe("row");
    const starts = write?.index?.starts ?? [];
    expect(starts).toHaveLength(300);
    expect(json.slice(starts[17], starts[18])).toContain('"id": 5017');
  });

  test("that is to be given back whole, converted or edited stays whole", () => {
    for (const question of ["Give me the full list.", "Convert this to CSV.", "Show everything", "Print all rows"]) {
      expect(readDocument(compress(json, { question }).text)).toEqual(rows);
    }
  });

  test("is cut where words of the question only look like that", () => {
    for (const question of ["Is everything fine?", "Is the disk full?", "Did all jobs complete?"]) {
      expect(compress(json, { question }).text.length).toBeLessThan(0.1 * json.length);
    }
  });

  test("of a specification keeps every part", () => {
    const schema = {
      $schema: "x",
      properties: Object.fromEntries(rows.map((row) => [`f${row.id}`, { type: "string", title: row.state }])),
    };
    expect(JSON.parse(compress(JSON.stringify(schema, null, 2)).text)).toEqual(schema);
  });

  test("pasted by a user keeps the bytes of the rows that stay", () => {
    const words = "What about this?\n\n";
    const source = writeRequest("/v1/chat/completions", [{ user: `${words}\`\`\`json\n${json}\n\`\`\`\n` }]);
    const params = { roles: ["user"] };
    const { draft } = runStrategy(contextCompression, source, { endpoint: "/v1/chat/completions", params });
    const text = draft.segments.find(({ role }) => role === "user")?.text ?? "";
    expect(text.startsWith(`${words}\`\`\`json\n`)).toBe(true);
    expect(text.length).toBeLessThan(0.3 * json.length);
    const start = text.indexOf("[{");
    const body = text.slice(start < 0 ? text.indexOf("[") : start, text.lastIndexOf("]") + 1);
    const parts = JSON.parse(body) as Record<string, unknown>[];
    parts.pop();
    const bytes = rows.map((row) => JSON.stringify(row, null, 2).replaceAll("\n", "\n  "));
    for (const part of parts) expect(body).toContain(bytes[(part["id"] as number) - 5_000] as string);
  });

  test("in strings is cut, too, and bytes in letters are left out", () => {
    const bytes = Buffer.from(Uint8Array.from({ length: 3_000 }, (_, at) => (at * 73) % 251)).toString("base64");
    const { text } = compress(JSON.stringify({ result: json, image: bytes }));
    const left = JSON.parse(text) as { result: string; image: string };
    expect(JSON.parse(left.result)).toContainEqual(rows[123]);
    expect(left.image.length).toBeLessThan(250);
    expect(handlesIn(text)).toHaveLength(1);
  });
});

describe("the digest", () => {
  test("counts as brute force does", () => {
    fc.assert(
      fc.property(fc.nat(100_000), (seed) => {
        const dice = createDice(seed);
        const states = ["red", "green", "blue"].slice(0, dice.int(2, 3));
        const rows = Array.from({ length: dice.int(60, 200) }, (_, id) => ({
          id,
          state: dice.pick(states),
          size: dice.int(1, 1_000),
        }));
        const { text } = compress(JSON.stringify(rows));
        for (const state of states) {
          const count = rows.filter((row) => row.state === state).length;
          if (count > 0) expect(text).toContain(`${state} ${count}`);
        }
        const sizes = rows.map(({ size }) => size);
        const sum = sizes.reduce((total, size) => total + size, 0);
        expect(text).toContain(`size: ${Math.min(...sizes)}..${Math.max(...sizes)}`);
        expect(text).toContain(`sum ${sum}`);
      }),
      { numRuns: 30 },
    );
  });
});

describe("text", () => {
  const lines = Array.from(
    { length: 900 },
    (_, at) => `10:00:${10 + (at % 50)} INFO step ${at} of the ${at % 7} kinds went well`,
  );

  test("keeps every severe line below the guard", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(899), { minLength: 1, maxLength: 40 }), (places) => {
        const bad = lines.map((line, at) =>
          places.includes(at) ? `10:00:00 ERROR unit u${at}q broke its promise` : line,
        );
        const left = unfold(compress(bad.join("\n")).text);
        for (const at of places) expect(left).toContain(bad[at] as string);
      }),
      { numRuns: 20 },
    );
  });

  test("of nothing but failures keeps examples and says how many there were", () => {
    const { text } = compress(lines.map((line) => line.replace("INFO", "ERROR")).join("\n"));
    expect(text.length).toBeLessThan(12_000);
    expect(text).toMatch(/\d+ of 900 with severe kept as examples/);
  });

  test("loses colours, trailing blanks and empty lines without a handle", () => {
    const text = lines
      .slice(0, 60)
      .map((line, at) => `\u001b[3${at % 7}m${line}\u001b[0m   \n\n\n`)
      .join("\n");
    const { text: left, stashes } = compress(text, { isFresh: true });
    expect(unfold(left).filter((line) => line !== "")).toEqual(lines.slice(0, 60));
    expect(stashes.size).toBe(0);
  });

  test("drawn over and over again keeps its last state and what is not a bar", () => {
    const bar = Array.from({ length: 200 }, (_, at) => `Downloading [${"#".repeat(at % 40)}] ${at} %`).join("\r");
    const { text } = compress(`start\n${bar}\rwarning: disk nearly full\rDownloading [####] 200 %\ndone\n`.repeat(3));
    expect(text).toContain("warning: disk nearly full");
    expect(text).toContain("199 %");
    expect(text).not.toContain("57 %");
    expect(handlesIn(text)).toHaveLength(1);
  });
});
