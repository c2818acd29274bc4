// Owns the language in which a request tells the fake provider how to misbehave: the header `x-fake`, directives
// parted by spaces, each `name` or `name=value`. The table below is the list. Refuses a name or value it does not know.

interface Directive<T> {
  means: string;
  parse(value: string | undefined): T | undefined;
}

/** `name=12`, in the range. With `bare`, the name alone counts as that number. */
function whole(min: number, max: number, means: string, bare?: number): Directive<number> {
  return {
    means,
    parse(value) {
      if (value === undefined) return bare;
      const number = /^\d{1,10}$/.test(value) ? Number(value) : -1;
      return number >= min && number <= max ? number : undefined;
    },
  };
}

const flag = (means: string): Directive<true> => ({
  means,
  parse: (value) => (value === undefined ? true : undefined),
});

const oneOf = <const T extends string>(values: readonly T[], means: string): Directive<T> => ({
  means,
  parse: (value) => values.find((known) => known === value),
});

const word = (means: string): Directive<string> => ({ means, parse: (value) => value || undefined });

const tokenPair: Directive<{ input: number; output: number }> = {
  means:
    "in:out, the usage to state exactly. `in` is Anyray's input: it includes what `cached` and `cache-write` say, and is " +
    "raised to their sum; Anthropic's `input_tokens` is what remains. `out` includes `reasoning`",
  parse(value) {
    const [, input, output] = /^(\d{1,10}):(\d{1,10})$/.exec(value ?? "") ?? [];
    return input === undefined ? undefined : { input: Number(input), output: Number(output) };
  },
};

const headerPair: Directive<{ name: string; value: string }> = {
  means: "name:value, one more header on the answer",
  parse(value) {
    const [, name, text] = /^([a-z0-9-]+):(\S*)$/i.exec(value ?? "") ?? [];
    return name === undefined || text === undefined ? undefined : { name, value: text };
  },
};

const msMax = 3_600_000;
const countMax = 1_000_000_000;

/** Every directive. "Event" is one SSE event; a plain answer counts as a single one, and is broken in its middle. */
export const directiveTable = {
  // What is answered.
  status: whole(200, 599, "answer with this status: from 400 on, an error in the protocol's own shape and no tokens"),
  "retry-after": whole(0, countMax, "the Retry-After of a 429 or 503, in seconds"),
  html: flag("an HTML page as a proxy in front of the provider sends it, status 502 unless `status` says otherwise"),
  empty: flag("204 without a body"),
  redirect: word("307 to this URL"),
  cassette: word(
    "the answer of this cassette (cassettes.ts), whatever is asked; the ledger's usage is then the cassette's, in Anyray's meaning",
  ),
  "body-bytes": whole(
    1,
    1_000_000_000,
    "a JSON answer of exactly this many bytes, or as many as it has if those are more",
  ),
  "giant-event": whole(1, 500_000_000, "one delta of this many characters in the middle of the stream"),
  chunks: whole(1, 1_000_000, "the text comes in this many deltas"),
  encoding: oneOf(["gzip", "br", "zstd", "deflate"], "compress the answer, streams event by event"),
  header: headerPair,
  "hop-headers": flag(
    "headers for this connection alone, which no proxy may pass on: Keep-Alive and others, one named by Connection",
  ),
  // What is stated.
  tokens: tokenPair,
  cached: whole(0, countMax, "input tokens read from the provider's cache"),
  "cache-write": whole(0, countMax, "input tokens written to the cache, for the shorter lifetime"),
  "cache-write-1h": whole(0, countMax, "input tokens written for the longer lifetime, besides those of `cache-write`"),
  reasoning: whole(0, countMax, "output tokens spent on reasoning"),
  "no-usage": flag("state no usage anywhere"),
  "usage-twice": flag("state the usage twice: first with half of the output, then in full"),
  // When.
  delay: whole(0, msMax, "ms before the status line"),
  ttfb: whole(0, msMax, "ms between the headers and the first byte of the body"),
  gap: whole(0, msMax, "ms between events; 0 sends them together"),
  // How it breaks.
  hang: flag("accept the request and never answer"),
  "cut-before-headers": flag("close the connection instead of answering"),
  "cut-after": whole(0, countMax, "close the connection in the middle of the chunk that follows n events"),
  rst: flag("with a cut: reset the connection instead of closing it"),
  "silent-after": whole(0, countMax, "send n events, then nothing, and keep the connection open"),
  "fin-after": whole(0, countMax, "a clean end of the HTTP body after n events"),
  "no-done": flag("leave out the event that ends the stream; in the Responses API that is the one with the usage"),
  "error-event": whole(0, countMax, "in a stream, after n events (2 without a number), an error event and the end", 2),
  failed: flag("Responses only: the stream ends with response.failed, the plain answer has status failed"),
  stale: flag("close the kept connection when its next request comes, unread and unanswered"),
  close: flag("announce and perform the end of the connection after this answer"),
  // How the bytes lie.
  crlf: flag("CRLF line ends in the stream"),
  split: whole(1, 1_000_000, "send the body in pieces of n bytes, each a chunk and a write of its own"),
  "split-at": whole(1, countMax, "send the body in two pieces, the first of n bytes"),
  garbage: flag("broken lines, broken JSON and bytes that are not UTF-8 between the events; a plain body of them"),
  // For whom.
  times: whole(
    1,
    countMax,
    "obey for the first n requests with this x-call-id (or this same body), then answer as if unasked",
  ),
} as const;

type Table = typeof directiveTable;
type ValueOf<D> = D extends Directive<infer T> ? T : never;

/** What a request asks for, by the names of the table. */
export type Directives = { readonly [N in keyof Table]?: ValueOf<Table[N]> };

/** Read once and kept: a load test sends the same text with every request. */
const parsed = new Map<string, Directives>();
const parsedMax = 1_000;

/** @throws Error naming the directive that is not understood */
export function parseDirectives(text: string): Directives {
  const known = parsed.get(text);
  if (known) return known;
  const directives: Record<string, unknown> = {};
  for (const item of text.split(/\s+/).filter(Boolean)) {
    const equals = item.indexOf("=");
    const name = equals < 0 ? item : item.slice(0, equals);
    const directive = Object.hasOwn(directiveTable, name) ? directiveTable[name as keyof Table] : undefined;
    const value = directive?.parse(equals < 0 ? undefined : item.slice(equals + 1));
    if (value === undefined) throw new Error(`x-fake: "${item}" is not a directive, or its value is out of range`);
    directives[name] = value;
  }
  if (parsed.size >= parsedMax) parsed.clear();
  parsed.set(text, directives as Directives);
  return directives as Directives;
}

/** The table as lines of text, for `--help`. */
export function directiveHelp(): string {
  const width = Math.max(...Object.keys(directiveTable).map((name) => name.length));
  return Object.entries(directiveTable)
    .map(([name, { means }]) => `  ${name.padEnd(width)}  ${means}`)
    .join("\n");
}
