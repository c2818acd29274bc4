// A word that stands in everything callers and providers say is looked for in everything the product leaves behind: files,
// logs, metrics, admin answers, exports. Where content is not kept, or kept sealed, it is nowhere.

import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { driveScenario, type ScenarioCall } from "@anyray/shared/testing/scenario";
import type { Subprocess } from "bun";
import { type CanaryProvider, startCanaryProvider } from "./canary-provider";
import { adminToken, startGateway, type TestGateway, until } from "./harness";
import { type OtlpReceiver, startOtlpReceiver } from "./otlp-receiver";

const root = join(import.meta.dir, "..", "..");
const modes = ["encrypted", "off", "plaintext"] as const;
type Mode = (typeof modes)[number];

/** Letters alone, so that nothing that folds, stems or escapes words makes another one of it. */
const canaryOf = (mode: Mode) => `qzx${{ encrypted: "wvkj", off: "jkvw", plaintext: "vjwk" }[mode]}hgfkpbq`;

/** What it would look like to somebody who wanted to hide it. */
function spellings(canary: string): Buffer[] {
  // Parts of it count too: at each of three places in the base64 of a text, and without its ends.
  const base64 = [0, 1, 2].map((at) =>
    Buffer.from(`${"x".repeat(at)}${canary}`)
      .toString("base64")
      .slice(at ? 4 : 0, -4),
  );
  return [canary, canary.slice(2, -2), canary.toUpperCase(), Buffer.from(canary).toString("hex"), ...base64]
    .map((text) => Buffer.from(text))
    .concat(Buffer.from(canary, "utf16le"), Buffer.from([...canary].reverse().join("")));
}

interface World {
  mode: Mode;
  canary: string;
  dataDir: string;
  gateway: TestGateway;
  calls: ScenarioCall[];
  optimizerUrl: string;
  optimizerOutput(): string;
  receiver: OtlpReceiver;
  provider: CanaryProvider;
  stop(): Promise<void>;
}

async function openWorld(mode: Mode): Promise<World> {
  const canary = canaryOf(mode);
  const dataDir = mkdtempSync(join(tmpdir(), "anyray-canary-"));
  const provider = startCanaryProvider(canary);
  const receiver = startOtlpReceiver();
  const settings = { ANYRAY_CONTENT_MODE: mode, ANYRAY_ALLOW_PLAINTEXT: "true", ANYRAY_LOG_LEVEL: "debug" };
  const optimizer = await startOptimizer(dataDir, settings);
  const gateway = await startGateway({
    dataDir,
    env: {
      ...{ ...settings, ANYRAY_OPTIMIZER_URL: optimizer.url, ANYRAY_OTLP_URL: receiver.url },
      ...{ ANYRAY_PROVIDER_URL_OPENAI: `${provider.url}/v1`, ANYRAY_PROVIDER_URL_ANTHROPIC: provider.url },
      ...{ ANYRAY_ON_ABORT: "cancel", ANYRAY_OTLP_PROTOCOL: "http/json" },
    },
  });
  await switchEverythingOn(gateway);
  const handle = () => /ctx_[a-z2-7]{16}/.exec(provider.received.join("\n"))?.[0] ?? null;
  const calls = await driveScenario({ gatewayUrl: gateway.url, adminToken, secret: canary, handle });
  return {
    ...{ mode, canary, dataDir, gateway, calls, receiver, provider },
    ...{ optimizerUrl: optimizer.url, optimizerOutput: optimizer.output },
    async stop() {
      optimizer.process.kill("SIGKILL");
      await gateway.stop("SIGKILL");
      await Promise.all([provider.stop(), receiver.stop()]);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function startOptimizer(dataDir: string, env: Record<string, string>) {
  const child: Subprocess<"ignore", "pipe", "pipe"> = Bun.spawn(
    [process.execPath, "--no-env-file", join(root, "optimizer/src/main.ts")],
    {
      env: {
        ...{ PATH: process.env["PATH"] ?? "", ANYRAY_OPTIMIZER_PORT: "0" },
        ...{ ANYRAY_DATA_DIR: dataDir, ANYRAY_ADMIN_TOKEN: adminToken, ...env },
      },
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  let output = "";
  const read = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) output += Buffer.from(chunk).toString();
  };
  void read(child.stdout);
  void read(child.stderr);
  const url = await until(() => /"msg":"optimizer is ready","url":"([^"]+)"/.exec(output)?.[1], 20_000);
  return { process: child, url, output: () => output };
}

/** Every strategy, at its defaults, and a caller over its cap. */
async function switchEverythingOn(gateway: TestGateway): Promise<void> {
  const settings = "/admin/optimizer/settings";
  const { config, known } = await until(
    () => gateway.admin<{ config: object; known: { kind: string }[] }>("GET", settings).catch(() => null),
    20_000,
  );
  const strategies = known.map(({ kind }) => ({ kind, enabled: true, params: {} }));
  await gateway.admin("PUT", settings, { ...config, strategies });
  await gateway.admin("PUT", "/admin/user-caps", { user: "capped", monthlyTokens: 0 });
}

const worlds = new Map<Mode, World>();

beforeAll(async () => {
  for (const mode of modes) worlds.set(mode, await openWorld(mode));
  // What is written behind has been written, and exports have gone out.
  await Bun.sleep(2_500);
}, 120_000);

afterAll(async () => {
  for (const world of worlds.values()) await world.stop();
});

const worldOf = (mode: Mode) => worlds.get(mode) as World;

/** Where one of its spellings stands. */
function found(canary: string, where: Iterable<readonly [string, Uint8Array | string]>): string[] {
  const wanted = spellings(canary);
  return [...where].flatMap(([name, bytes]) => {
    const text = Buffer.from(bytes as string);
    const folded = Buffer.from(text.toString("latin1").toLowerCase(), "latin1");
    return wanted.some((word) => text.includes(word) || folded.includes(word)) ? [name] : [];
  });
}

function* filesBelow(dir: string): Generator<[string, Uint8Array]> {
  for (const entry of readdirSync(dir, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    yield [relative(dir, path), readFileSync(path)];
  }
}

/** Every GET of the admin plane that its document names, ids filled in, in every form it answers in. */
async function* adminAnswers(gateway: TestGateway): AsyncGenerator<[string, string]> {
  const ask = (path: string, accept = "application/json") =>
    fetch(gateway.url + path, { headers: { authorization: `Bearer ${adminToken}`, accept } });
  const document = (await (await ask("/admin/docs/json")).json()) as { paths: Record<string, { get?: object }> };
  const paths = Object.entries(document.paths).flatMap(([path, { get }]) => (get ? [path] : []));
  expect(paths).toContain("/admin/egress");
  const traces = await (await ask("/admin/traces?limit=200")).text();
  const ids = [...new Set(traces.match(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g) ?? [])];
  for (const path of paths) {
    const isTrace = path.includes("/traces/");
    const values = isTrace ? ids.slice(0, 40) : path.includes("/sessions/") ? ["s-1"] : ["ada", "openai"];
    const asked = path.includes("{") ? values.map((value) => path.replace(/\{\w+\}/g, value)) : [path];
    for (const each of asked) {
      for (const accept of ["application/json", "application/x-ndjson", "text/csv"]) {
        const response = await ask(each, accept);
        const heads = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
        yield [`GET ${each} (${accept})`, `${heads}\n\n${await response.text()}`];
      }
    }
  }
}

async function everythingSaid({ gateway, optimizerUrl, optimizerOutput }: World): Promise<[string, string][]> {
  const said: [string, string][] = [
    ["the gateway's log", gateway.output()],
    ["the optimizer's log", optimizerOutput()],
    ["the optimizer's metrics", await (await fetch(`${optimizerUrl}/metrics`)).text()],
    ["the gateway's metrics", await (await fetch(`${gateway.url}/metrics`)).text()],
  ];
  for await (const answer of adminAnswers(gateway)) said.push(answer);
  return said;
}

describe.each(modes)("in mode %s", (mode) => {
  test("the scenario did what it is for", () => {
    const { calls, provider, canary, gateway } = worldOf(mode);
    const statusOf = (name: string) => calls.find((call) => call.name === name)?.status;
    const good = ["chat whole first", "chat streamed again", "messages streamed first", "responses whole again"];
    for (const name of [...good, "completions streamed", "plain question again", "embeddings", "count", "models"])
      expect([name, statusOf(name)]).toEqual([name, 200]);
    expect([statusOf("no json"), statusOf("unknown provider"), statusOf("capped")]).toEqual([400, 400, 429]);
    for (const { name, text } of calls.filter((call) => good.includes(call.name)))
      expect([name, text.includes(canary)]).toEqual([name, true]);
    expect(provider.received.join("")).toContain(canary);
    expect(gateway.output().length).toBeGreaterThan(0);
  });

  test("and every place where content could be left was used", async () => {
    const { calls, canary, gateway, dataDir } = worldOf(mode);
    const isKept = mode !== "off";
    const retrieved = calls.filter(({ name, text }) => name === "mcp retrieve" && text.includes(canary));
    expect(retrieved.length > 0).toBe(isKept);
    const outcomes = new Set((await gateway.rows()).map(({ outcome }) => outcome));
    expect([outcomes.has("optimized"), outcomes.has("cache_hit")]).toEqual([true, isKept]);
    const db = new Database(join(dataDir, "anyray.db"), { readonly: true });
    const countOf = (table: string) => db.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0;
    const [traces, contents] = [countOf("trace"), countOf("trace_content")];
    db.close();
    expect([traces > 20, contents > 20]).toEqual([true, isKept]);
  });

  test("no log, no metric and no admin answer has it", async () => {
    const world = worldOf(mode);
    const said = await everythingSaid(world);
    expect(found(world.canary, said)).toEqual([]);
    expect(said.length).toBeGreaterThan(20);
  }, 60_000);
});

describe.each(["encrypted", "off"] as const)("in mode %s", (mode) => {
  test("no file has it", () => {
    const { canary, dataDir } = worldOf(mode);
    const files = [...filesBelow(dataDir)];
    expect(files.length).toBeGreaterThan(3);
    expect(found(canary, files)).toEqual([]);
  });

  test("no export has it", () => {
    const { canary, receiver } = worldOf(mode);
    expect(receiver.spans().length).toBeGreaterThan(0);
    expect(
      found(
        canary,
        receiver.raw.map((bytes, index) => [`export ${index}`, bytes] as const),
      ),
    ).toEqual([]);
  });
});

describe("in mode plaintext", () => {
  test("it stands in the content column of traces, and in no other place of any database", () => {
    const { canary, dataDir } = worldOf("plaintext");
    const places = new Set<string>();
    for (const [path, bytes] of filesBelow(dataDir)) {
      if (!Buffer.from(bytes.subarray(0, 15)).equals(Buffer.from("SQLite format 3"))) continue;
      for (const place of columnsWith(join(dataDir, path), canary)) places.add(place);
    }
    expect([...places]).toEqual(["trace_content.data"]);
  });

  test("no file has it but the one of that column, and what waits to get there", () => {
    const { canary, dataDir } = worldOf("plaintext");
    const names = found(canary, filesBelow(dataDir));
    expect(names).not.toBeEmpty();
    for (const name of names) expect(name).toMatch(/^(anyray\.db(-wal)?|trace[^/]*\/.*)$/);
  });

  test("an export has it in the attributes of content alone", () => {
    const { canary, receiver } = worldOf("plaintext");
    const names = receiver.spans().flatMap((span) => {
      const rest = { ...span, attributes: undefined };
      const attributes = Object.entries(span.attributes).map(([name, value]) => [name, JSON.stringify(value)] as const);
      return found(canary, [
        ["the span itself", JSON.stringify(rest, (_, value) => (typeof value === "bigint" ? "" : value))],
        ...attributes,
      ]);
    });
    const content = [
      "gen_ai.input.messages",
      "gen_ai.output.messages",
      "gen_ai.system_instructions",
      "gen_ai.tool.definitions",
    ];
    expect([...new Set(names)].sort()).toEqual(content);
  });
});

test("a word that was written would be found, however it is spelt", () => {
  const canary = canaryOf("off");
  const written = [
    ...[canary, canary.toUpperCase(), `"${canary}"`, encodeURIComponent(canary), Buffer.from(canary).toString("hex")],
    ...["", "a", "bc", "def"].map((before) => Buffer.from(`${before}${canary} and more`).toString("base64")),
    Buffer.from(`x${canary}y`, "utf16le").toString("latin1"),
  ];
  for (const text of written) expect([text, found(canary, [["here", text]])]).toEqual([text, ["here"]]);
  expect(found(canary, [["here", "nothing of it"]])).toEqual([]);
});

function columnsWith(path: string, canary: string): string[] {
  const db = new Database(path, { readonly: true });
  const places: string[] = [];
  const tables = db.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  for (const { name } of tables) {
    for (const row of db.query<Record<string, unknown>, []>(`SELECT * FROM "${name}"`).iterate()) {
      for (const [column, value] of Object.entries(row)) {
        const text = value instanceof Uint8Array ? value : String(value);
        if (found(canary, [["", text]]).length > 0) places.push(`${name}.${column}`);
      }
    }
  }
  db.close();
  return places;
}
