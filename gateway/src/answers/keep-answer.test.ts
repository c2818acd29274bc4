import { expect, test } from "bun:test";
import { cassetteNamed } from "@anyray/shared/testing/cassettes";
import { endpoints } from "../endpoints/registry";
import { createAnswerKeeper } from "./keep-answer";
import type { AnswerToStore } from "./store-answer";

const identity = { user: "ada", team: null, session: "s1", tool: null, labels: null, isMetadataInvalid: false };

/** What the cache gets of a recorded answer, of which the last `cutBytes` do not come. */
async function keptOf(name: string, cutBytes = 0): Promise<AnswerToStore[]> {
  const { request, response, stream } = cassetteNamed(name);
  const endpoint = endpoints.find(({ path }) => path === request.path)!;
  const kept: AnswerToStore[] = [];
  const store = { put: (answer: AnswerToStore) => void kept.push(answer), pending: () => 0 };
  const keeper = createAnswerKeeper({ endpoint, identity }, "the-key", store);
  keeper.begin({ isEvents: stream, encoding: "identity" });
  keeper.push(response.body.subarray(0, response.body.length - cutBytes));
  await keeper.end();
  return kept;
}

test("a whole text answer goes to the cache: as it came, or as it would have come without streaming", async () => {
  const [plain] = await keptOf("chat-json");
  expect(plain).toEqual({
    cacheKey: "the-key",
    text: new TextDecoder().decode(cassetteNamed("chat-json").response.body),
    identity,
  });
  for (const name of ["chat-stream-usage", "messages-stream-text", "responses-stream-completed", "messages-json"]) {
    const kept = await keptOf(name);
    expect([name, kept.length]).toEqual([name, 1]);
    expect(JSON.parse(kept[0]!.text)).toHaveProperty("usage");
  }
});

test("tool calls, incomplete answers, several choices, errors and cut streams do not", async () => {
  const unfit = [
    "chat-stream-tools",
    "chat-stream-two-choices",
    "chat-stream-error",
    "messages-json-tools",
    "messages-stream-thinking-tools",
    "messages-stream-error",
    "responses-stream-tools",
    "responses-stream-incomplete",
    "responses-stream-failed",
  ];
  for (const name of unfit) expect([name, await keptOf(name)]).toEqual([name, []]);
  expect(await keptOf("chat-json", 9)).toEqual([]);
  expect(await keptOf("messages-stream-text", 40)).toEqual([]);
});

test("an answer that never began, or whose API is not collected, is passed over", async () => {
  for (const path of ["/v1/chat/completions", "/v1/embeddings"]) {
    const endpoint = endpoints.find((one) => one.path === path)!;
    const store = { put: () => expect.unreachable(), pending: () => 0 };
    const keeper = createAnswerKeeper({ endpoint, identity }, "the-key", store);
    if (path === "/v1/embeddings") keeper.begin({ isEvents: false, encoding: "identity" });
    keeper.push(new TextEncoder().encode("{}"));
    await keeper.end();
    keeper.drop();
  }
});

test("an answer that was dropped is not kept, though it were whole", async () => {
  const { request, response } = cassetteNamed("chat-json");
  const endpoint = endpoints.find(({ path }) => path === request.path)!;
  const store = { put: () => expect.unreachable(), pending: () => 0 };
  const keeper = createAnswerKeeper({ endpoint, identity }, "the-key", store);
  keeper.begin({ isEvents: false, encoding: "identity" });
  keeper.push(response.body);
  keeper.drop();
  await keeper.end();
});
