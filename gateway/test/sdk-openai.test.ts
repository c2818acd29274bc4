// The official OpenAI SDK cannot tell the gateway from the provider: each answer through it equals the one got
// directly, and each row equals the provider's own ledger.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI7 from "openai";
import OpenAI6 from "openai-6";
import { collect, openSdkWorld, type Route, type SdkWorld } from "./sdk-world";

type Client = OpenAI7;
const majors = { "7.57.0": OpenAI7, "6.49.0": OpenAI6 as unknown as typeof OpenAI7 };

let world: SdkWorld;
beforeAll(async () => {
  world = await openSdkWorld();
});
afterAll(() => world.stop());

const question = "How many rivers are there?";
const chat = { model: "gpt-4o-mini", messages: [{ role: "user" as const, content: question }] };
const toolNamed = (name: string) => ({
  type: "function" as const,
  function: {
    name,
    description: "Counts things.",
    parameters: {
      type: "object",
      properties: {
        place: { type: "string" },
        usage: { type: "object", properties: { prompt_tokens: { type: "integer" } } },
      },
      required: ["place", "usage"],
    },
  },
});
const tools = [toolNamed("count_rivers"), toolNamed("count_lakes")];
const pixel =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const schema = {
  type: "object",
  properties: { answer: { type: "string" } },
  required: ["answer"],
  additionalProperties: false,
};

/** Chunks without the `usage: null` that a stream has on each when usage was asked for, by whomever. */
const withoutNulls = (chunks: object[]) =>
  chunks.map((chunk) => ("usage" in chunk && chunk.usage === null ? { ...chunk, usage: undefined } : chunk));

for (const [version, OpenAI] of Object.entries(majors)) {
  describe(`openai ${version}`, () => {
    let calls = 0;
    const client = (route: Route): Client =>
      new OpenAI({
        apiKey: "sk-caller",
        baseURL: `${route.baseUrl}/v1`,
        defaultHeaders: route.headers,
        fetch: route.fetch,
        maxRetries: 0,
      });

    /** Asks both ways; the answers are equal, and the one through the gateway is given back. */
    async function same<T>(ask: (client: Client) => Promise<T>, headers: Record<string, string> = {}): Promise<T> {
      const callId = `${version} ${++calls}`;
      const direct = await ask(client(world.direct(callId, headers)));
      const through = await ask(client(world.through(callId, headers)));
      expect(through).toEqual(direct);
      expect(JSON.stringify(through).length).toBeGreaterThan(30);
      return through;
    }

    test("chat: plain, several choices, images, tools, JSON", async () => {
      const plain = await same((ai) => ai.chat.completions.create(chat));
      expect(plain.choices[0]?.message.content?.length).toBeGreaterThan(20);
      expect((await same((ai) => ai.chat.completions.create({ ...chat, n: 3 }))).choices).toHaveLength(3);
      const content = [
        { type: "text" as const, text: "What is this?" },
        { type: "image_url" as const, image_url: { url: pixel } },
      ];
      await same((ai) => ai.chat.completions.create({ ...chat, messages: [{ role: "user", content }] }));
      const called = await same((ai) => ai.chat.completions.create({ ...chat, tools }));
      expect(called.choices[0]?.finish_reason).toBe("tool_calls");
      const turn = [
        ...chat.messages,
        called.choices[0]!.message,
        { role: "tool" as const, tool_call_id: "x", content: "7" },
      ];
      await same((ai) => ai.chat.completions.create({ ...chat, tools, messages: turn }));
      const loose = await same((ai) =>
        ai.chat.completions.create({ ...chat, response_format: { type: "json_object" } }),
      );
      expect(JSON.parse(loose.choices[0]!.message.content!)).toBeObject();
      const json_schema = { name: "answer", strict: true, schema };
      const strict = await same((ai) =>
        ai.chat.completions.parse({ ...chat, response_format: { type: "json_schema", json_schema } }),
      );
      expect(strict.choices[0]?.message.parsed).toHaveProperty("answer");
      await same((ai) => ai.chat.completions.create({ ...chat, model: "o4-mini", reasoning_effort: "low" }));
    });

    test("chat streamed, with and without the usage asked for", async () => {
      const streamed = await same(async (ai) =>
        withoutNulls(await collect(await ai.chat.completions.create({ ...chat, stream: true }))),
      );
      expect(streamed.length).toBeGreaterThan(10);
      expect(JSON.stringify(streamed)).not.toContain('"usage":{');
      for (const stream_options of [{ include_usage: true }, { include_usage: true, include_obfuscation: false }]) {
        const asked = await same(async (ai) =>
          collect(await ai.chat.completions.create({ ...chat, stream: true, stream_options })),
        );
        expect(asked.at(-1)?.usage?.total_tokens).toBeGreaterThan(0);
      }
      for (const stream_options of [null, { include_usage: false }, { include_obfuscation: false }]) {
        await same(async (ai) =>
          withoutNulls(await collect(await ai.chat.completions.create({ ...chat, stream: true, stream_options }))),
        );
      }
      const several = await same(async (ai) =>
        withoutNulls(await collect(await ai.chat.completions.create({ ...chat, n: 2, stream: true }))),
      );
      expect(JSON.stringify(several)).toContain('"index":1');
      for (const fake of ["crlf", "split=1", "split=7", "chunks=1", "usage-twice", "encoding=gzip"]) {
        await same(
          async (ai) => withoutNulls(await collect(await ai.chat.completions.create({ ...chat, stream: true }))),
          { "x-fake": fake },
        );
      }
      expect(await same((ai) => ai.chat.completions.stream(chat).finalContent())).toBeString();
    });

    test("tool calls streamed, in parallel too", async () => {
      let parallel = 0;
      for (let number = 0; parallel === 0 || number < 4; number++) {
        const messages = [{ role: "user" as const, content: `${question} ${number}` }];
        const chunks = await same(async (ai) =>
          withoutNulls(await collect(await ai.chat.completions.create({ ...chat, messages, tools, stream: true }))),
        );
        if (JSON.stringify(chunks).includes('"tool_calls":[{"index":1,')) parallel += 1;
        expect(number).toBeLessThan(60);
      }
      const [run] = await same(async (ai) =>
        withoutNulls([await ai.chat.completions.stream({ ...chat, tools }).finalChatCompletion()]),
      );
      expect(JSON.stringify(run)).toContain('"tool_calls":[{');
    });

    test("completions and embeddings", async () => {
      const prompt = { model: "gpt-3.5-turbo-instruct", prompt: ["Begin a tale.", "End it."], max_tokens: 30 };
      expect((await same((ai) => ai.completions.create(prompt))).choices).toHaveLength(2);
      const stream_options = { include_usage: true };
      await same(async (ai) => collect(await ai.completions.create({ ...prompt, stream: true, stream_options })));
      // The SDK asks for base64 and decodes it.
      const model = "text-embedding-3-small";
      const vectors = await same((ai) => ai.embeddings.create({ model, input: ["one", "two"], dimensions: 64 }));
      expect(vectors.data[1]?.embedding).toHaveLength(64);
      await same((ai) => ai.embeddings.create({ model, input: "one", dimensions: 8, encoding_format: "float" }));
    });

    test("responses: plain, streamed both ways, tools, read again", async () => {
      const ask = { model: "gpt-5-mini", input: question };
      const plain = await same((ai) => ai.responses.create(ask));
      expect(plain.output_text.length).toBeGreaterThan(10);
      const events = await same(async (ai) => collect(await ai.responses.create({ ...ask, stream: true })));
      expect([events[0]?.type, events.at(-1)?.type]).toEqual(["response.created", "response.completed"]);
      const final = await same((ai) => ai.responses.stream({ ...ask, instructions: "Be brief." }).finalResponse());
      expect(final.status).toBe("completed");
      const { name, parameters } = tools[0]!.function;
      const tool = { type: "function" as const, name, parameters, strict: false };
      const called = await same((ai) => ai.responses.create({ ...ask, tools: [tool] }));
      expect(called.output.some(({ type }) => type === "function_call")).toBe(true);
      await same(async (ai) => collect(await ai.responses.create({ ...ask, tools: [tool], stream: true })));
      await same((ai) =>
        ai.responses.create({
          ...ask,
          max_output_tokens: 70,
          text: { format: { type: "json_schema", name: "a", schema } },
        }),
      );
      await same((ai) => ai.responses.retrieve(plain.id));
    });

    test("models, and routes the gateway does not know: moderations, speech, transcriptions, images", async () => {
      const models = await same(async (ai) => collect(ai.models.list()));
      expect(models.length).toBeGreaterThan(3);
      expect((await same((ai) => ai.models.retrieve("gpt-4o"))).id).toBe("gpt-4o");
      await same((ai) => ai.moderations.create({ input: "Is this fine?" }));
      const speech = { model: "tts-1", voice: "alloy" as const, input: "Hello." };
      await same(async (ai) => [...new Uint8Array(await (await ai.audio.speech.create(speech)).arrayBuffer())]);
      const file = () => new File([new Uint8Array(5_000).fill(7)], "a.wav");
      await same((ai) => ai.audio.transcriptions.create({ model: "gpt-4o-transcribe", file: file() }));
      await same((ai) => ai.images.generate({ model: "gpt-image-1", prompt: "a river" }));
    });
  });
}

test("every row equals the provider's ledger", () => world.expectExactBooks());
