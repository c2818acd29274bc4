import { describe, expect, test } from "bun:test";
import Ajv from "ajv";
import fc from "fast-check";
import { type Endpoint, endpoints, runStrategy } from "../../test/run-stand";
import { toolSchemaCompression } from "./tool_schema_compression";

type Json = Readonly<Record<string, unknown>>;
interface ToolGiven {
  name: string;
  description?: string;
  schema?: unknown;
  strict?: boolean;
}

function request(endpoint: Endpoint, tools: readonly ToolGiven[]): string {
  const written = tools.map(({ name, description, schema, strict }) => {
    const more = { ...(description !== undefined && { description }), ...(strict && { strict }) };
    if (endpoint === "/v1/messages") return { name, ...more, ...(schema !== undefined && { input_schema: schema }) };
    const parameters = schema === undefined ? {} : { parameters: schema };
    if (endpoint === "/v1/responses") return { type: "function", name, ...more, ...parameters };
    return { type: "function", function: { name, ...more, ...parameters } };
  });
  const talk = endpoint === "/v1/responses" ? { input: "hi" } : { messages: [{ role: "user", content: "hi" }] };
  return JSON.stringify({ model: "m", tools: written, ...talk });
}

function compress(tools: readonly ToolGiven[], params = {}, endpoint: Endpoint = "/v1/messages") {
  const { output } = runStrategy(toolSchemaCompression, request(endpoint, tools), { endpoint, params });
  const written = JSON.parse(output).tools as Json[];
  return {
    output,
    tools: written.map((tool) => (tool["function"] ?? tool) as { name: string; description?: string } & Json),
  };
}

const schemaOf = (tool: Json) => (tool["input_schema"] ?? tool["parameters"]) as Json;
const described = (description: string, params = {}) =>
  compress([{ name: "read_file", description, schema: {} }], params).tools[0]?.description;
const levels = [1, 2, 3];

const sentence = fc.constantFrom(
  "Use this tool to read a file.",
  "The path.",
  "Please note that it must be absolute.",
  "At most 500 lines.",
  'One of "a" or "b".',
  "This is nice to have around for everyone.",
  "Times are in UTC, e.g. 2024-01-02T03:04Z.",
  "**Important** words   stand out.",
  "Returns everything.",
);
const text = fc.oneof(
  { weight: 6, arbitrary: fc.array(sentence, { maxLength: 6 }).map((all) => all.join(" ")) },
  { weight: 2, arbitrary: fc.array(sentence, { maxLength: 6 }).map((all) => all.join("\n\n\n   ")) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
);
const name = fc.constantFrom(
  "path",
  "file_path",
  "mode",
  "limit",
  "title",
  "description",
  "__proto__",
  "default",
  "a b",
);

const leaf = fc.oneof(
  fc.record({ type: fc.constant("string"), enum: fc.constant(["r", "w"]), examples: fc.constantFrom(["r"], ["x"]) }),
  fc.record({
    type: fc.constant("integer"),
    minimum: fc.nat(5),
    maximum: fc.integer({ min: 6, max: 50 }),
    default: fc.constant(7),
  }),
  fc.record({
    type: fc.constant("string"),
    pattern: fc.constantFrom("^a", "b$"),
    maxLength: fc.integer({ min: 1, max: 6 }),
  }),
  fc.record({ type: fc.constant("boolean") }),
  fc.record({ $ref: fc.constantFrom("#/$defs/A", "#/$defs/B") }),
  fc.record({ const: fc.constantFrom("description", 1, null) }),
);
const anySchema = fc.letrec<{ schema: Json; object: Json }>((tie) => ({
  schema: fc.oneof(
    { depthSize: "small" },
    fc.tuple(leaf, text, fc.option(name)).map(([of, description, title]) => ({
      ...(title !== null && { title }),
      ...of,
      description,
    })),
    fc.record({ anyOf: fc.array(tie("schema"), { minLength: 1, maxLength: 2 }), $comment: text }),
    fc.record({ type: fc.constant("array"), items: tie("schema"), maxItems: fc.nat(3) }),
    tie("object"),
  ),
  object: fc
    .tuple(fc.array(fc.tuple(name, tie("schema")), { maxLength: 4 }), fc.boolean(), fc.boolean(), text)
    .map(([members, isClosed, isRequired, description]) => {
      const properties = Object.fromEntries(members);
      return {
        type: "object",
        description,
        properties,
        ...(isRequired && { required: Object.keys(properties).slice(0, 1) }),
        ...(isClosed && { additionalProperties: false }),
      };
    }),
})).object;
const rootSchema = fc.tuple(anySchema, fc.boolean()).map(([schema, hasDialect]) => ({
  ...(hasDialect && { $schema: "http://json-schema.org/draft-07/schema#", title: "ReadFile" }),
  ...schema,
  $defs: { A: { type: "string", description: "An A." }, B: { type: "integer" }, C: { $ref: "#/$defs/A" } },
}));
const anyArguments = fc.dictionary(
  name,
  fc.oneof(
    fc.constantFrom("r", "w", "a", "ab", "b", "description"),
    fc.integer({ min: -2, max: 60 }),
    fc.boolean(),
    fc.jsonValue({ maxDepth: 2 }),
  ),
  { maxKeys: 4 },
);

describe.each(levels)("level %d", (level) => {
  test("checks arguments with the same verdict", () => {
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(rootSchema, fc.array(anyArguments, { minLength: 20, maxLength: 20 }), (schema, samples) => {
        const ajv = () => new Ajv({ strict: false, logger: false, validateFormats: false });
        const { tools } = compress([{ name: "read_file", schema, description: "Reads." }], { level });
        const before = ajv().compile(JSON.parse(JSON.stringify(schema)));
        const after = ajv().compile(JSON.parse(JSON.stringify(schemaOf(tools[0] as Json))));
        for (const sample of samples) {
          const verdict = before(sample);
          expect(after(sample)).toBe(verdict);
          if (verdict) accepted += 1;
          else refused += 1;
        }
      }),
      { numRuns: 25 },
    );
    expect(accepted).toBeGreaterThan(60);
    expect(refused).toBeGreaterThan(60);
  }, 60_000);

  test("everything but what describes is equal, and what is written again stays", () => {
    fc.assert(
      fc.property(rootSchema, text, fc.constantFrom(...endpoints), (schema, description, endpoint) => {
        const given = [{ name: "read_file", description, schema }];
        const source = request(endpoint, given);
        const { output, tools } = compress(given, { level }, endpoint);
        expect(output.length).toBeLessThanOrEqual(source.length);
        expect(binding(schemaOf(tools[0] as Json))).toEqual(binding(JSON.parse(JSON.stringify(schema))));
        const again = runStrategy(toolSchemaCompression, output, { endpoint, params: { level } });
        expect(again.output).toBe(output);
        if (description.trim() !== "") expect(tools[0]?.description?.trim()).not.toBe("");
      }),
      { numRuns: 120 },
    );
  });

  test("numbers, quotes and choices that a description tells survive", () => {
    const told = fc.tuple(fc.nat(99_999), fc.constantFrom("ms", "KB", "lines"), fc.stringMatching(/^[a-z]{3,8}$/));
    fc.assert(
      fc.property(
        fc.array(sentence, { maxLength: 5 }),
        told,
        fc.array(sentence, { maxLength: 5 }),
        (before, [n, unit, word], after) => {
          const fact = `Stops after ${n} ${unit} unless it is "${word}".`;
          expect(described([...before, fact, ...after].join(" "), { level })).toContain(fact);
        },
      ),
    );
  });
});

/** A schema without what only describes. */
function binding(value: unknown, isMap = false): unknown {
  if (Array.isArray(value)) return value.map((each) => binding(each));
  if (typeof value !== "object" || value === null) return value;
  const idle = new Set(["description", "title", "examples", "$schema", "$comment", "$defs"]);
  const members = Object.entries(value).filter(([key]) => isMap || !idle.has(key));
  return Object.fromEntries(members.map(([key, each]) => [key, binding(each, !isMap && key === "properties")]));
}

test("decoration goes at level 1, and no word with it", () => {
  const words = (given: string) => given.match(/[\p{L}\p{N}]+/gu) ?? [];
  fc.assert(
    fc.property(text, (description) => {
      expect(words(described(description, { level: 1 }) ?? "")).toEqual(words(description));
    }),
  );
  expect(described("Reads.\n\n\n\n   It   does  **much**. \n---\n   More.", { level: 1 })).toBe(
    "Reads.\n\nIt does much.\nMore.",
  );
  expect(described("Reads   it.", { level: 1, collapseWhitespace: false })).toBe("Reads   it.");
});

test("code, tables, globs and quotes keep their spacing", () => {
  for (const kept of [
    "Like:\n```\nif x:\n    y   = 1\n```\nEnd.",
    "| a   | b |\n| 1   | 2 |",
    "Matches **/*.ts and src/**/x in any place of it.",
    'Joins with "  ,  " always.',
    "Runs `a   b` at once.",
  ]) {
    for (const level of [1, 2]) expect(described(kept, { level })).toBe(kept);
  }
});

test("filler and repetition go at level 2", () => {
  const schema = { type: "object", properties: { file_path: { type: "string", description: "The file path." } } };
  const given = {
    name: "read_file",
    description: "Use this tool to read a file. Please note that it is slow.",
    schema,
  };
  const [tool] = compress([given]).tools;
  expect(tool?.description).toBe("Read a file. It is slow.");
  expect(schemaOf(tool as Json)).toEqual({ type: "object", properties: { file_path: { type: "string" } } });
  expect(compress([given], { stripBoilerplate: false }).tools[0]?.description).toBe(given.description);
  expect(described("Reads it. Everybody likes that. It must exist.", { level: 3 })).toBe("Reads it. It must exist.");
  expect(described("Reads it. It must exist.", { level: 3, keepSentencesWithCues: false })).toBe("Reads it.");
});

test("a sentence that three tools share is said once, unless it binds", () => {
  const shared = "This belongs to the suite of tools for files.";
  const rule = "The file must exist on the disk before.";
  const names = ["read", "write", "erase", "copy"];
  const { tools } = compress(names.map((each) => ({ name: each, description: `It does ${each}. ${shared} ${rule}` })));
  expect(tools.map(({ description }) => description?.includes(shared))).toEqual([true, false, false, false]);
  expect(tools.every(({ description }) => description?.includes(rule))).toBe(true);
});

test("strict tools lose decoration only; definitions that are used, and marks of old drafts, stay", () => {
  const description = "Use this tool to read.";
  expect(compress([{ name: "r", description, strict: true, schema: {} }]).tools[0]?.description).toBe(description);
  const schema = {
    $schema: "http://json-schema.org/draft-04/schema#",
    $id: "x",
    allOf: [{ $ref: "x#/$defs/A" }],
    $defs: { A: {}, B: {} },
  };
  expect(schemaOf(compress([{ name: "r", schema }]).tools[0] as Json)).toEqual(schema);
});

test("what cannot be read as a function's definition stays as it is", () => {
  const tools = [
    { type: "web_search" },
    { type: "custom", name: "x", format: { type: "grammar", definition: "a  b" } },
    7,
    null,
  ];
  const source = JSON.stringify({ model: "m", input: "hi", tools });
  expect(runStrategy(toolSchemaCompression, source, { endpoint: "/v1/responses" }).output).toBe(source);
  const doubled =
    '{"model":"m","messages":[],"tools":[{"name":"x","description":"A  b.","description":"C  d.","input_schema":{"$comment":"1","$comment":"2"}}]}';
  expect(runStrategy(toolSchemaCompression, doubled, { endpoint: "/v1/messages" }).output).toBe(doubled);
});

test("hostile descriptions are read in no time", () => {
  for (const bomb of [
    "**a".repeat(60_000),
    "a ".repeat(100_000),
    "\n".repeat(200_000),
    '"'.repeat(200_001),
    "A. ".repeat(60_000),
    "\ud800".repeat(50_000),
  ]) {
    const startedAt = performance.now();
    described(bomb);
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  }
});
