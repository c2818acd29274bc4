// Owns values for every variable, for tests: those it takes, with what they are read as, and those it refuses.

import type { slugVariables, variables } from "../variables";

export const hex = "0123456789abcdef".repeat(4);
const base64 = Buffer.from(hex, "hex").toString("base64");

const text = {
  good: [
    ["x", "x"],
    [" x ", "x"],
  ],
  bad: [],
} as const;
const count = (min: number, max: number) => ({
  good: [
    [String(min), min],
    [String(max), max],
    [`0${max}`, max],
    [` ${max} `, max],
  ] as const,
  bad: [String(min - 1), String(max + 1), "1.5", "1e3", "0x10", "+1", "1_000", "many", "99999999999999999999", "١"],
});
const choice = (...of: string[]) => ({
  good: of.map((value) => [value, value] as const),
  bad: ["x", (of[0] ?? "").toUpperCase(), of.join(",")],
});
const flag = {
  good: [
    ["true", true],
    ["false", false],
  ],
  bad: ["1", "yes", "TRUE", "on"],
} as const;
const keyList = {
  good: [
    [hex, [hex]],
    [`${hex},${base64}`, [hex, base64]],
    [` ${hex} ,\n${base64}, `, [hex, base64]],
  ],
  bad: [`${hex},short`, "x", `${hex}${hex}`, `${hex};${base64}`],
} as const;
const url = {
  good: ["http://h", "https://h:1/a/v1", "HTTP://h"].map((value) => [value, value] as const),
  bad: [
    "h",
    "h:80",
    "ftp://h",
    "http://",
    "http://a b",
    "file:///x",
    "javascript:1",
    "/v1",
    "https:h",
    "http://u:p@h",
    "http://h#a",
  ],
};
const proxyUrl = {
  good: [...url.good, ["http://user:password@proxy:3128", "http://user:password@proxy:3128"] as const],
  bad: url.bad.filter((value) => !/[@#]/.test(value)),
};
const credential = { good: text.good, bad: ["a b", "a\nb", "schlüssel"] };
const key = {
  good: [hex, hex.toUpperCase(), base64, base64.replace("=", "")].map((value) => [value, value] as const),
  bad: ["x", hex.slice(1), `${hex}0`, base64.slice(2), `${base64}A`, "g".repeat(64), "!".repeat(43)],
};

/** Values that are accepted, with what they are read as, and values that are not. */
export const samples: Record<
  keyof typeof variables,
  { good: readonly (readonly [string, unknown])[]; bad: readonly string[] }
> = {
  ANYRAY_GATEWAY_HOST: text,
  ANYRAY_GATEWAY_PORT: count(0, 65_535),
  ANYRAY_OPTIMIZER_HOST: text,
  ANYRAY_OPTIMIZER_PORT: count(0, 65_535),
  ANYRAY_OPTIMIZER_URL: url,
  ANYRAY_OPTIMIZER_TOKEN: credential,
  ANYRAY_OPTIMIZER_TIMEOUT_MS: count(1, 800),
  ANYRAY_ATTACH: flag,
  ANYRAY_DATA_DIR: text,
  ANYRAY_ADMIN_TOKEN: text,
  ANYRAY_CONTENT_KEY: key,
  ANYRAY_CONTENT_KEYS_OLD: keyList,
  ANYRAY_CONTENT_MODE: choice("encrypted", "off", "plaintext"),
  ANYRAY_ALLOW_PLAINTEXT: flag,
  ANYRAY_AUDIT_KEY: key,
  ANYRAY_AUDIT_KEYS_OLD: keyList,
  ANYRAY_KILL_SWITCH: flag,
  ANYRAY_PROVIDER_DEFAULT_OPENAI: text,
  ANYRAY_PROVIDER_DEFAULT_ANTHROPIC: text,
  ANYRAY_ON_ABORT: choice("cancel", "drain"),
  ANYRAY_DRAIN_MAX_MS: count(1, 600_000),
  ANYRAY_UPSTREAM_TTFB_MS: count(1, 3_600_000),
  ANYRAY_UPSTREAM_IDLE_MS: count(1, 3_600_000),
  ANYRAY_UPSTREAM_HTTP2: flag,
  ANYRAY_HTTP_PROXY: proxyUrl,
  ANYRAY_MAX_BODY_BYTES: count(1_024, 1_073_741_824),
  ANYRAY_MAX_HEADER_BYTES: count(1_024, 65_536),
  ANYRAY_MAX_CONCURRENCY: count(1, 60_000),
  ANYRAY_CLIENT_IDLE_SECONDS: count(1, 255),
  ANYRAY_SHUTDOWN_DRAIN_MS: count(0, 3_600_000),
  ANYRAY_REPORT_TZ: {
    good: [
      ["Europe/Berlin", "Europe/Berlin"],
      ["UTC", "UTC"],
      ["Asia/Kolkata", "Asia/Kolkata"],
    ],
    bad: ["Mars/Base", "Europe", "GMT+25", "Europe/Berlin,UTC"],
  },
  ANYRAY_SPEND_RETENTION_DAYS: count(0, 36_500),
  ANYRAY_TRACE_RETENTION_DAYS: count(0, 36_500),
  ANYRAY_TRACE_MAX_BYTES: count(0, 1_099_511_627_776),
  ANYRAY_SPEND_FSYNC: choice("group", "always"),
  ANYRAY_SPOOL_MAX_BYTES: count(1_048_576, 1_099_511_627_776),
  ANYRAY_TRACES: flag,
  ANYRAY_TRACE_SPOOL_MAX_BYTES: count(16_777_216, 1_099_511_627_776),
  ANYRAY_OTLP_URL: url,
  ANYRAY_OTLP_HEADERS: {
    good: [
      [
        "Authorization=Basic cGs6c2s=, x-of=a%2Cb",
        new Map([
          ["authorization", "Basic cGs6c2s="],
          ["x-of", "a,b"],
        ]),
      ],
    ],
    bad: ["x", "=x", "a b=x", "a=%0A", "a=%zz", "host=x", "content-length=1", "a=ü"],
  },
  ANYRAY_OTLP_PROTOCOL: choice("http/protobuf", "http/json"),
  ANYRAY_TRACE_URL_TEMPLATE: {
    good: ["https://h/{traceId}", "http://h:3000/x?i={id}&s={session}"].map((value) => [value, value] as const),
    bad: ["https://h/", "https://h/{session}", "https://{id}.h/", "ftp://h/{id}", "{id}", "https://u:p@h/{id}"],
  },
  ANYRAY_LOG_LEVEL: choice("debug", "info", "warn", "error"),
};
export const slugSamples: Record<keyof typeof slugVariables, (typeof samples)[keyof typeof variables]> = {
  ANYRAY_PROVIDER_URL_: url,
  ANYRAY_PROVIDER_KEY_: credential,
  ANYRAY_PROVIDER_ON_ABORT_: choice("cancel", "drain"),
};
