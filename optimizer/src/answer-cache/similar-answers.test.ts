import { expect, test } from "bun:test";
import { createKeyring } from "@anyray/shared/crypto";
import { createManualClock } from "@anyray/shared/testing/clock";
import { makeTemporaryDirectory, randomKey } from "../testing/kept";
import { openSimilarAnswers, type SimilarAnswersOptions } from "./similar-answers";

const contentKey = randomKey();
const owner = { tenant: "t", user: "u", session: "" };

function open(options: Partial<SimilarAnswersOptions> & { path: string }) {
  const clock = createManualClock();
  const similar = openSimilarAnswers({
    keyring: createKeyring(contentKey),
    now: clock.now,
    coin: () => 0.999,
    ...options,
  });
  return { similar, clock, [Symbol.dispose]: () => similar.close() };
}

const chat = (content: string, finish_reason = "stop") =>
  JSON.stringify({ choices: [{ finish_reason, message: { role: "assistant", content } }] });
const wordings = ["How do I sort a list?", "How do I sort a list ?", "How do I sort the list?", "how do I sort a list"];

type Similar = ReturnType<typeof openSimilarAnswers>;

/** Asks in many wordings; the model answers each with `answer`. */
function teach(similar: Similar, answer: string, times = 120, group = "g", from = 0): void {
  for (let at = from; at < from + times; at += 1) {
    const text = wordings[at % wordings.length] as string;
    similar.look({ cacheKey: `k${at}`, group, text, errorRateMax: 0.05 }, () => null);
    similar.learn(`k${at}`, chat(answer), { ttlSeconds: 3_600, owner });
  }
}

const ask = (similar: Similar, text = wordings[1] as string, group = "g") =>
  similar.look({ cacheKey: "new", group, text, errorRateMax: 0.05 }, (key) => ({ from: key }));

test("an answer that the model gave again and again stands for similar questions, after a restart too", () => {
  using directory = makeTemporaryDirectory();
  {
    using kept = open(directory);
    expect(ask(kept.similar)).toBeNull();
    teach(kept.similar, "Use sort().", 4);
    expect(ask(kept.similar)).toBeNull();
    teach(kept.similar, "Use   sort(). ", 120, "g", 4);
    expect(ask(kept.similar)).toEqual({ from: "k0" });
    expect(kept.similar.facts()).toMatchObject({ groups: 1, served: 1, differed: 0, agreed: 123, failed: 0 });
  }
  using again = open(directory);
  expect(ask(again.similar)).toEqual({ from: "k0" });
});

test("answers that differ are never served, nor before the coin allows it", () => {
  using directory = makeTemporaryDirectory();
  using kept = open(directory);
  for (let at = 0; at < 100; at += 1) teach(kept.similar, `answer ${at}`, 1, "g", at);
  expect(ask(kept.similar)).toBeNull();
  using unlucky = open({ path: directory.path, coin: () => 0 });
  teach(unlucky.similar, "Use sort().", 60, "h");
  expect(ask(unlucky.similar, wordings[1], "h")).toBeNull();
});

test("another group, other facts, other settings, an expired or a lost answer: the model is asked", () => {
  using directory = makeTemporaryDirectory();
  using kept = open(directory);
  const { similar, clock } = kept;
  teach(similar, "Use sort().");
  expect(ask(similar, wordings[1], "other")).toBeNull();
  expect(ask(similar, "How do I not sort a list?")).toBeNull();
  expect(ask(similar, "How do I sort a list of 3?")).toBeNull();
  expect(
    similar.look({ cacheKey: "new", group: "g", text: "How do I sort a list?", errorRateMax: 0.05 }, () => null),
  ).toBeNull();
  similar.setGeneration("2");
  expect(ask(similar)).toBeNull();
  similar.setGeneration("");
  expect(ask(similar)).not.toBeNull();
  clock.advance(3_600_000);
  expect(ask(similar)).toBeNull();
});

test("what is no whole answer teaches nothing", () => {
  using directory = makeTemporaryDirectory();
  using kept = open(directory);
  const { similar } = kept;
  const bad = [
    chat("cut", "length"),
    "no json",
    "[]",
    '{"choices":[]}',
    chat("  "),
    '{"type":"message","stop_reason":"tool_use"}',
  ];
  for (const [at, text] of bad.entries()) {
    similar.look({ cacheKey: `b${at}`, group: "g", text: wordings[0] as string, errorRateMax: 0.05 }, () => null);
    similar.learn(`b${at}`, text, { ttlSeconds: 3_600, owner });
  }
  similar.learn("never asked", chat("x"), { ttlSeconds: 3_600, owner });
  expect(similar.facts()).toMatchObject({ groups: 0, agreed: 0, differed: 0 });
});

test("a group is bounded, and those that learnt stay", () => {
  using directory = makeTemporaryDirectory();
  using kept = open(directory);
  const { similar } = kept;
  teach(similar, "Use sort().");
  for (let at = 0; at < 80; at += 1) {
    const text = `What is ${at} times two?`;
    similar.look({ cacheKey: `n${at}`, group: "g", text, errorRateMax: 0.05 }, () => null);
    similar.learn(`n${at}`, chat(String(at * 2)), { ttlSeconds: 3_600, owner });
  }
  expect(ask(similar)).toEqual({ from: "k0" });
});

test("nothing of it stands on the disk in the clear; another key, and whoever was forgotten, has none", () => {
  using directory = makeTemporaryDirectory();
  using kept = open(directory);
  teach(kept.similar, "CANARY-ANSWER", 40, "CANARY-GROUP");
  expect(directory.bytes()).not.toContain("CANARY");
  expect(directory.bytes()).not.toContain("sort");
  using wrong = open({ path: directory.path, keyring: createKeyring(randomKey()) });
  expect(ask(wrong.similar, wordings[1], "CANARY-GROUP")).toBeNull();
  expect(kept.similar.forget({ user: "u" })).toBe(1);
  expect(ask(kept.similar, wordings[1], "CANARY-GROUP")).toBeNull();
});
