// Client bytes equal provider bytes, and the usage they state is what the row says: every recorded exchange, split in
// two at every byte and at random in many pieces.

import { afterAll, beforeAll, expect, test } from "bun:test";
import type { RowReport } from "@anyray/shared/admin/spend-rows";
import { type Cassette, cassetteNamed, cassettes, randomPieces } from "@anyray/shared/testing/cassettes";
import { headerOf } from "@anyray/shared/testing/request-reader";
import { startGateway, type TestGateway } from "./harness";
import { connectRaw, type RawAnswer, type RawClient, rawRequest } from "./raw-http";
import { cutAsAsked, startTapeProvider } from "./tape-provider";

/** `asked`: as recorded. `unasked`: the caller does not ask for usage, so the gateway does. */
type Mode = "asked" | "unasked";

interface Job {
  cassette: Cassette;
  mode: Mode;
  /** Where the provider's body is cut into pieces. */
  cuts: number[];
}

/** The break of a cut answer waits until its caller has what came before it; by the call's own name. */
const cuts = new Map<string, PromiseWithResolvers<void>>();

const provider = startTapeProvider((request) => {
  const { response, ends } = cassetteNamed(headerOf(request, "x-cassette") ?? "");
  const pieces = cutAsAsked(request, response.body);
  // A plain answer comes with its length or in chunks, by turns.
  const hasLength = headerOf(request, "x-framing") === "length";
  const length = hasLength ? [["content-length", String(response.body.length)] as const] : [];
  const headers = [...Object.entries(response.headers), ...length];
  const tape = { status: response.status, headers, pieces };
  const cutWhen = ends === "cut" && cuts.get(headerOf(request, "x-call-id") ?? "")?.promise;
  return cutWhen ? { ...tape, cutWhen } : tape;
});

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway({
    env: { ANYRAY_PROVIDER_URL_OPENAI: provider.url, ANYRAY_PROVIDER_URL_ANTHROPIC: `${provider.url}/v1` },
  });
});
afterAll(() => provider.stop());

const modesOf = ({ usageChunk, request }: Cassette): Mode[] =>
  usageChunk && request.path === "/v1/chat/completions" ? ["asked", "unasked"] : ["asked"];

const callIdOf = ({ cassette, mode, cuts }: Job) => `${cassette.name}/${mode}/${cuts.join()}`;

function ask(client: RawClient, job: Job): Promise<RawAnswer> {
  if (job.cassette.ends !== "cut") return client.ask(requestOf(job));
  const cut = Promise.withResolvers<void>();
  cuts.set(callIdOf(job), cut);
  const lastWhole = expectedBody(job).subarray(-60);
  return client.ask(requestOf(job), (arrived) => {
    if (arrived.includes(lastWhole)) cut.resolve();
  });
}

function requestOf(job: Job): Uint8Array {
  const { cassette, mode, cuts } = job;
  const { name, request, stream } = cassette;
  const text = Buffer.from(request.body).toString();
  const body = mode === "asked" ? text : text.replace(/,"stream_options":\{[^}]*\}/, "");
  if (mode === "unasked") expect(body).not.toContain("include_usage");
  const framing = stream || (cuts[0] ?? 0) % 2 === 0 ? "chunks" : "length";
  return rawRequest(
    "POST",
    request.path,
    [
      ...Object.entries(request.headers),
      ["x-call-id", callIdOf(job)],
      ["x-cassette", name],
      ["x-cuts", cuts.join()],
      ["x-framing", framing],
      ["x-anyray-metadata", JSON.stringify({ session: name, tool: mode })],
    ],
    body,
  );
}

/** What the caller must get; after a cut, the whole events and then whatever the gateway has to say. */
function expectedBody({ cassette, mode }: Job): Buffer {
  const body = Buffer.from(cassette.response.body);
  const { usageChunk } = cassette;
  if (cassette.ends === "cut") return body.subarray(0, body.lastIndexOf("\n\n") + 2);
  if (mode === "asked" || !usageChunk) return body;
  return Buffer.concat([body.subarray(0, usageChunk.start), body.subarray(usageChunk.end)]);
}

function checkAnswer(job: Job, answer: RawAnswer): void {
  const { cassette } = job;
  const expected = expectedBody(job);
  const isCut = cassette.ends === "cut";
  const body = isCut ? answer.body.subarray(0, expected.length) : answer.body;
  const isRight = body.equals(expected) && answer.isWhole && answer.status === cassette.response.status;
  if (!isRight) {
    // Compared as text only now: thousands of deep comparisons would be the cost of this test.
    expect({ ...job, cassette: cassette.name, body: body.toString() }).toEqual({
      ...job,
      cassette: cassette.name,
      body: expected.toString(),
    });
    expect(answer).toMatchObject({ isWhole: true, status: cassette.response.status });
  }
  if (isCut) {
    const rest = answer.body.subarray(expected.length).toString();
    expect(rest).toMatch(/^data: \{"error":\{[^\n]*"code":"upstream_unreachable"\}\}\n\n$/);
  }
}

/** Runs jobs over kept connections, some at a time; returns how many answers came in more than one chunk. */
async function runJobs(jobs: readonly Job[]): Promise<number> {
  let next = 0;
  let apart = 0;
  const work = async () => {
    const client = await connectRaw(gateway.url);
    for (let job = jobs[next++]; job; job = jobs[next++]) {
      const answer = await ask(client, job);
      checkAnswer(job, answer);
      if (answer.chunks > 1) apart += 1;
    }
    client.close();
  };
  await Promise.all(Array.from({ length: 24 }, work));
  return apart;
}

function checkRow(row: RowReport): void {
  const { name, usage, ends, stream, response, request } = cassetteNamed(row.session ?? "");
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens, estimated } = row;
  const isError = response.status >= 400;
  expect({ name, status: row.status, stream: row.stream, endpoint: row.endpoint, endReason: row.endReason }).toEqual({
    name,
    status: response.status,
    stream,
    endpoint: request.path,
    endReason: ends === "whole" ? "completed" : "upstream_failed",
  });
  if (!usage) {
    expect([name, estimated]).toEqual([name, !isError]);
    return;
  }
  const { cacheWriteLongTokens, ...stated } = usage;
  const found = { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens };
  // What a stream states before it fails is its input; its output is told only at the end.
  if (ends === "whole") expect([name, estimated, found]).toEqual([name, false, stated]);
  else expect([name, estimated, { ...found, outputTokens: 0 }]).toEqual([name, true, { ...stated, outputTokens: 0 }]);
}

/** Every row there is, checked and counted by exchange and mode. */
async function countRows(): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const row of await gateway.rows()) {
    checkRow(row);
    const key = `${row.session} ${row.tool}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function countJobs(jobs: readonly Job[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { cassette, mode } of jobs) {
    if (cassette.request.path.endsWith("/count_tokens")) continue;
    const key = `${cassette.name} ${mode}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

test("client bytes equal provider bytes, split in two at every byte and at random in many", async () => {
  const inTwo = cassettes.flatMap((cassette): Job[] => {
    const modes = modesOf(cassette);
    const places = Array.from({ length: cassette.response.body.length - 1 }, (_, index) => index + 1);
    return places.map((at) => ({ cassette, mode: modes[at % modes.length]!, cuts: [at] }));
  });
  const inMany = cassettes.flatMap((cassette) =>
    modesOf(cassette).flatMap((mode) =>
      Array.from({ length: 6 }, (_, seed): Job => {
        let at = 0;
        const pieces = randomPieces(cassette.response.body, seed + 1, 40);
        return { cassette, mode, cuts: pieces.slice(0, -1).map((piece) => (at += piece.length)) };
      }),
    ),
  );
  const apartInTwo = await runJobs(inTwo);
  // Pieces may meet on the way; were they always to, nothing would have been tried.
  expect(apartInTwo / inTwo.length).toBeGreaterThan(0.1);
  await runJobs(inMany);
  const counted = await countRows();
  expect(Object.fromEntries(counted)).toEqual(Object.fromEntries(countJobs([...inTwo, ...inMany])));
  expect(gateway.output()).not.toMatch(/"level":"(warn|error)"/);
}, 120_000);
