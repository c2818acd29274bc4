// What the official Anthropic SDK does when a call fails is the same through the gateway as without it: the error it
// throws, and whether it tries again. A refusal by a cap is tried exactly once; a broken stream is never silent.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import Anthropic1 from "@anthropic-ai/sdk";
import Anthropic0 from "@anthropic-ai/sdk-0";
import { until } from "./harness";
import { errorOf, openSdkWorld, type Route, type SdkWorld } from "./sdk-world";

type Client = Anthropic1;
const majors = { "1.12.0": Anthropic1, "0.137.0": Anthropic0 as unknown as typeof Anthropic1 };

let world: SdkWorld;
beforeAll(async () => {
  world = await openSdkWorld();
  await world.gateway.admin("PUT", "/admin/user-caps", { user: "spent", monthlyTokens: 0 });
});
afterAll(() => world.stop());

const ask = {
  model: "claude-haiku-4-5",
  max_tokens: 4_000,
  messages: [{ role: "user" as const, content: "How many rivers are there?" }],
};
const streamed = { ...ask, stream: true as const };

for (const [version, Anthropic] of Object.entries(majors)) {
  describe(`@anthropic-ai/sdk ${version}`, () => {
    let calls = 0;
    const nextId = () => `${version} ${++calls}`;
    const client = (route: Route, maxRetries = 0): Client =>
      new Anthropic({
        apiKey: "sk-ant-caller",
        baseURL: route.baseUrl,
        defaultHeaders: route.headers,
        fetch: route.fetch,
        maxRetries,
      });

    /** The request id, which is another for each request, is compared by its form alone. */
    const withoutId = ({ message, body, ...error }: Record<string, unknown>) => ({
      ...error,
      text: `${message} ${JSON.stringify(body)}`.replaceAll(/req_\w+/g, "req_"),
    });

    test("each status makes the error it makes directly", async () => {
      const asks = [
        (ai: Client) => ai.messages.create(ask),
        (ai: Client) => ai.messages.create(streamed),
        (ai: Client) => ai.messages.stream(ask).finalMessage(),
        (ai: Client) => ai.messages.countTokens(ask),
      ];
      for (const status of [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 503, 504, 529]) {
        for (const call of asks) {
          const headers = { "x-fake": `status=${status}` };
          const direct = await errorOf(call(client(world.direct(nextId(), headers))));
          const through = await errorOf(call(client(world.through(nextId(), headers))));
          expect(withoutId(through)).toEqual(withoutId(direct));
          expect(through["status"]).toBe(status);
        }
      }
      const wrong = [
        (ai: Client) => ai.messages.create({ ...ask, model: "no-such-model" }),
        (ai: Client) => ai.messages.create({ model: ask.model } as never),
        (ai: Client) => ai.models.retrieve("no-such-model"),
      ];
      for (const call of wrong) {
        const direct = await errorOf(call(client(world.direct(nextId()))));
        expect(withoutId(await errorOf(call(client(world.through(nextId())))))).toEqual(withoutId(direct));
      }
      const failing = client(world.through(nextId(), { "x-fake": "status=529" })).messages.create(ask);
      const error = (await failing.then(undefined, (thrown) => thrown)) as InstanceType<typeof Anthropic.APIError>;
      expect(error).toBeInstanceOf(Anthropic.APIError);
      expect([error.requestID, error.type]).toEqual([expect.stringMatching(/^req_/), "overloaded_error"]);
    });

    test("overload and the provider's own 429 are tried again as directly", async () => {
      const fakes = ["status=529 times=1", "status=429 retry-after=1 times=1", "cut-before-headers times=1"];
      const tryBoth = async (fake: string) => {
        const callId = nextId();
        const [direct, through] = [world.direct(callId, { "x-fake": fake }), world.through(callId, { "x-fake": fake })];
        const answers = await Promise.all([direct, through].map((route) => client(route, 2).messages.create(ask)));
        expect(answers[1]).toEqual(answers[0]!);
        expect([fake, direct.sent(), through.sent()]).toEqual([fake, 2, 2]);
      };
      await Promise.all(fakes.map(tryBoth));
    });

    test("a cap's refusal is a billing error, tried exactly once, and reaches no provider", async () => {
      const asks = [
        (ai: Client) => ai.messages.create(ask),
        (ai: Client) => ai.messages.create(streamed),
        (ai: Client) => ai.beta.messages.create(ask),
      ];
      for (const call of asks) {
        const route = world.through(nextId(), {}, "spent");
        const before = world.fake.received.length;
        const error = await errorOf(call(client(route, 5)));
        expect(error).toMatchObject({ class: "RateLimitError", status: 429 });
        expect(error["body"]).toMatchObject({
          type: "error",
          error: { type: "billing_error", message: expect.stringContaining('"spent"') },
          request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        });
        expect([route.sent(), world.fake.received.length - before]).toEqual([1, 0]);
      }
    });

    test("a stream that the caller aborts ends at the provider too, and what was read of it is booked", async () => {
      for (const way of ["abort", "break", "helper"]) {
        const callId = nextId();
        const ai = client(world.through(callId, { "x-fake": "gap=10 chunks=900" }));
        const stream = way === "helper" ? ai.messages.stream(ask) : await ai.messages.create(streamed);
        let seen = 0;
        const read = async () => {
          for await (const _ of stream as AsyncIterable<unknown>) {
            seen += 1;
            if (seen === 40 && way === "break") break;
            if (seen === 40) stream.controller.abort();
          }
        };
        if (way === "helper") expect((await errorOf(read()))["class"]).toBe("APIUserAbortError");
        else await read();
        const entry = await world.ledgerOf(callId);
        expect(entry).toMatchObject({ end: "client_left", usageFinal: false });
        const row = await world.rowOf(callId);
        expect(row).toMatchObject({ endReason: "client_aborted", status: 200, estimated: true });
        // The start of the stream states the input, and only one token of output: the rest is an estimate.
        expect(row.inputTokens).toBe(entry.tokens.input);
        expect(row.outputTokens).toBeGreaterThan(15);
      }
    });

    test("a call that is aborted before its answer ends at the provider too", async () => {
      const callId = nextId();
      const control = new AbortController();
      const route = world.through(callId, { "x-fake": "delay=5000" });
      const failing = errorOf(client(route, 2).messages.create(ask, { signal: control.signal }));
      await until(() => world.fake.inFlight() > 0);
      control.abort();
      expect(await failing).toMatchObject({ class: "APIUserAbortError" });
      expect(await world.ledgerOf(callId)).toMatchObject({ end: "client_left", status: 0 });
      expect(await world.rowOf(callId)).toMatchObject({ endReason: "client_aborted", status: 499 });
      expect(route.sent()).toBe(1);
    });

    test("a provider that breaks off in the middle is an error, not silence", async () => {
      const read = async (route: Route, way: string) => {
        const ai = client(route);
        if (way === "helper") return await ai.messages.stream(ask).finalMessage();
        for await (const _ of await ai.messages.create(streamed)) seen += 1;
      };
      let seen = 0;
      for (const fake of ["cut-after=5 gap=15", "cut-after=5 rst gap=15", "fin-after=5"]) {
        for (const way of ["raw", "helper"]) {
          const callId = nextId();
          seen = 0;
          const error = await errorOf(read(world.through(callId, { "x-fake": fake }), way));
          expect([fake, way, error["class"]]).toEqual([fake, way, "APIError"]);
          expect(error["body"]).toMatchObject({ type: "error", error: { type: "api_error" } });
          // Five events, one of them a ping.
          if (way === "raw") expect(seen).toBe(4);
          expect(await world.rowOf(callId)).toMatchObject({
            endReason: "upstream_failed",
            status: 200,
            estimated: true,
          });
        }
      }
      const failing = errorOf(read(world.through(nextId(), { "x-fake": "error-event=3" }), "raw"));
      expect(await failing).toMatchObject({ class: "APIError", type: "overloaded_error" });
      expect(await world.rowOf(`${version} ${calls}`)).toMatchObject({ endReason: "upstream_failed" });
    });
  });
}
