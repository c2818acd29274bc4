// What the official OpenAI SDK does when a call fails is the same through the gateway as without it: the error it
// throws, and whether and when it tries again. A refusal by a cap is tried exactly once.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI7 from "openai";
import OpenAI6 from "openai-6";
import { until } from "./harness";
import { errorOf, openSdkWorld, type Route, type SdkWorld } from "./sdk-world";

type Client = OpenAI7;
const majors = { "7.57.0": OpenAI7, "6.49.0": OpenAI6 as unknown as typeof OpenAI7 };

let world: SdkWorld;
beforeAll(async () => {
  world = await openSdkWorld();
  await world.gateway.admin("PUT", "/admin/user-caps", { user: "spent", monthlyTokens: 0 });
});
afterAll(() => world.stop());

const chat = { model: "gpt-4o-mini", messages: [{ role: "user" as const, content: "How many rivers are there?" }] };
const streamed = { ...chat, stream: true as const };

for (const [version, OpenAI] of Object.entries(majors)) {
  describe(`openai ${version}`, () => {
    let calls = 0;
    const nextId = () => `${version} ${++calls}`;
    const client = (route: Route, maxRetries = 0): Client =>
      new OpenAI({
        apiKey: "sk-caller",
        baseURL: `${route.baseUrl}/v1`,
        defaultHeaders: route.headers,
        fetch: route.fetch,
        maxRetries,
      });

    test("each status makes the error it makes directly, with the provider's request id", async () => {
      const asks = [
        (ai: Client) => ai.chat.completions.create(chat),
        (ai: Client) => ai.chat.completions.create(streamed),
        (ai: Client) => ai.responses.create({ model: "gpt-5", input: "x", stream: true }),
        (ai: Client) => ai.embeddings.create({ model: "text-embedding-3-small", input: "x" }),
      ];
      for (const status of [400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504]) {
        for (const ask of asks) {
          const callId = nextId();
          const headers = { "x-fake": `status=${status}` };
          const direct = await errorOf(ask(client(world.direct(callId, headers))));
          const through = await errorOf(ask(client(world.through(callId, headers))));
          expect(through).toEqual(direct);
          expect(through["status"]).toBe(status);
        }
      }
      const html = { "x-fake": "html status=502" };
      const direct = await errorOf(client(world.direct(nextId(), html)).chat.completions.create(chat));
      expect(await errorOf(client(world.through(nextId(), html)).chat.completions.create(chat))).toEqual(direct);

      const asked = client(world.through(nextId(), { "x-fake": "status=404" })).chat.completions.create(chat);
      const error = await asked.then(undefined, (thrown: InstanceType<typeof OpenAI.APIError>) => thrown);
      expect(error).toBeInstanceOf(OpenAI.NotFoundError);
      expect((error as { requestID?: string }).requestID).toMatch(/^req_/);
    });

    test("what is wrong with the request is told in the provider's words", async () => {
      const wrong = [
        (ai: Client) => ai.chat.completions.create({ ...chat, model: "no-such-model" }),
        (ai: Client) => ai.models.retrieve("no-such-model"),
        (ai: Client) => ai.chat.completions.create({ model: "gpt-4o" } as never),
        (ai: Client) => ai.post("/nothing/here", { body: {} }),
      ];
      for (const ask of wrong) {
        const direct = await errorOf(ask(client(world.direct(nextId()))));
        const through = await errorOf(ask(client(world.through(nextId()))));
        expect(through).toEqual(direct);
      }
    });

    test("the provider's own 429 and 503 are tried again as directly, after the time it says", async () => {
      const fakes = ["status=429 retry-after=1 times=1", "status=503 times=2", "cut-before-headers times=1"];
      const tryBoth = async (fake: string) => {
        const callId = nextId();
        const [direct, through] = [world.direct(callId, { "x-fake": fake }), world.through(callId, { "x-fake": fake })];
        const startedAt = performance.now();
        const [expected, found] = await Promise.all(
          [direct, through].map((route) => client(route, 2).chat.completions.create(chat)),
        );
        expect(found).toEqual(expected!);
        expect([fake, through.sent()]).toEqual([fake, direct.sent()]);
        expect(through.sent()).toBeGreaterThan(1);
        if (fake.includes("retry-after")) expect(performance.now() - startedAt).toBeGreaterThan(990);
      };
      await Promise.all(fakes.map(tryBoth));
      const [direct, through] = [
        world.direct(nextId(), { "x-fake": "status=400" }),
        world.through(nextId(), { "x-fake": "status=400" }),
      ];
      for (const route of [direct, through]) await errorOf(client(route, 2).chat.completions.create(chat));
      expect([direct.sent(), through.sent()]).toEqual([1, 1]);
    });

    test("a cap's refusal is tried exactly once and reaches no provider", async () => {
      const asks = [
        (ai: Client) => ai.chat.completions.create(chat),
        (ai: Client) => ai.chat.completions.create(streamed),
        (ai: Client) => ai.responses.create({ model: "gpt-5", input: "x" }),
        (ai: Client) => ai.embeddings.create({ model: "text-embedding-3-small", input: "x" }),
      ];
      for (const ask of asks) {
        const route = world.through(nextId(), {}, "spent");
        const before = world.fake.received.length;
        const error = await errorOf(ask(client(route, 5)));
        expect(error).toMatchObject({
          class: "RateLimitError",
          status: 429,
          code: "user_token_cap_exceeded",
          type: "insufficient_quota",
          param: null,
        });
        expect(error["message"]).toContain('"spent"');
        expect([route.sent(), world.fake.received.length - before]).toEqual([1, 0]);
      }
    });

    test("a stream that the caller aborts ends at the provider too, and is booked as aborted", async () => {
      const kinds = {
        chat: async (ai: Client) => await ai.chat.completions.create(streamed),
        responses: async (ai: Client) => await ai.responses.create({ model: "gpt-4o", input: "x", stream: true }),
      };
      for (const ask of Object.values(kinds)) {
        for (const way of ["abort", "break"]) {
          const callId = nextId();
          const stream = await ask(client(world.through(callId, { "x-fake": "gap=20 chunks=500" })));
          let seen = 0;
          for await (const _ of stream as AsyncIterable<unknown>) {
            seen += 1;
            if (seen === 5 && way === "abort") stream.controller.abort();
            if (seen === 5 && way === "break") break;
          }
          expect(seen).toBeLessThan(30);
          expect(await world.ledgerOf(callId)).toMatchObject({ end: "client_left" });
          const row = await world.rowOf(callId);
          expect(row).toMatchObject({ endReason: "client_aborted", status: 200, stream: true, estimated: true });
          expect(row.inputTokens).toBeGreaterThan(0);
          expect(row.outputTokens).toBeGreaterThan(0);
        }
      }
    });

    test("a call that is aborted before its answer ends at the provider too", async () => {
      const callId = nextId();
      const control = new AbortController();
      const route = world.through(callId, { "x-fake": "delay=5000" });
      const failing = errorOf(client(route, 2).chat.completions.create(chat, { signal: control.signal }));
      await until(() => world.fake.inFlight() > 0);
      control.abort();
      expect(await failing).toMatchObject({ class: "APIUserAbortError" });
      expect(await world.ledgerOf(callId)).toMatchObject({ end: "client_left", status: 0 });
      expect(await world.rowOf(callId)).toMatchObject({ endReason: "client_aborted", status: 499 });
      expect(route.sent()).toBe(1);
    });

    test("a provider that breaks off in the middle is an error, not a short answer", async () => {
      const kinds = [
        async (ai: Client) => await ai.chat.completions.create(streamed),
        async (ai: Client) => await ai.responses.create({ model: "gpt-4o", input: "x", stream: true }),
      ];
      for (const ask of kinds) {
        for (const fake of ["cut-after=4 gap=15", "cut-after=4 rst gap=15", "fin-after=4"]) {
          const callId = nextId();
          let seen = 0;
          const error = await errorOf(
            (async () => {
              const stream = await ask(client(world.through(callId, { "x-fake": fake })));
              for await (const _ of stream as AsyncIterable<unknown>) seen += 1;
            })(),
          );
          expect([fake, error["class"], error["code"], seen]).toEqual([fake, "APIError", "upstream_unreachable", 4]);
          expect(await world.rowOf(callId)).toMatchObject({ endReason: "upstream_failed", status: 200 });
        }
      }
      const failing = client(world.through(nextId(), { "x-fake": "error-event=3" })).chat.completions.create(streamed);
      const error = await errorOf(
        (async () => {
          for await (const _ of await failing);
        })(),
      );
      expect(error).toMatchObject({ class: "APIError", type: "server_error" });
    });
  });
}
