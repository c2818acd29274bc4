// A provider that breaks off never looks like one that has finished: the caller gets the whole events that were served,
// then its protocol's error event, then an orderly end; and there is exactly one row, which says what happened.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { headersNamed } from "./raw-http";
import { openSdkWorld, type SdkWorld } from "./sdk-world";
import { callOnce, eventsOf, type StreamedApi, streamedApis } from "./stream-calls";

let world: SdkWorld;
beforeAll(async () => {
  world = await openSdkWorld(() => ({
    ANYRAY_PROVIDER_URL_CLOSED: "http://127.0.0.1:1",
    ANYRAY_PROVIDER_URL_NOWHERE: "http://no-such-host.invalid",
    ANYRAY_PROVIDER_URL_NOT_TLS: "https://127.0.0.1:1",
  }));
});
afterAll(() => world.stop());

let calls = 0;
const nextId = (name: string) => `${name} ${++calls}`;

/** What the provider sends when nothing goes wrong, event by event. */
const servedEvents = async (api: StreamedApi, fake: string): Promise<string[]> =>
  eventsOf((await callOnce(world.fake.url, api, "served direct", fake)).body.toString());

for (const api of streamedApis) {
  describe(api.name, () => {
    test("a connection that is lost in the middle: whole events, the error event, an orderly end, one row", async () => {
      // The gap: what arrives in the same moment as the end of its connection is lost in the runtime's client.
      const served = await servedEvents(api, "gap=20 chunks=30");
      const breakOff = async (fake: string) => {
        const callId = nextId(api.name);
        const answer = await callOnce(world.gateway.url, api, callId, `gap=20 chunks=30 ${fake}`);
        expect([answer.status, answer.isWhole]).toEqual([200, true]);
        const events = eventsOf(answer.body.toString());
        const count = fake.includes("=1") && !fake.includes("split") ? 1 : 6;
        expect([fake, events.slice(0, -1)]).toEqual([fake, served.slice(0, count)]);
        expect(events.at(-1)).toMatch(api.errorEvent.upstream_unreachable);
        expect(await world.rowOf(callId)).toMatchObject({ status: 200, endReason: "upstream_failed", estimated: true });
      };
      await Promise.all(["cut-after=1", "cut-after=6", "cut-after=6 rst", "cut-after=6 split=11"].map(breakOff));
    });

    test("an answer that ends in order but is not whole is told from one that is", async () => {
      const served = await servedEvents(api, "chunks=30");
      for (const after of [0, 3, 8]) {
        const callId = nextId(api.name);
        const answer = await callOnce(world.gateway.url, api, callId, `chunks=30 fin-after=${after}`);
        const events = eventsOf(answer.body.toString());
        expect([answer.isWhole, events.slice(0, -1)]).toEqual([true, served.slice(0, after)]);
        expect(events.at(-1)).toMatch(api.errorEvent.upstream_unreachable);
        expect(await world.rowOf(callId)).toMatchObject({ status: 200, endReason: "upstream_failed", estimated: true });
      }
      const callId = nextId(api.name);
      const whole = await callOnce(world.gateway.url, api, callId, "chunks=30 fin-after=1000");
      expect(whole.body.toString()).toBe(served.join(""));
      expect(await world.rowOf(callId)).toMatchObject({ endReason: "completed", estimated: false });
    });

    test("the provider's own error event is the last one: nothing is added, and the row says that it failed", async () => {
      for (const fake of ["error-event=0", "error-event=4", "error-event=4 gap=10", "error-event=4 crlf"]) {
        const served = await servedEvents(api, fake);
        const callId = nextId(api.name);
        const answer = await callOnce(world.gateway.url, api, callId, fake);
        expect([fake, answer.isWhole, answer.body.toString()]).toEqual([fake, true, served.join("")]);
        expect(await world.rowOf(callId)).toMatchObject({ status: 200, endReason: "upstream_failed", estimated: true });
      }
    });

    test("garbage between the events and one event of millions of bytes pass untouched, and are metered", async () => {
      for (const fake of ["garbage", "garbage split=3", "giant-event=3000000", "giant-event=300000 split=4096"]) {
        const direct = await callOnce(world.fake.url, api, "direct", fake);
        const callId = nextId(api.name);
        const answer = await callOnce(world.gateway.url, api, callId, fake);
        expect([fake, answer.isWhole, answer.body.equals(direct.body)]).toEqual([fake, true, true]);
        const { tokens } = await world.ledgerOf(callId);
        expect(await world.rowOf(callId)).toMatchObject({
          endReason: "completed",
          estimated: false,
          inputTokens: tokens.input,
          outputTokens: tokens.output,
        });
      }
    });

    test("an answer that is lost before it begins, or a plain one in its middle, is a 502", async () => {
      const plain = { ...api, body: { ...api.body, stream: false, stream_options: undefined } };
      for (const fake of [
        "cut-before-headers",
        "cut-before-headers rst",
        "cut-after=0 gap=20",
        "cut-after=0 rst gap=20",
      ]) {
        for (const asked of fake.startsWith("cut-after") ? [plain] : [plain, api]) {
          const callId = nextId(api.name);
          const answer = await callOnce(world.gateway.url, asked, callId, fake);
          expect([fake, answer.status]).toEqual([fake, 502]);
          expectOurError(api, answer.body.toString(), "upstream_unreachable");
          expect(headersNamed(answer, "x-should-retry")).toEqual(["true"]);
          expect(headersNamed(answer, "x-anyray-error")).toEqual(["upstream_unreachable"]);
          expect(await world.rowOf(callId)).toMatchObject({
            status: 502,
            endReason: "upstream_failed",
            inputTokens: 0,
            outputTokens: 0,
            costUsd: 0,
          });
        }
      }
    });

    test("a provider that cannot be reached is a 502 in the caller's protocol, one row each", async () => {
      for (const slug of ["closed", "nowhere", "not-tls"]) {
        const callId = nextId(api.name);
        const answer = await callOnce(world.gateway.url, api, callId, "", [["x-anyray-provider", slug]]);
        expect([slug, answer.status]).toEqual([slug, 502]);
        expectOurError(api, answer.body.toString(), "upstream_unreachable");
        expect(answer.body.toString()).toContain(slug);
        expect(await world.rowOf(callId)).toMatchObject({ status: 502, endReason: "upstream_failed", provider: slug });
      }
    });

    test("a redirect is the caller's to follow: credentials and content go nowhere else", async () => {
      const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("caught") });
      const callId = nextId(api.name);
      const location = `http://127.0.0.1:${other.port}/v1/elsewhere`;
      const answer = await callOnce(world.gateway.url, api, callId, `redirect=${location}`);
      expect([answer.status, headersNamed(answer, "location"), answer.body.length]).toEqual([307, [location], 0]);
      expect(await world.rowOf(callId)).toMatchObject({ status: 307, endReason: "completed" });
      await other.stop(true);
    });
  });
}

/** An error of the gateway's own, in the words of the protocol. */
function expectOurError(api: StreamedApi, text: string, code: string): void {
  const body: unknown = JSON.parse(text);
  if (api.name === "messages") {
    expect(body).toEqual({
      type: "error",
      error: { type: "api_error", message: expect.any(String) },
      request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  } else expect(body).toEqual({ error: { message: expect.any(String), type: "api_error", param: null, code } });
}

test("a chat stream without its [DONE], but with its end, is whole", async () => {
  const chat = streamedApis[0]!;
  const served = await servedEvents(chat, "no-done");
  const callId = nextId("no-done");
  const answer = await callOnce(world.gateway.url, chat, callId, "no-done");
  expect([answer.isWhole, answer.body.toString()]).toEqual([true, served.join("")]);
  expect(await world.rowOf(callId)).toMatchObject({ endReason: "completed", estimated: false });
});

test("a response that says of itself that it failed is not followed by an error of ours", async () => {
  const api = streamedApis[1]!;
  const served = await servedEvents(api, "failed");
  const callId = nextId("failed");
  const answer = await callOnce(world.gateway.url, api, callId, "failed");
  expect([answer.isWhole, answer.body.toString()]).toEqual([true, served.join("")]);
  expect(await world.rowOf(callId)).toMatchObject({ status: 200, endReason: "upstream_failed" });
});
