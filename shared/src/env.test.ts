import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { type Env, EnvError, readEnv } from "./env";
import { hex, samples, slugSamples } from "./testing/variable-samples";
import { slugVariables, variables } from "./variables";

const directory = mkdtempSync(join(tmpdir(), "anyray-env-"));
afterAll(() => rmSync(directory, { recursive: true }));

function fileWith(text: string): string {
  const path = join(directory, crypto.randomUUID());
  writeFileSync(path, text);
  return path;
}

function faultsIn(source: Record<string, string>): string {
  try {
    readEnv(source);
  } catch (error) {
    if (error instanceof EnvError) return error.message;
    throw error;
  }
  return "";
}

describe("every variable", () => {
  const names = Object.keys(variables) as (keyof typeof variables)[];

  test("reads the values it accepts", () => {
    for (const name of names) {
      for (const [value, read] of samples[name].good)
        expect([name, value, readEnv({ [name]: value })[name]]).toEqual([name, value, read as never]);
    }
  });

  test("refuses the others, naming itself and what it accepts", () => {
    for (const name of names) {
      for (const value of samples[name].bad) {
        const message = faultsIn({ [name]: value });
        expect([name, value, message.split("\n").length]).toEqual([name, value, 2]);
        expect(message).toContain(`\n  ${name}=`);
        expect(message).toEndWith(`accepted is ${variables[name].accepts}`);
      }
    }
  });

  test("has its default when it is unset or empty, and a good one", () => {
    const unset = readEnv({});
    for (const name of names) {
      const { default: written, parse } = variables[name];
      expect([name, unset[name]]).toEqual([name, (written === null ? undefined : parse(written)) as never]);
      expect(written === null || parse(written) !== undefined).toBe(true);
      for (const empty of ["", "  ", "\n"]) expect(readEnv({ [name]: empty })[name] as unknown).toBe(unset[name]);
    }
    expect([
      unset.providerUrls.size,
      unset.providerKeys.size,
      unset.providerOnAbort.size,
      unset.unknown.length,
    ]).toEqual([0, 0, 0, 0]);
  });
});

describe("variables that name a provider", () => {
  const read = (source: Record<string, string>): Env => readEnv(source);

  test("are read by slug, underscores as hyphens", () => {
    const env = read({
      ANYRAY_PROVIDER_URL_AZURE_OPENAI: "https://r.openai.azure.com",
      ANYRAY_PROVIDER_KEY_OPENAI: " sk-1 ",
      ANYRAY_PROVIDER_KEY_GROQ2: "k",
      ANYRAY_PROVIDER_ON_ABORT_OPENAI: "drain",
      ANYRAY_PROVIDER_DEFAULT_OPENAI: "groq2",
    });
    expect([...env.providerUrls]).toEqual([["azure-openai", "https://r.openai.azure.com"]]);
    expect([...env.providerKeys]).toEqual([
      ["openai", "sk-1"],
      ["groq2", "k"],
    ]);
    expect([...env.providerOnAbort]).toEqual([["openai", "drain"]]);
    expect([env.ANYRAY_PROVIDER_DEFAULT_OPENAI, env.unknown]).toEqual(["groq2", []]);
  });

  test("take and refuse the values of their kind", () => {
    for (const prefix of Object.keys(slugVariables) as (keyof typeof slugVariables)[]) {
      for (const [value] of slugSamples[prefix].good) expect(faultsIn({ [`${prefix}X`]: value })).toBe("");
      for (const value of slugSamples[prefix].bad) expect(faultsIn({ [`${prefix}X`]: value })).toContain(`${prefix}X=`);
    }
  });

  test("need a slug, but not when they are empty", () => {
    for (const slug of ["", "openai", "A__B", "_A", "A_", "A-B", "A.B", "Ä"]) {
      const name = `ANYRAY_PROVIDER_URL_${slug}`;
      expect(faultsIn({ [name]: "http://h" })).toContain(`${name}: the part after ANYRAY_PROVIDER_URL_`);
      expect(readEnv({ [name]: " " })).toMatchObject({ providerUrls: new Map(), unknown: [] });
    }
    expect(readEnv({ ANYRAY_PROVIDER_KEY_OPENAI: "" }).providerKeys.size).toBe(0);
  });
});

describe("a secret", () => {
  test("may come from a file, its own value first", () => {
    const path = fileWith(`${hex}\n`);
    expect(readEnv({ ANYRAY_CONTENT_KEY_FILE: path }).ANYRAY_CONTENT_KEY).toBe(hex);
    expect(readEnv({ ANYRAY_PROVIDER_KEY_OPENAI_FILE: fileWith(" sk-file\n") }).providerKeys.get("openai")).toBe(
      "sk-file",
    );
    expect(readEnv({ ANYRAY_ADMIN_TOKEN: "own", ANYRAY_ADMIN_TOKEN_FILE: path }).ANYRAY_ADMIN_TOKEN).toBe("own");
    expect(readEnv({ ANYRAY_ADMIN_TOKEN: "", ANYRAY_ADMIN_TOKEN_FILE: path }).ANYRAY_ADMIN_TOKEN).toBe(hex);
    expect(readEnv({ ANYRAY_ADMIN_TOKEN_FILE: fileWith("\n") }).ANYRAY_ADMIN_TOKEN).toBeUndefined();
    // Only secrets do: for others the name means nothing.
    expect(readEnv({ ANYRAY_DATA_DIR_FILE: path })).toMatchObject({
      ANYRAY_DATA_DIR: "./data",
      unknown: ["ANYRAY_DATA_DIR_FILE"],
    });
  });

  test("in a file that cannot be read stops the start, each such file once", () => {
    const message = faultsIn({
      ANYRAY_ADMIN_TOKEN_FILE: join(directory, "gone"),
      ANYRAY_PROVIDER_KEY_OPENAI: "",
      ANYRAY_PROVIDER_KEY_OPENAI_FILE: directory,
    });
    expect(message.split("\n").slice(1)).toEqual([
      `  ANYRAY_ADMIN_TOKEN_FILE: "${join(directory, "gone")}" cannot be read (ENOENT)`,
      `  ANYRAY_PROVIDER_KEY_OPENAI_FILE: "${directory}" cannot be read (EISDIR)`,
    ]);
  });

  test("is never shown, neither its own value nor one within another variable's", () => {
    const message = faultsIn({
      ANYRAY_CONTENT_KEY: "canary-1",
      ANYRAY_HTTP_PROXY: "socks5://user:canary-2@proxy:1080",
      ANYRAY_PROVIDER_URL_X: "htps://user:canary-2@h",
      ANYRAY_GATEWAY_PORT: "sk-canary-3-canary",
      ANYRAY_PROVIDER_ON_ABORT_X: "Bearer canary-4",
    });
    expect(message.split("\n")).toHaveLength(6);
    expect(message).not.toContain("canary");
    expect(message).toContain("ANYRAY_CONTENT_KEY=(hidden)");
  });
});

describe("all at once", () => {
  test("every bad variable is in one message, and long values are cut", () => {
    const bad = Object.entries(samples).flatMap(([name, { bad: values }]) =>
      values[0] === undefined ? [] : [[name, values[0]]],
    );
    const message = faultsIn({
      ...Object.fromEntries(bad),
      ANYRAY_PROVIDER_URL_a: "x",
      ANYRAY_PROVIDER_URL_B: "y".repeat(9_000),
    });
    expect(message).toStartWith("Variables have a bad value:\n");
    for (const [name] of bad) expect(message).toContain(`\n  ${name}=`);
    expect(message.split("\n")).toHaveLength(bad.length + 3);
    expect(Math.max(...message.split("\n").map((line) => line.length))).toBeLessThan(400);
    expect(faultsIn({ ANYRAY_GATEWAY_PORT: "x" })).toStartWith("A variable has a bad value:\n");
  });

  test("names of ours that nobody reads are told, others are none of our business", () => {
    const source = {
      ANYRAY_GATEWAY_PROT: "1",
      ANYRAY_: "x",
      ANYRAYX: "x",
      PATH: "x",
      anyray_data_dir: "x",
      ANYRAY_LOG_LEVEL: "warn",
    };
    expect(readEnv(source).unknown).toEqual(["ANYRAY_GATEWAY_PROT", "ANYRAY_"]);
  });

  test("nothing but a message is ever thrown, whatever the values", () => {
    const anyName = fc.oneof(
      fc.constantFrom(...Object.keys(samples)),
      fc
        .tuple(fc.constantFrom(...Object.keys(slugVariables)), fc.string({ unit: "binary", maxLength: 4 }))
        .map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(fc.dictionary(anyName, fc.string({ unit: "binary" }), { noNullPrototype: true }), (source) => {
        faultsIn(source);
      }),
      { numRuns: 500 },
    );
  });
});
