// Owns the table of variables: name, meaning, default, what is accepted. The README's table is made from it.

export interface Variable<T> {
  /** Shown in the README's table and in the message about a bad value. */
  accepts: string;
  meaning: string;
  /** As written in the README; null = unset. */
  default: string | null;
  secret: boolean;
  /** Returns undefined for a value that is not accepted. */
  parse(text: string): T | undefined;
}

type Spec = { meaning: string; default?: string };

function text(spec: Spec & { secret?: boolean; accepts?: string }): Variable<string> {
  return {
    accepts: spec.accepts ?? "any text",
    meaning: spec.meaning,
    default: spec.default ?? null,
    secret: spec.secret ?? false,
    parse: (value) => value,
  };
}

/** What can stand in a header: a key with a line end in it would make every call fail. */
function credential(spec: Spec): Variable<string> {
  return {
    accepts: "printable ASCII without spaces",
    meaning: spec.meaning,
    default: null,
    secret: true,
    parse: (value) => (/^[\x21-\x7e]+$/.test(value) ? value : undefined),
  };
}

function integer(spec: Spec & { min: number; max: number }): Variable<number> {
  return {
    accepts: `a whole number from ${spec.min} to ${spec.max}`,
    meaning: spec.meaning,
    default: spec.default ?? null,
    secret: false,
    parse(value) {
      if (!/^\d{1,16}$/.test(value)) return undefined;
      const number = Number(value);
      return number >= spec.min && number <= spec.max ? number : undefined;
    },
  };
}

function choice<const T extends string>(spec: Spec & { of: readonly T[] }): Variable<T> {
  return {
    accepts: spec.of.map((value) => `\`${value}\``).join(", "),
    meaning: spec.meaning,
    default: spec.default ?? null,
    secret: false,
    parse: (value) => spec.of.find((accepted) => accepted === value),
  };
}

const flag = (spec: Spec): Variable<boolean> => ({
  accepts: "`true`, `false`",
  meaning: spec.meaning,
  default: spec.default ?? "false",
  secret: false,
  parse: (value) => (value === "true" ? true : value === "false" ? false : undefined),
});

const port = (spec: Spec) => integer({ ...spec, min: 0, max: 65_535 });

const url = (spec: Spec & { protocols: readonly string[]; mayNameUser?: boolean }): Variable<string> => ({
  accepts: `a URL that starts with ${spec.protocols.map((protocol) => `\`${protocol}//\``).join(" or ")}${spec.mayNameUser ? "" : ", without user and fragment"}`,
  meaning: spec.meaning,
  default: spec.default ?? null,
  secret: spec.mayNameUser ?? false,
  parse(value) {
    if (!spec.protocols.some((protocol) => value.toLowerCase().startsWith(`${protocol}//`)) || !URL.canParse(value))
      return undefined;
    const { username, password, hash } = new URL(value);
    // A password would show wherever the address is shown.
    return (username || password || hash) && !spec.mayNameUser ? undefined : value;
  },
});

const http = ["http:", "https:"] as const;

/** `name=value` pairs with commas between them, as OpenTelemetry's own variable has them. */
const headerList = (spec: Spec): Variable<ReadonlyMap<string, string>> => ({
  accepts: "`name=value` pairs with commas between them",
  meaning: spec.meaning,
  default: spec.default ?? null,
  secret: true,
  parse(value) {
    const headers = new Map<string, string>();
    for (const pair of value.split(",").filter((part) => part.trim())) {
      const [, name = "", written = ""] = /^\s*([\w!#$%&'*+.^`|~-]+)\s*=\s*(.*?)\s*$/s.exec(pair) ?? [];
      const text = decoded(written);
      // What frames the request is the sender's own.
      if (
        !name ||
        text === undefined ||
        /^(host|content-(type|length|encoding)|transfer-encoding|connection)$/i.test(name)
      )
        return undefined;
      headers.set(name.toLowerCase(), text);
    }
    return headers;
  },
});

/** What can stand in a header, its percent-encoding undone. */
function decoded(written: string): string | undefined {
  try {
    const text = decodeURIComponent(written);
    return /^[\x20-\x7e]*$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

const placeholders = /\{(traceId|id|session)\}/g;

const urlTemplate = (spec: Spec): Variable<string> => ({
  accepts:
    "a URL that starts with `http://` or `https://`, with `{traceId}` or `{id}`, and `{session}`, behind its host",
  meaning: spec.meaning,
  default: spec.default ?? null,
  secret: false,
  parse(value) {
    const [origin = ""] = /^https?:\/\/[^/?#\\]+/i.exec(value) ?? [];
    const filled = value.replace(placeholders, "x");
    const isUrl = origin.length > 0 && !/[{}@]/.test(origin) && !/[{}\s]/.test(filled) && URL.canParse(filled);
    return isUrl && /\{(traceId|id)\}/.test(value) ? value : undefined;
  },
});

const timeZone = (spec: Spec): Variable<string> => ({
  accepts: "an IANA time zone, for example `Europe/Berlin`",
  meaning: spec.meaning,
  default: spec.default ?? null,
  secret: false,
  parse(value) {
    try {
      return new Intl.DateTimeFormat("en", { timeZone: value }).resolvedOptions().timeZone && value;
    } catch {
      return undefined;
    }
  },
});

const key32 = (spec: Spec): Variable<string> => ({
  accepts: "32 bytes as base64 or hex",
  meaning: spec.meaning,
  default: null,
  secret: true,
  parse: (value) => (keyBytes(value) ? value : undefined),
});

const keys32 = (spec: Spec): Variable<string[]> => ({
  accepts: "keys of 32 bytes as base64 or hex, with commas between them",
  meaning: spec.meaning,
  default: null,
  secret: true,
  parse(value) {
    const keys = value.split(/[\s,]+/).filter(Boolean);
    return keys.every((key) => keyBytes(key)) ? keys : undefined;
  },
});

/** 32 bytes from base64 (44 characters, or 43 without padding) or hex (64 characters). */
export function keyBytes(value: string): Uint8Array | undefined {
  const isHex = /^[0-9a-fA-F]{64}$/.test(value);
  if (!isHex && !/^[A-Za-z0-9+/_-]{43}=?$/.test(value)) return undefined;
  const bytes = new Uint8Array(Buffer.from(value, isHex ? "hex" : "base64"));
  return bytes.length === 32 ? bytes : undefined;
}

/** Every variable, in the order of the README's table. */
export const variables = {
  ANYRAY_GATEWAY_HOST: text({ default: "0.0.0.0", meaning: "address the gateway listens on" }),
  ANYRAY_GATEWAY_PORT: port({ default: "8787", meaning: "port of the gateway; 0 picks a free one" }),
  ANYRAY_OPTIMIZER_HOST: text({ default: "127.0.0.1", meaning: "address the optimizer listens on" }),
  ANYRAY_OPTIMIZER_PORT: port({ default: "8088", meaning: "port of the optimizer; 0 picks a free one" }),
  ANYRAY_OPTIMIZER_URL: url({
    protocols: http,
    default: "http://127.0.0.1:8088",
    meaning: "where the gateway finds the optimizer",
  }),
  ANYRAY_OPTIMIZER_TOKEN: credential({
    meaning: "what the gateway shows the optimizer; generated and stored when unset",
  }),
  ANYRAY_OPTIMIZER_TIMEOUT_MS: integer({
    min: 1,
    max: 800,
    default: "800",
    meaning: "how long a call waits for the optimizer before it goes on as it came",
  }),
  ANYRAY_ATTACH: flag({
    meaning: "the optimizer takes finished calls of a foreign gateway at `POST /v1/record`",
  }),
  ANYRAY_DATA_DIR: text({ default: "./data", meaning: "everything the embedded mode writes" }),
  ANYRAY_ADMIN_TOKEN: text({ secret: true, meaning: "gates every `/admin/*`; generated and stored when unset" }),
  ANYRAY_CONTENT_KEY: key32({ meaning: "seals provider keys and content at rest; generated and stored when unset" }),
  ANYRAY_CONTENT_KEYS_OLD: keys32({
    meaning: "earlier content keys: what they sealed can be read, and is sealed anew under `ANYRAY_CONTENT_KEY`",
  }),
  ANYRAY_CONTENT_MODE: choice({
    of: ["encrypted", "off", "plaintext"],
    default: "encrypted",
    meaning: "how prompts and answers are kept; the first start's value of a setting of the admin API",
  }),
  ANYRAY_ALLOW_PLAINTEXT: flag({ meaning: "`plaintext` takes effect only with this; without, content is encrypted" }),
  ANYRAY_AUDIT_KEY: key32({
    meaning: "chains the audit log; generated and stored when unset; best kept apart from the database",
  }),
  ANYRAY_AUDIT_KEYS_OLD: keys32({ meaning: "earlier audit keys: what they chained can be verified" }),
  ANYRAY_KILL_SWITCH: flag({
    meaning: "`true`: the optimizer is not asked, whatever the admin says; one of three ways to switch it off",
  }),
  ANYRAY_PROVIDER_DEFAULT_OPENAI: text({
    default: "openai",
    meaning: "provider of a call in OpenAI's protocol whose model tells nothing",
  }),
  ANYRAY_PROVIDER_DEFAULT_ANTHROPIC: text({
    default: "anthropic",
    meaning: "provider of a call in Anthropic's protocol whose model tells nothing",
  }),
  ANYRAY_ON_ABORT: choice({
    of: ["cancel", "drain"],
    default: "cancel",
    meaning:
      "when a caller leaves mid-answer: `cancel` the provider at once, or `drain` its answer to learn the true usage",
  }),
  ANYRAY_DRAIN_MAX_MS: integer({
    min: 1,
    max: 600_000,
    default: "30000",
    meaning: "longest drain of an abandoned answer",
  }),
  ANYRAY_UPSTREAM_TTFB_MS: integer({
    min: 1,
    max: 3_600_000,
    default: "600000",
    meaning: "time for the first byte of an answer, else 504",
  }),
  ANYRAY_UPSTREAM_IDLE_MS: integer({
    min: 1,
    max: 3_600_000,
    default: "600000",
    meaning: "silence after which a running answer counts as lost",
  }),
  ANYRAY_UPSTREAM_HTTP2: flag({
    default: "true",
    meaning: "offer HTTP/2 to `https` providers, which then need one connection instead of one a call",
  }),
  ANYRAY_HTTP_PROXY: url({
    protocols: http,
    mayNameUser: true,
    meaning: "proxy for calls to providers; `HTTP_PROXY` and its like are ignored",
  }),
  ANYRAY_MAX_BODY_BYTES: integer({
    min: 1_024,
    max: 1_073_741_824,
    default: "33554432",
    meaning: "larger requests get 413",
  }),
  ANYRAY_MAX_HEADER_BYTES: integer({
    min: 1_024,
    max: 65_536,
    default: "32768",
    meaning: "more bytes of request headers get 431",
  }),
  ANYRAY_MAX_CONCURRENCY: integer({
    min: 1,
    max: 60_000,
    default: "20000",
    meaning: "calls in progress at once, further ones get 503",
  }),
  ANYRAY_CLIENT_IDLE_SECONDS: integer({
    min: 1,
    max: 255,
    default: "60",
    meaning: "silence of a caller, between requests or while it sends one, after which its connection is closed",
  }),
  ANYRAY_SHUTDOWN_DRAIN_MS: integer({
    min: 0,
    max: 3_600_000,
    default: "90000",
    meaning: "how long open streams may go on after SIGTERM",
  }),
  ANYRAY_REPORT_TZ: timeZone({
    default: "UTC",
    meaning: "one time zone for day buckets, cap months, exports",
  }),
  ANYRAY_SPEND_RETENTION_DAYS: integer({
    min: 0,
    max: 36_500,
    default: "0",
    meaning: "spend rows older than this are deleted; 0 = keep",
  }),
  ANYRAY_TRACE_RETENTION_DAYS: integer({
    min: 0,
    max: 36_500,
    default: "90",
    meaning: "traces older than this are deleted with their contents; 0 = keep",
  }),
  ANYRAY_TRACE_MAX_BYTES: integer({
    min: 0,
    max: 1_099_511_627_776,
    default: "21474836480",
    meaning: "the oldest traces are deleted while all of them take up more than this in the store; 0 = no bound",
  }),
  ANYRAY_SPEND_FSYNC: choice({
    of: ["group", "always"],
    default: "group",
    meaning: "`group`: the spool is synced every 50 ms; `always`: before an answer's last byte",
  }),
  ANYRAY_SPOOL_MAX_BYTES: integer({
    min: 1_048_576,
    max: 1_099_511_627_776,
    default: "2147483648",
    meaning: "rows that may wait on disk for the store",
  }),
  ANYRAY_OTLP_URL: url({
    protocols: http,
    meaning:
      "where traces are exported to over OTLP/HTTP, `/v1/traces` is put behind it unless it is there; unset: nothing is exported",
  }),
  ANYRAY_OTLP_HEADERS: headerList({
    meaning: "headers of the export, for example `authorization=Basic …`; values may be percent-encoded",
  }),
  ANYRAY_OTLP_PROTOCOL: choice({
    of: ["http/protobuf", "http/json"],
    default: "http/protobuf",
    meaning: "encoding of the export",
  }),
  ANYRAY_TRACE_URL_TEMPLATE: urlTemplate({
    meaning: "where a person looks at a trace in that backend: makes the links to it",
  }),
  ANYRAY_TRACES: flag({ default: "true", meaning: "`false`: calls leave their spend row and no trace" }),
  ANYRAY_TRACE_SPOOL_MAX_BYTES: integer({
    min: 16_777_216,
    max: 1_099_511_627_776,
    default: "536870912",
    meaning: "traces that may wait on disk for the store; from three quarters on without contents",
  }),
  ANYRAY_LOG_LEVEL: choice({
    of: ["debug", "info", "warn", "error"],
    default: "info",
    meaning: "least severe log line that is written",
  }),
} satisfies Record<string, Variable<unknown>>;

/** Variables whose names end in a provider's slug, upper case, `-` as `_`. */
export const slugVariables = {
  ANYRAY_PROVIDER_URL_: url({
    protocols: http,
    meaning: "base URL of a provider, with or without `/v1`; an unknown slug makes an OpenAI-compatible provider",
  }),
  ANYRAY_PROVIDER_KEY_: credential({
    meaning: "server-held key; unset: the caller's own credential is forwarded",
  }),
  ANYRAY_PROVIDER_ON_ABORT_: choice({
    of: ["cancel", "drain"],
    meaning: "`ANYRAY_ON_ABORT` for one provider",
  }),
} satisfies Record<string, Variable<unknown>>;
