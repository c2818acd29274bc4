// The house rules, over the whole tree. Each rule has a sample that breaks it, to prove that it can.

import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { errorsTable, variablesTable, withTables } from "../bin/readme";
import { errorTable } from "../src/errors";
import { slugVariables, variables } from "../src/variables";
import { layering, noImportCycles, testedRegistry } from "./house/imports";
import { parsed } from "./house/parsed";
import { isTypeScript, type Rule, readSources, type Source } from "./house/sources";
import { environmentInOnePlace, headersCopiedInOnePlace, outboundInOnePlace } from "./house/syntax";
import * as text from "./house/text";

const root = resolve(import.meta.dir, "../..");
const tree = readSources(root);
// Here, where no test's time runs.
for (const source of tree) if (isTypeScript(source.path)) parsed(source);

interface HouseRule {
  says: string;
  rule: Rule;
  /** Path → text; every one must be found. */
  broken: Record<string, string>;
  /** Path → text; none may be found. */
  kept: Record<string, string>;
}

const lines = (count: number) => "x\n".repeat(count);

const rules: HouseRule[] = [
  {
    says: "a file has at most 300 lines; tables, schemas and data are exempt",
    rule: text.shortFiles,
    broken: { "gateway/src/a.ts": lines(301), "console/public/app.css": lines(301), ".ci/run": lines(301) },
    kept: {
      "gateway/src/a.ts": lines(300),
      "shared/src/variables.ts": lines(301),
      "shared/src/store/spend.schema.ts": lines(301),
      "shared/src/prices/catalogue.json": lines(301),
      "shared/src/testing/cassettes/a.ts": lines(301),
      "README.md": lines(301),
    },
  },
  {
    says: "lines end in LF",
    rule: text.unixLineEnds,
    broken: { "a.ts": "a\r\nb\n", "README.md": "a\r\n" },
    kept: { "a.ts": "a\nb\n", "shared/src/testing/cassettes/a.sse": "data: x\r\n\r\n" },
  },
  {
    says: "nothing is put off in a comment",
    rule: text.nothingPutOff,
    broken: { "a.ts": `const a = 1; // ${"TO"}${"DO"}: more\n`, "README.md": `${"FIX"}${"ME"}\n` },
    kept: { "a.ts": 'test.todo("x")\nconst mastodon = 1;\n', "shared/src/prices/catalogue.json": `"${"TO"}${"DO"}"` },
  },
  {
    says: "no file names a path of some machine",
    rule: text.noMachinePaths([root, ["", "checkouts", "anyray"].join("/")]),
    broken: Object.fromEntries(
      ["home/somebody/x", "Users/somebody/x", "root/x", "checkouts/anyray", "tmp/folder/x"].map((path, index) => [
        `${index}.ts`,
        `const a = "${["", path].join("/")}";\n`,
      ]),
    ),
    kept: {
      "a.ts":
        'import "./checkouts/x"; fetch("http://h/checkouts"); "/checkoutsx"; "/rooted"; "/tmp/x"; dir + "}/checkouts"\n',
    },
  },
  {
    says: "a name says what is inside",
    rule: text.noDrawers,
    broken: {
      "gateway/src/utils.ts": "",
      "gateway/src/helpers/x.ts": "",
      "shared/src/common.ts": "",
      "console/src/cap-manager.ts": "",
      "gateway/src/chat.handler.ts": "",
      "optimizer/src/spend-service.ts": "",
      "shared/src/misc/x.ts": "",
    },
    kept: { "gateway/src/commons-clause.ts": "", "gateway/src/serviceable.ts": "", "shared/src/store/open.ts": "" },
  },
  {
    says: "every package version is pinned exactly",
    rule: text.pinnedVersions,
    broken: {
      "package.json": '{"devDependencies":{"a":"^1.2.3"}}',
      "gateway/package.json": '{"dependencies":{"a":"latest"}}',
      "shared/package.json": '{"dependencies":{"a":"npm:b@1"}}',
      "bench/package.json": '{"dependencies":{"a":"https://x.example/a.tgz"}}',
    },
    kept: {
      "package.json": '{"dependencies":{"a":"1.2.3","b":"1.2.3-beta.1","c":"npm:@s/c@1.2.3","d":"workspace:*"}}',
    },
  },
  {
    says: "one version of Bun is asked for",
    rule: text.oneBunVersion,
    broken: { "package.json": '{"packageManager":"bun@1.2.3","engines":{"bun":"1.2.4"}}' },
    kept: { "package.json": '{"packageManager":"bun@1.2.3","engines":{"bun":"1.2.3"}}' },
  },
  {
    says: "the lockfile holds no address",
    rule: text.noAddressInLockfile,
    broken: { "bun.lock": '"a": ["a@1.2.3", "https://registry.example/a.tgz", {}, "sha512-x"],\n' },
    kept: { "bun.lock": '"a": ["a@1.2.3", "", {}, "sha512-x"],\n' },
  },
  {
    says: "shared imports no other package, the services only shared, nobody the benchmark",
    rule: layering,
    broken: {
      "shared/src/a.ts": 'import { x } from "@anyray/gateway/x";\n',
      "shared/test/a.test.ts": 'import type { X } from "../../gateway/src/x";\n',
      "gateway/src/a.ts": 'export { x } from "@anyray/optimizer/x";\n',
      "console/src/a.tsx": 'const x = await import("../../gateway/src/x");\n',
      "optimizer/src/a.ts": 'type X = import("@anyray/console/x").X;\n',
      "gateway/src/b.ts": 'import "@anyray/bench/load";\n',
    },
    kept: {
      "gateway/src/a.ts": 'import { x } from "@anyray/shared/x";\nimport y from "../package.json";\nimport "elysia";\n',
      "shared/src/a.ts": 'import "./b";\n// import "@anyray/gateway/x"\nconst s = \'from "@anyray/gateway/x"\';\n',
      "bench/main.ts": 'import "@anyray/gateway/x";\n',
    },
  },
  {
    says: "no import cycle",
    rule: (sources) => noImportCycles(sources).flatMap((cycle) => cycle.split(": ")[0]?.split(" ↔ ") ?? []),
    broken: {
      "gateway/src/a.ts": 'import { b } from "./steps/b";\n',
      "gateway/src/steps/b.ts": 'export * from "../c";\n',
      "gateway/src/c.tsx": 'import "./a";\n',
      "shared/src/d.ts": 'import "@anyray/shared/e";\n',
      "shared/src/e.ts": 'const d = await import("./d");\n',
      "bench/self.ts": 'import "./self";\n',
    },
    kept: {
      "gateway/src/a.ts": 'import { b } from "./b";\nimport { c } from "./c";\n',
      "gateway/src/b.ts": 'import { c } from "./c";\nimport type { a } from "./a";\n',
      "gateway/src/c.ts": 'import "@anyray/shared/f";\n',
      "shared/src/f.ts": 'import "node:fs";\n',
    },
  },
  {
    says: "the environment is read in shared/src/env.ts only",
    rule: environmentInOnePlace,
    broken: {
      "gateway/src/a.ts": "const port = process.env.PORT;\n",
      "gateway/src/b.ts": 'const port = Bun.env["PORT"];\n',
      "gateway/src/c.ts": 'const { env } = process;\nconst all = process["env"];\n',
      "gateway/src/d.ts": 'import { env as e } from "node:process";\n',
      "console/src/e.tsx": "const mode = import.meta.env.MODE;\n",
    },
    kept: {
      "shared/src/env.ts": "process.env;\n",
      "shared/bin/a.ts": "process.env;\n",
      "gateway/src/a.test.ts": "process.env;\n",
      "gateway/test/a.ts": "process.env;\n",
      "shared/src/testing/a.ts": "process.env;\n",
      "bench/a.ts": "process.env;\n",
      "gateway/src/a.ts": "// process.env\nconst { env } = config; config.env; process.exit();\n",
    },
  },
  {
    says: "calls go out through shared/src/outbound.ts only",
    rule: outboundInOnePlace,
    broken: {
      "gateway/src/a.ts": 'await fetch("http://x.example");\n',
      "gateway/src/b.ts": "const send = globalThis.fetch;\n",
      "gateway/src/c.ts": "const deps = { fetch };\n",
      "gateway/src/d.ts": "export function run(send = fetch) {}\n",
      "gateway/src/e.ts": "Bun.fetch(url);\n",
      "optimizer/src/a.ts": "await Bun.connect({ hostname, port, socket });\n",
      "console/src/a.tsx": 'new WebSocket("wss://x.example");\n',
      "shared/src/a.ts": 'import { request } from "node:http";\n',
      "shared/src/b.ts": 'import https from "https";\n',
      "shared/src/c.ts": 'import * as tls from "node:tls";\n',
      "shared/src/d.ts": 'import { isIP, connect } from "node:net";\n',
      "shared/src/e.ts": 'import { lookup } from "node:dns/promises";\n',
      "shared/src/f.ts": 'import { dns } from "bun";\n',
      "shared/src/g.ts": 'const { request } = await import("node:https");\n',
      "shared/src/h.ts": 'const net = require("net");\n',
      "shared/src/i.ts": 'await Bun["udpSocket"]({});\n',
      "shared/src/j.ts": 'import { request } from "undici";\n',
      "shared/bin/a.ts": "await fetch(url);\n",
    },
    kept: {
      "shared/src/outbound.ts": "fetch(url);\n",
      "gateway/test/a.test.ts": "fetch(url);\n",
      "shared/bin/ready.ts": 'import { get } from "node:http";\n',
      "shared/bin/a.test.ts": "fetch(url);\n",
      "optimizer/src/a.ts": 'import { isIP } from "node:net";\nimport type { Socket } from "node:net";\n',
      "shared/src/a.ts": 'import { type Server, serve } from "bun";\nclient.connect(); db.dns; Bun.serve({});\n',
      "gateway/src/a.ts": [
        "Bun.serve({ fetch(request) { return app.fetch(request); } });",
        "interface Deps { fetch: typeof fetch; prefetch(url: string): void }",
        "const { fetch: send } = deps; deps.fetch(url); // fetch(url)",
      ].join("\n"),
    },
  },
  {
    says: "headers are copied in gateway/src/providers/headers.ts only",
    rule: headersCopiedInOnePlace,
    broken: {
      "gateway/src/a.ts": "const out = new Headers(request.headers);\n",
      "gateway/src/b.ts": "return new Response(body, { status, headers: upstream.headers });\n",
      "gateway/src/c.ts": "const list = [...request.headers];\n",
      "gateway/src/d.ts": "Object.fromEntries(request.headers.entries());\n",
      "gateway/src/e.ts": 'send(new Request("http://x.example", { headers: call["headers"] }));\n',
    },
    kept: {
      "gateway/src/providers/headers.ts": "new Headers(request.headers);\n",
      "gateway/src/a.ts": [
        'const out = new Headers({ "content-type": "text/plain" }); const none = new Headers();',
        "const outcome = { status, headers: upstream.headers };",
        'request.headers.get("x");',
      ].join("\n"),
    },
  },
];

describe.each(rules)("$says", ({ rule, broken, kept }) => {
  test("here", () => {
    expect(rule(tree)).toEqual([]);
  });

  test("and a breach would be found", () => {
    const asSources = (files: Record<string, string>): Source[] =>
      Object.entries(files).map(([path, content]) => ({ path, text: content }));
    const found = rule(asSources(broken));
    expect(Object.keys(broken).filter((path) => !found.some((fault) => fault.startsWith(path)))).toEqual([]);
    expect(rule(asSources(kept))).toEqual([]);
  });
});

describe("everything a registry lists has a test", () => {
  test.each(["gateway/src/endpoints/registry.ts", "gateway/src/providers/registry.ts"])("%s", (registry) => {
    expect(testedRegistry(registry)(tree)).toEqual([]);
  });

  test("and one without would be found", () => {
    const registry = {
      path: "gateway/src/endpoints/registry.ts",
      text: [
        'import { chat } from "./chat";',
        'import type { Endpoint } from "./endpoint";',
        'import { messages } from "./messages";',
        'import { other } from "./other";',
        'import { z } from "@anyray/shared/z";',
      ].join("\n"),
    };
    const there = ["endpoints/chat.ts", "endpoints/messages.ts", "endpoints/other.ts", "endpoints/chat.test.ts"];
    const sources = there.map((path) => ({ path: `gateway/src/${path}`, text: "" }));
    const behaviour = { path: "gateway/test/messages.stream.test.ts", text: "" };
    const near = { path: "gateway/test/another.test.ts", text: "" };
    expect(testedRegistry(registry.path)([registry, ...sources, behaviour, near])).toEqual([
      "gateway/src/endpoints/registry.ts:4: gateway/src/endpoints/other.ts has no test",
    ]);
    expect(testedRegistry(registry.path)(sources)).toEqual(["gateway/src/endpoints/registry.ts: is missing"]);
  });
});

describe("the README's tables", () => {
  const readme = tree.find(({ path }) => path === "README.md")?.text ?? "";

  test("are those of the code; bun shared/bin/readme.ts --write brings them up to date", () => {
    expect(withTables(readme)).toBe(readme);
  });

  test("name every variable and every error code", () => {
    const names = [
      ...Object.keys(variables),
      ...Object.keys(slugVariables).map((prefix) => `${prefix}<SLUG>`),
      ...Object.keys(errorTable),
    ];
    expect(names.filter((name) => !readme.includes(`\n| \`${name}\` `))).toEqual([]);
  });

  test("and a stale, doubled or missing one would be found", () => {
    const stale = "a\n<!-- variables -->\nold\n<!-- /variables -->\nb\n<!-- errors -->\n<!-- /errors -->\nc\n";
    expect(withTables(stale)).toBe(
      `a\n<!-- variables -->\n${variablesTable()}<!-- /variables -->\nb\n<!-- errors -->\n${errorsTable()}<!-- /errors -->\nc\n`,
    );
    expect(() => withTables(stale.replace("<!-- errors -->", ""))).toThrow("errors");
    expect(() => withTables(`${stale}<!-- variables -->`)).toThrow("variables");
  });

  test("keep a bar inside a cell from ending it", () => {
    for (const line of variablesTable().trimEnd().split("\n")) {
      expect(line.split(/(?<!\\)\|/)).toHaveLength(6);
    }
  });
});
