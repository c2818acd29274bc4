import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { callerCredential, headerBytes, headersForCaller, headersForProvider } from "./headers";

type Pairs = [name: string, value: string][];

const hopByHop = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
];
const aboutTheNetwork = [
  "cookie",
  "forwarded",
  "via",
  "x-real-ip",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
];
const credentials = ["authorization", "x-api-key", "api-key"];

const toProvider = (pairs: Pairs, isStream = false) => [...headersForProvider(new Headers(pairs), isStream)] as Pairs;
const toCaller = (pairs: Pairs) => [...headersForCaller(new Headers(pairs))] as Pairs;
const names = (pairs: Pairs) => pairs.map(([name]) => name);
const cased = (name: string) => [name, name.toUpperCase(), name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase())];

describe("to the provider", () => {
  test("go all end-to-end headers, unknown ones too, as they are", () => {
    const kept: Pairs = [
      ["anthropic-beta", "a,b"],
      ["anthropic-version", "2023-06-01"],
      ["content-encoding", "gzip"],
      ["content-type", "application/json; charset=utf-8"],
      ["idempotency-key", "k"],
      ["openai-organization", "org"],
      ["user-agent", "some/1.0"],
      ["x-stainless-lang", "js"],
      ["x-unheard-of", 'Zo\u00eb "quoted", listed'],
    ];
    expect(toProvider([...kept, ["accept-encoding", "br"]])).toEqual([["accept-encoding", "br"], ...kept]);
    expect(
      toProvider([
        ["x-many", "1"],
        ["x-many", "2"],
      ]),
    ).toContainEqual(["x-many", "1, 2"]);
  });

  test("goes nothing of one connection, of the caller's network, or of ours", () => {
    const ours = [
      "x-anyray-metadata",
      "x-anyray-provider",
      "x-anyray-optimize",
      "x-anyray-test",
      "x-anyray-",
      "x-anyray-new-one",
    ];
    for (const name of [...hopByHop, ...aboutTheNetwork, ...credentials, ...ours, "host", "content-length", "expect"]) {
      for (const spelling of cased(name)) {
        expect([
          spelling,
          names(
            toProvider([
              [spelling, "x"],
              ["x-kept", "1"],
            ]),
          ),
        ]).toEqual([spelling, ["accept-encoding", "x-kept"]]);
      }
    }
    // Only the prefix is ours.
    expect(
      names(
        toProvider([
          ["x-anyrayed", "1"],
          ["x-any", "1"],
        ]),
      ),
    ).toEqual(["accept-encoding", "x-any", "x-anyrayed"]);
  });

  test("goes nothing that the connection header declares its own", () => {
    for (const value of [
      "x-private",
      "close, X-Private",
      "keep-alive,x-private , x-other",
      "X-PRIVATE,",
      " , x-private",
    ]) {
      expect(
        names(
          toProvider([
            ["connection", value],
            ["x-private", "secret"],
            ["x-kept", "1"],
          ]),
        ),
      ).toEqual(["accept-encoding", "x-kept"]);
    }
    expect(
      names(
        toProvider([
          ["connection", "close"],
          ["connection", "x-private"],
          ["x-private", "secret"],
        ]),
      ),
    ).toEqual(["accept-encoding"]);
    expect(
      names(
        toProvider([
          ["connection", "keep-alive"],
          ["x-kept", "1"],
        ]),
      ),
    ).toEqual(["accept-encoding", "x-kept"]);
  });

  test("goes the caller's accept-encoding, but streams and callers that name none get no compression", () => {
    expect(toProvider([["accept-encoding", "gzip, br"]])).toEqual([["accept-encoding", "gzip, br"]]);
    expect(toProvider([["accept-encoding", "gzip, br"]], true)).toEqual([["accept-encoding", "identity"]]);
    expect(toProvider([])).toEqual([["accept-encoding", "identity"]]);
    expect(
      toProvider([
        ["connection", "accept-encoding"],
        ["accept-encoding", "gzip"],
      ]),
    ).toEqual([["accept-encoding", "identity"]]);
  });
});

describe("to the caller", () => {
  test("go all end-to-end headers as they are, each cookie by itself", () => {
    const kept: Pairs = [
      ["content-encoding", "gzip"],
      ["content-type", "text/event-stream"],
      ["openai-processing-ms", "12"],
      ["request-id", "req_1"],
      ["retry-after", "1"],
      ["x-ratelimit-remaining-tokens", "0"],
      ["x-request-id", "req_1"],
      ["x-should-retry", "true"],
    ];
    expect(toCaller(kept)).toEqual(kept);
    const cookies: Pairs = [
      ["set-cookie", "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT"],
      ["set-cookie", "b=2"],
    ];
    expect(toCaller(cookies)).toEqual(cookies);
    expect(headersForCaller(new Headers(cookies)).getSetCookie()).toHaveLength(2);
  });

  test("goes nothing of one connection, and nothing that would be taken for ours", () => {
    for (const name of [
      ...hopByHop,
      "content-length",
      "alt-svc",
      "strict-transport-security",
      "x-anyray-cost-usd",
      "x-anyray-warning",
    ]) {
      for (const spelling of cased(name))
        expect(
          names(
            toCaller([
              [spelling, "x"],
              ["x-kept", "1"],
            ]),
          ),
        ).toEqual(["x-kept"]);
    }
    expect(
      names(
        toCaller([
          ["connection", "close, X-Private"],
          ["x-private", "1"],
          ["x-kept", "1"],
        ]),
      ),
    ).toEqual(["x-kept"]);
  });
});

test("whatever the headers, what is private to a connection passes neither way, and the rest passes unchanged", () => {
  const letters = fc.constantFrom(..."abcxyzABC0123456789-_!#");
  const token = fc.string({ unit: letters, minLength: 1, maxLength: 12 }).map((rest) => `x-${rest}`);
  const name = fc.oneof(
    { weight: 3, arbitrary: token },
    fc.constantFrom(...hopByHop, ...credentials, "X-Anyray-Test", "x-anyray-a"),
  );
  const value = fc.string({ unit: fc.constantFrom(...'ab ,;="\u00e9'), maxLength: 12 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, value), { maxLength: 12 }),
      fc.array(token, { maxLength: 3 }),
      (pairs, nominated) => {
        const headers = new Headers([...pairs, ["Connection", nominated.join(", ")]]);
        const declared = new Set((headers.get("connection") ?? "").toLowerCase().split(/\s*,\s*/));
        for (const copied of [headersForProvider(headers, false), headersForCaller(headers)]) {
          for (const [key, copy] of copied) {
            expect(hopByHop).not.toContain(key);
            expect(key.startsWith("x-anyray-")).toBe(false);
            if (key !== "accept-encoding") expect(declared.has(key)).toBe(false);
            if (key !== "accept-encoding") expect(copy).toBe((headers.get(key) as string).trim());
          }
          for (const [key] of headers) {
            const isPrivate = hopByHop.includes(key) || declared.has(key) || key.startsWith("x-anyray-");
            if (!isPrivate && !credentials.includes(key)) expect([key, copied.has(key)]).toEqual([key, true]);
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});

describe("the caller's credential", () => {
  const read = (pairs: Pairs) => callerCredential(new Headers(pairs));
  const none = { bearer: null, apiKey: null, otherScheme: null };

  test("is the bearer token, however it is spelled, and either key header", () => {
    for (const value of ["Bearer t", "bearer t", "BEARER  t", "Bearer\tt ", " Bearer t"]) {
      expect(read([["authorization", value]])).toEqual({ ...none, bearer: "t" });
    }
    expect(read([["x-api-key", " k "]])).toEqual({ ...none, apiKey: "k" });
    expect(read([["api-key", "k"]])).toEqual({ ...none, apiKey: "k" });
    expect(
      read([
        ["api-key", "azure"],
        ["x-api-key", "k"],
        ["authorization", "Bearer t"],
      ]),
    ).toEqual({ ...none, bearer: "t", apiKey: "k" });
  });

  test("of another scheme is kept whole", () => {
    for (const value of ["Basic dTpw", "bearertoken", "sk-raw", "Token t"]) {
      expect(read([["authorization", value]])).toEqual({ ...none, otherScheme: value });
    }
  });

  test("is none where the headers are empty", () => {
    for (const value of ["", " ", "Bearer", "Bearer ", "bearer\t"]) {
      expect([
        value,
        read([
          ["authorization", value],
          ["x-api-key", ""],
        ]),
      ]).toEqual([value, none]);
    }
    expect(read([])).toEqual(none);
    expect(
      read([
        ["x-api-key", ""],
        ["api-key", "k"],
      ]),
    ).toEqual({ ...none, apiKey: "k" });
  });
});

test("header bytes are those of the lines on the wire", () => {
  expect(headerBytes(new Headers())).toBe(0);
  expect(headerBytes(new Headers({ "x-a": "12", "x-bc": "" }))).toBe("x-a: 12\r\n".length + "x-bc: \r\n".length);
});
