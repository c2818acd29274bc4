import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { type ClassifyHint, classify, type TextClass } from "./classify";

const none: ClassifyHint = { toolName: null, toolArgs: null };
const args = (toolArgs: string, toolName: string | null = null): ClassifyHint => ({ toolName, toolArgs });
const classOf = (text: string, hint = none) => {
  const { class: found, language } = classify(text, hint);
  return language === null ? found : `${found} ${language}`;
};
const root = resolve(import.meta.dir, "../../..");
const read = (path: string) => readFileSync(resolve(root, path), "utf8");

const rows = (count: number) =>
  Array.from({ length: count }, (_, id) => ({ id, name: `user ${id}`, state: "ok", tags: ["a", "b"] }));
const times = (count: number, line: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => line(index)).join("\n");
const two = (index: number) => String(index % 60).padStart(2, "0");

const log = times(
  60,
  (index) => `2026-11-03T10:00:${two(index)}Z INFO worker-${index % 7} request=${index * 7919} ms=${index % 40}`,
);
const bareLog = times(60, (index) =>
  index % 3 === 0 ? `connected to shard ${index}` : `[worker-${index}] job ${index * 31} is done in ${index} ms`,
);
const access = times(
  40,
  (index) => `10.0.0.${index} - - [03/Nov/2026:10:00:${two(index)} +0000] "GET /a/${index} HTTP/1.1" 200 ${index * 31}`,
);
const paragraph =
  "The committee considers the proposal while the river quietly floods the lower meadow, and nobody minds much. ";
const openings =
  "At first|Nobody knew|Rain fell|Later on|Two men|Every spring|By the gate|Old songs|Without haste|Her uncle|The bridge|Soon after".split(
    "|",
  );
const essay = openings.map((opening) => `${opening}, it is said, ${paragraph.repeat(3)}\n`).join("\n");
const diff = `diff --git a/src/a.ts b/src/a.ts\nindex 83db48f..bf2a1c1 100644\n--- a/src/a.ts\n+++ b/src/a.ts\n@@ -1,4 +1,4 @@\n const a = 1;\n-const b = 2;\n+const b = 3;\n const c = 4;\n`;
const hits = times(20, (index) => `src/pool/lease-${index}.ts:${index * 7}:  const lease = take(pool, ${index});`);
const java = `java.lang.IllegalStateException: lease lost\n${times(12, (index) => `\tat com.example.Pool.take(Pool.java:${index})`)}\nCaused by: java.io.IOException: gone\n\t... 12 more`;
const python = `import os\nfrom typing import Any\n\n\nclass Pool:\n    def take(self, count: int) -> list:\n        if count > self.size:\n            raise ValueError(count)\n        return [self.free.pop() for _ in range(count)]\n\n    def give(self, lease):\n        self.free.append(lease)\n`;
const go = `package main\n\nimport (\n\t"fmt"\n)\n\ntype Pool struct {\n\tfree []int\n}\n\nfunc (p *Pool) Take() (int, error) {\n\tif len(p.free) == 0 {\n\t\treturn 0, fmt.Errorf("empty")\n\t}\n\tlast := p.free[len(p.free)-1]\n\treturn last, nil\n}\n`;
const markdown = `# Pool\n\nThe pool hands out leases, see [the guide](https://host.example/guide).\n\n## Use\n\n- take a lease\n- give it back\n\n| name | meaning |\n| --- | --- |\n| size | how many |\n`;
const html = `<!doctype html>\n<html>\n<head><title>Pool</title></head>\n<body>\n<p>Leases</p>\n</body>\n</html>\n`;
const csv = `id,name,amount,at\n${times(30, (index) => `${index},user ${index},${index * 3},2026-11-03`)}`;
const bytes = Buffer.from(
  Uint8Array.from({ length: 3_000 }, (_, index) => (index * index * 31 + index * 7) & 255),
).toString("base64");

describe("the class of a text", () => {
  const cases: [string, string, string, ClassifyHint?][] = [
    ["base64", bytes, "base64"],
    ["base64 in lines", bytes.replace(/.{76}/g, "$&\n"), "base64"],
    ["a data URI", `data:image/png;base64,${"iVBORw0KGgo".repeat(9)}`, "base64"],
    ["JSON", JSON.stringify(rows(20)), "json"],
    ["pretty JSON", `\n${JSON.stringify(rows(20), null, 2)}\n`, "json"],
    ["JSON behind a line", `HTTP/1.1 200 OK\n\n${JSON.stringify(rows(30))}`, "json_in_text"],
    [
      "lines of JSON",
      rows(20)
        .map((row) => JSON.stringify(row))
        .join("\n"),
      "ndjson",
    ],
    ["a diff", diff, "diff"],
    ["a commit with its diff", `commit ${"9f".repeat(20)}\nAuthor: A\n\n    change b\n\n${diff}`, "diff"],
    ["search hits", hits, "search"],
    [
      "search hits with context",
      times(9, (index) => `src/a.ts-${index}-  const x = ${index};\nsrc/a.ts:${index + 1}:  take();\n--`),
      "search",
    ],
    [
      "numbered hits of a search",
      times(9, (index) => `${index * 3}:  take(${index});`),
      "search",
      args('{"command":"grep -n take src/a.ts"}', "bash"),
    ],
    ["times that look like hits", times(20, (index) => `10:00:${two(index)}: job ${index} done`), "lines"],
    ["a test run", `${log}\n============ 3 failed, 40 passed in 1.20s ============`, "test_output pytest"],
    [
      "compiler errors",
      times(5, (index) => `src/a.ts(${index},3): error TS2304: Cannot find name 'x${index}'.`),
      "test_output tsc",
    ],
    ["a stack trace", java, "stack_trace"],
    ["a log", log, "lines"],
    ["a log without times", bareLog, "lines"],
    ["an access log", access, "lines"],
    ["Python", python, "code py"],
    [
      "Python as a tool numbers it",
      python
        .split("\n")
        .map((line, index) => `${String(index + 1).padStart(6)}\t${line}`)
        .join("\n"),
      "code py",
    ],
    ["Go", go, "code go"],
    ["TypeScript", read("optimizer/src/budget.ts"), "code ts"],
    ["a file by its name", "a = take(pool)\nb = give(a)\nc = (a, b)\n", "code py", args('{"file_path":"src/pool.py"}')],
    ["a shell script", "#!/usr/bin/env bash\nset -e\necho hi\n", "code bash"],
    ["Markdown", markdown, "markup md"],
    ["HTML", html, "markup html"],
    ["prose in a Markdown file", essay, "markup md", args('{"path":"docs/essay.md"}')],
    ["a table", csv, "csv ,"],
    ["a table of tabs", csv.replaceAll(",", "\t"), "csv \t"],
    ["prose", essay, "prose"],
    ["one sentence", paragraph, "prose"],
    ["one word over and over", "word ".repeat(500), "prose"],
    ["nothing", "", "prose"],
    ["blank lines", "\n\n\n \n", "prose"],
    ["a bracket that nothing closes", `{ ${paragraph.repeat(30)}`, "prose"],
  ];
  test.each(cases.map(([name, text, expected, hint = none]) => [name, text, expected, hint] as const))(
    "%s",
    (_, text, expected, hint) => {
      expect(classOf(text, hint)).toBe(expected);
    },
  );

  test("our own files: code is code, prose is prose, data is data", () => {
    for (const path of ["shared/src/pricing.ts", "gateway/src/pipeline.ts", "shared/src/money.ts"])
      expect([path, classOf(read(path))]).toEqual([path, "code ts"]);
    expect(classOf(read("LICENSE"))).toBe("prose");
    expect(classOf(read("README.md"))).toBe("markup md");
    expect(classOf(read("shared/src/prices/catalogue.json"))).toBe("json");
  });
});

test("values inside a text are named, and each parses", () => {
  const value = JSON.stringify(rows(30));
  const text = `First:\n${value}\nand then [odd { text "here\n${value} the end ${JSON.stringify(rows(2))}`;
  const { class: found, spans } = classify(text, none);
  expect(found).toBe("json_in_text");
  expect(spans?.map(({ start, end }) => text.slice(start, end))).toEqual([value, value]);
});

describe("any text has a class", () => {
  const classes: TextClass[] = [
    "base64",
    "json",
    "json_in_text",
    "ndjson",
    "diff",
    "search",
    "test_output",
    "stack_trace",
    "lines",
    "code",
    "markup",
    "csv",
    "prose",
  ];
  const line = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      "{",
      "```ts",
      "@@ -1 +1 @@",
      "a,b",
      "src/a.ts:1:x",
      "# x",
      "\ud800",
      "<p>",
      "    at a (b:1:2)",
      "\r",
    ),
  );

  test("the same one twice, with spans that lie in it", () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), fc.option(fc.string()), (lines, toolArgs) => {
        const text = lines.join("\n");
        const found = classify(text, { toolName: toolArgs, toolArgs });
        expect(classes).toContain(found.class);
        expect(classify(text, { toolName: toolArgs, toolArgs })).toEqual(found);
        for (const { start, end } of found.spans ?? []) expect(() => JSON.parse(text.slice(start, end))).not.toThrow();
      }),
    );
  });

  test("within a time that is linear in its length", () => {
    const hostile = [
      "{".repeat(2e5),
      "[1".repeat(1e5),
      '{"'.repeat(1e5),
      "{   ".repeat(5e4),
      '["a",'.repeat(4e4),
      "a".repeat(2e5),
      " ".repeat(2e5),
      "\n".repeat(2e5),
      "<".repeat(2e5),
      "|".repeat(2e5),
      "a:1:".repeat(5e4),
      "a-1-".repeat(5e4),
      '"'.repeat(2e5),
      "\\".repeat(2e5),
      "\ud800".repeat(1e5),
      "- ".repeat(1e5),
      "const a: ".repeat(2e4),
      `${"x".repeat(390)}\n`.repeat(500),
      `${"a-".repeat(190)}\n`.repeat(500),
      `${"a.".repeat(190)}\n`.repeat(500),
      `${"[".repeat(380)}\n`.repeat(500),
      `${"-".repeat(380)}\n`.repeat(500),
      `${"public ".repeat(50)}\n`.repeat(500),
      `${"def a(".repeat(60)}\n`.repeat(500),
      `{"a":${"[".repeat(1e5)}`,
    ];
    for (const text of hostile) {
      const startedAt = performance.now();
      classify(text, args(text, text));
      expect([text.slice(0, 12), performance.now() - startedAt < 1_000]).toEqual([text.slice(0, 12), true]);
    }
  });

  test("large texts are sampled", () => {
    const large = times(
      20_000,
      (index) => `2026-11-03T10:00:${two(index)}Z INFO worker-${index % 7} request=${index * 7919} ms=${index % 40}`,
    );
    classify(large, none);
    const startedAt = performance.now();
    expect(classOf(large)).toBe("lines");
    expect(performance.now() - startedAt).toBeLessThan(100);
  });
});
