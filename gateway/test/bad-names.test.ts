// Promise: whoever a caller says it is, in whatever form, it is served; and a name is kept exactly, or not at all.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { CapsReport, UsageReport } from "@anyray/shared/admin/caps";
import { type BadWorld, chatBody, expectError, openBadWorld, promptCanary } from "./bad-world";
import { headersNamed } from "./raw-http";

// A start alone takes seconds on a busy machine.
setDefaultTimeout(20_000);

let world: BadWorld;
beforeAll(async () => {
  world = await openBadWorld();
});
afterAll(() => world.stop());

const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, nth) => [`label-${nth}`, nth]));
const long = "x".repeat(129);

const malformed = [
  ...["", " ", "{", "}", "[]", "null", "1", "true", '"ada"', "ada", "user=ada", "{'user':'ada'}", '{"user":"ada"'],
  ...['{"user":"ada",}', '{"user":{}}', '{"user":["ada"]}', '{"user":true}', '{"user":1.5}', '{"user":1e300}'],
  ...['{"user":"a\\u0000b"}', '{"user":"a\\nb"}', '{"user":"a\\u202eb"}', '{"user":"a\\u2066b"}', '{"user":"\\u200b"}'],
  ...['{"user":"\\ud800"}', '{"team":"\\udfff!"}', '{"user":"a\\ufeffda"}', `{"user":"${long}"}`, `{"team":"${long}"}`],
  ...[`{"session":"${long}"}`, `{"tool":"${long}"}`, `{"label":"${long}"}`, `{"${long}":1}`, '{"a\\u0007":1}'],
  ...['{"label":{}}', '{"label":[1]}', JSON.stringify(many(17)), '{"user":"ada","label":"a\\u2029b"}'],
  ...[`{"pad":"${"x".repeat(9_000)}"}`, `{"user":"ada","a":${"[".repeat(4_000)}${"]".repeat(4_000)}}`],
  ...["[".repeat(8_000), `${'{"a":'.repeat(1_600)}1${"}".repeat(1_600)}`, "{}{}", '{"user":"ada"}, {"user":"bob"}'],
  ...['{"\\u0000":1}', "\\x7b\\x7d", '{"user":undefined}', "NaN"],
];

test("metadata that is not understood: the call passes unattributed, with a warning, and is counted", async () => {
  await world.unharmed(async () => {
    const before = await world.metric("anyray_metadata_invalid_total");
    for (const metadata of malformed) {
      const answer = await world.call(metadata);
      expect([metadata, answer.status, headersNamed(answer, "x-anyray-warning")]).toEqual([
        metadata,
        200,
        ["metadata-invalid"],
      ]);
      expect(await world.metric("anyray_metadata_invalid_total")).toBe(before + 1 + malformed.indexOf(metadata));
    }
    const rows = await world.gateway.rows();
    expect(rows).toHaveLength(malformed.length);
    for (const row of rows) {
      const { user, team, session, tool, labels } = row;
      expect({ user, team, session, tool, labels }).toEqual({
        user: null,
        team: null,
        session: null,
        tool: null,
        labels: null,
      });
    }
  });
});

test("two metadata headers are two claims, and neither is believed; a stream is warned too", async () => {
  await world.unharmed(async () => {
    const headers = [
      ["content-type", "application/json"],
      ["x-anyray-metadata", '{"user":"ada"}'],
      ["x-anyray-metadata", '{"user":"bob"}'],
    ] as const;
    for (const stream of [false, true]) {
      const answer = await world.ask("POST", "/v1/chat/completions", headers, JSON.stringify({ ...chatBody, stream }));
      expect([answer.status, headersNamed(answer, "x-anyray-warning")]).toEqual([200, ["metadata-invalid"]]);
      expect((await world.gateway.rows())[0]).toMatchObject({ user: null, stream });
    }
  });
});

const hostile = [
  ...["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "__defineGetter__", "valueOf"],
  ...["😀", "Zoë", "日本語", "עברית", "<script>alert(1)</script>", "=cmd|'/c calc'!A1", "'; DROP TABLE spend;--"],
  ...['"', "\\", "a/b", "../../etc/passwd", "%2e%2e", "%00", "a b", "null", "undefined", "NaN", "0", "-0", "[]", "{}"],
  ...["#{x}", "{{x}}", "a,b", "a;b", "a\u00a0b", "x".repeat(128), "é".repeat(128), "💥".repeat(64)],
];

test("hostile names are kept as they are, in rows, sums, caps and pages", async () => {
  await world.unharmed(async () => {
    for (const name of hostile) {
      const metadata = { user: name, team: name, session: name, tool: name, [`l ${name}`.slice(0, 128)]: name };
      const answer = await world.call(JSON.stringify(metadata), { ...chatBody, model: name, user: name });
      // The fake provider has no such model, and says so itself.
      expect([name, answer.status < 500, headersNamed(answer, "x-anyray-warning")]).toEqual([name, true, []]);
      expect([name, headersNamed(answer, "x-anyray-error")]).toEqual([name, []]);
    }
    const rows = (await world.gateway.rows()).filter(({ user }) => hostile.includes(user ?? "")).reverse();
    expect(rows.map(({ user, team, session, tool, model }) => [user, team, session, tool, model])).toEqual(
      hostile.map((name) => [name, name, name, name, name]),
    );
    expect(rows.map(({ labels }) => Object.entries(labels ?? {}))).toEqual(
      hostile.map((name) => [[`l ${name}`.slice(0, 128), name]]),
    );
    const { groups } = await world.gateway.admin<{ groups: { key: { user: string }; requests: number }[] }>(
      "GET",
      "/admin/spend?groupBy=user&limit=500",
    );
    for (const name of hostile) {
      expect(groups.filter(({ key }) => key.user === name)).toMatchObject([{ requests: 1 }]);
      const usage = await world.gateway.admin<UsageReport>("GET", `/admin/usage/${encodeURIComponent(name)}`);
      expect([usage.user, usage.requests]).toEqual([name, 1]);
    }
    await world.gateway.admin("PUT", "/admin/user-caps", { caps: hostile.map((user) => ({ user, monthlyTokens: 0 })) });
    for (const user of hostile) expect((await world.call(JSON.stringify({ user }))).status).toBe(429);
    expect((await world.call('{"user":"proto"}')).status).toBe(200);
    const { caps } = await world.gateway.admin<CapsReport>("GET", "/admin/user-caps");
    expect(new Set(caps.map(({ user }) => user))).toEqual(new Set(hostile));
    for (const { rejectedRequests, state } of caps) expect([rejectedRequests, state]).toEqual([1, "over"]);
  });
});

test("labels may have any name, the prototype's too, and change nothing else", async () => {
  await world.unharmed(async () => {
    const metadata = '{"user":"ada","__proto__":"x","constructor":1,"toString":true,"hasOwnProperty":"y"}';
    expect((await world.call(metadata)).status).toBe(200);
    const [row] = await world.gateway.rows("user=ada");
    expect(Object.entries(row!.labels!)).toEqual([
      ["__proto__", "x"],
      ["constructor", 1],
      ["toString", true],
      ["hasOwnProperty", "y"],
    ]);
  });
});

test("spellings of a name that look the same are one user; aliases and numbers are taken, nothing is nobody", async () => {
  await world.unharmed(async () => {
    for (const [metadata, user, team] of [
      ['{"user":"Ame\\u0301lie"}', "Amélie", null],
      ['{"userId":"  spaced  ","teamId":7}', "spaced", "7"],
      ['{"user":42}', "42", null],
      ['{"user":"first","userId":"second"}', "first", null],
      ['{"user":"","team":null,"x":null}', null, null],
      ['{"user":"   "}', null, null],
      ["{}", null, null],
      [JSON.stringify({ user: "full", ...many(16) }), "full", null],
    ] as const) {
      const answer = await world.call(metadata);
      expect([metadata, answer.status, headersNamed(answer, "x-anyray-warning")]).toEqual([metadata, 200, []]);
      expect((await world.gateway.rows())[0]).toMatchObject({ user, team });
    }
  });
});

test("a model of any text goes to its provider as it is; what cannot be kept of it is not kept", async () => {
  const odd: [model: unknown, kept: string | null][] = [
    ["m".repeat(1_048_576), null],
    ["m".repeat(256), "m".repeat(256)],
    ["gpt-4o\u0000", null],
    ["gpt-4o\u009b31m", null],
    ["", null],
    [null, null],
    [7, null],
    [{ toString: "x" }, null],
    [["gpt-4o"], null],
    ["__proto__/x", "__proto__/x"],
    ["constructor/gpt-4o", "constructor/gpt-4o"],
    ["openai/", "openai/"],
    ["/gpt-4o", "/gpt-4o"],
    ["//", "//"],
    ["openai/gpt-4o", "gpt-4o"],
    ["OpenAI/gpt-4o", "gpt-4o"],
  ];
  await world.unharmed(async () => {
    for (const [model, kept] of odd) {
      const answer = await world.call('{"user":"odd"}', { ...chatBody, model });
      const shown = JSON.stringify(model).slice(0, 40);
      expect([shown, answer.status < 500, headersNamed(answer, "x-anyray-error")]).toEqual([shown, true, []]);
      const sent = JSON.parse(Buffer.from(world.fake.received.at(-1)!.body).toString());
      expect(JSON.stringify(sent.model) === JSON.stringify(kept ?? model)).toBe(true);
      expect((await world.gateway.rows())[0]?.model).toBe(kept);
    }
  });
});

test("a lone surrogate in a model or a text harms neither the call nor its row", async () => {
  await world.unharmed(async () => {
    const body = `{"model":"gpt-4o\\ud800","messages":[{"role":"user","content":"\\udfff ${promptCanary}"}]}`;
    const answer = await world.ask("POST", "/v1/chat/completions", [["content-type", "application/json"]], body);
    expect(headersNamed(answer, "x-anyray-error")).toEqual([]);
    expect(Buffer.from(world.fake.received.at(-1)!.body).toString()).toBe(body);
    const before = await world.gateway.admin<{ spool: { quarantined: number } }>("GET", "/admin/health");
    expect(before.spool.quarantined).toBe(0);
    expect((await world.gateway.rows())[0]?.status).toBe(answer.status);
  });
});

test("a provider nobody configured is a clear 400 that lists the known ones, and reaches none", async () => {
  await world.unnoticed(async () => {
    for (const slug of [
      "nobody",
      "__proto__",
      "constructor",
      "openai ,x",
      "..",
      "x".repeat(5_000),
      "\xff\xfe",
      "openai/",
    ]) {
      const headers = [
        ["content-type", "application/json"],
        ["x-anyray-provider", slug],
      ] as const;
      for (const [protocol, path] of [
        ["openai", "/v1/chat/completions"],
        ["anthropic", "/v1/messages"],
        ["openai", "/v1/files"],
      ] as const) {
        expectError(await world.ask("POST", path, headers, JSON.stringify(chatBody)), {
          status: 400,
          code: "unknown_provider",
          type: "invalid_request_error",
          protocol,
          message: /Known providers: anthropic, openai\.$/,
        });
      }
    }
  });
  const good = await world.ask("GET", "/v1/models", [["x-anyray-provider", " OpenAI "]]);
  expect(good.status).toBe(200);
});
