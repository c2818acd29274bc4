import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Asked, buildQuestion, matches, pastedRange } from "./question";

const asked = (lastUser: string, rest: Partial<Asked> = {}) =>
  buildQuestion({ lastUser, previousUser: null, toolArgs: null, lastAssistant: null, ...rest });

const logLines = (count: number) =>
  Array.from(
    { length: count },
    (_, index) =>
      `2026-11-03T10:${String(index % 60).padStart(2, "0")}:07Z INFO worker id=${index * 7919} status=200 ms=${index}`,
  ).join("\n");

const rows = (count: number) => Array.from({ length: count }, (_, id) => ({ id, name: `user ${id}`, status: "ok" }));
const sentence = "The committee considers the proposal while the river quietly floods the lower meadow. ";

describe("a question", () => {
  test("weighs the last user's words before all others", () => {
    const { terms } = asked("Why does the pool leak?", {
      previousUser: "look at the pool and the scheduler",
      toolArgs: '{"pattern":"leaked scheduler lease","limit":20}',
      lastAssistant: "I read it.\n\nLet me check the janitor lease.",
    });
    expect(terms.get("pool")).toBe(1);
    expect(terms.get("leak")).toBe(1);
    expect(terms.get("schedul")).toBe(0.5);
    expect(terms.get("leas")).toBe(0.5);
    expect(terms.get("janitor")).toBe(0.25);
    expect(terms.has("pattern")).toBe(false);
  });

  test("does not take what the model said for a search that it announced", () => {
    expect(asked("and now?", { lastAssistant: "The janitor is done." }).terms.has("janitor")).toBe(false);
  });

  test.each([
    ["errors other than timeouts, in the billing job", "timeout", "bill"],
    ["list failures, ignoring the cache, in checkout", "cach", "checkout"],
    ["everything except the heartbeat lines; watch the scheduler", "heartbeat", "schedul"],
    ["without the debug noise but with the scheduler", "debug", "schedul"],
  ])("excludes up to the end of the clause: %s", (text, excluded, wanted) => {
    const { terms } = asked(text);
    expect(terms.get(excluded)).toBe(-0.5);
    expect(terms.get(wanted)).toBe(1);
  });

  test("of nothing is empty, and of pleasantries too", () => {
    expect(asked("").isEmpty).toBe(true);
    expect(asked("could you do it please, thank you").isEmpty).toBe(true);
    expect(asked("why?").isEmpty).toBe(false);
    expect(asked("scheduler").isEmpty).toBe(false);
  });

  test("has the literals of the words and of the command, but not the command's limits", () => {
    const { literals } = asked("what about order A-1234?", {
      toolArgs: '{"command":"tail -n 500 logs/app.log | grep ECONNRESET"}',
    });
    expect(literals).toEqual(["A-1234", "logs/app.log", "ECONNRESET"]);
  });

  test("knows nothing of pasted data", () => {
    const { terms, literals, text } = asked(`Here is the log:\n${logLines(30)}\n\nWhich worker is stuck?`);
    expect(text).toBe("Here is the log:\n\n\n\nWhich worker is stuck?");
    expect(terms.has("status")).toBe(false);
    expect(literals).toEqual([]);
  });

  test("is bounded, whatever is written", () => {
    const words = Array.from({ length: 50_000 }, (_, index) => `word${index.toString(36)} "quoted${index}"`).join(" ");
    const question = asked(words, { previousUser: words, toolArgs: words, lastAssistant: words });
    expect(question.terms.size).toBeLessThanOrEqual(256);
    expect(question.literals.length).toBeLessThanOrEqual(128);
    expect(question.text.length).toBeLessThanOrEqual(8_001);
  });

  test("is the same twice", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 300 });
    fc.assert(
      fc.property(
        text,
        fc.option(text),
        fc.option(text),
        fc.option(text),
        (lastUser, previousUser, toolArgs, lastAssistant) => {
          const from = { lastUser, previousUser, toolArgs, lastAssistant };
          expect(buildQuestion(from)).toEqual(buildQuestion(from));
        },
      ),
    );
  });
});

describe("pasted data", () => {
  const cases: [string, string, string, string][] = [
    ["a log under its announcement", "Here is the log of the worker:\n", logLines(20), "\n\nWhy did it stop?"],
    ["a log alone", "", logLines(20), ""],
    ["a fenced log", "Here is the log:\n\n```text\n", logLines(20), "\n```\nWhat is slow?"],
    ["the longer of two fences", "Compare\n```\nshort\n```\nwith\n```\n", logLines(20), "\n```\nplease."],
    ["a fence that nobody closed", "Look:\n~~~\n", logLines(20), ""],
    ["pretty JSON", "Please look at these users.\n\n", JSON.stringify(rows(20), null, 2), "\n\nWhich are not ok?"],
    ["JSON behind a colon", "Sum this up for me: ", JSON.stringify(rows(30)), ""],
    ["JSON before the question", "", JSON.stringify(rows(30)), " what is wrong with these users?"],
    [
      "a long document",
      "What is said of the river?\n\n",
      `${sentence.repeat(4)}\n\n`.repeat(12).trimEnd(),
      "\n\nAnswer in one sentence, please.",
    ],
    [
      "Windows line ends",
      "Here is the log of the worker:\r\n",
      logLines(20).replaceAll("\n", "\r\n"),
      "\r\n\r\nWhy did it stop?",
    ],
  ];
  test.each(cases)("%s", (_, head, data, tail) => {
    const message = head + data + tail;
    const range = pastedRange(message)!;
    expect(message.slice(range.start, range.end).trim()).toBe(data);
  });

  test.each([
    ["a short message", "Why does it fail?\n\n{}"],
    [
      "instructions in paragraphs",
      `Please do the following.\n\n${sentence.repeat(4)}\n\n${sentence.repeat(4)}\n\nThank you very much.`,
    ],
    ["one long paragraph", sentence.repeat(60)],
    ["nothing", ""],
  ])("none in %s", (_, message) => {
    expect(pastedRange(message)).toBeNull();
  });

  test("lies inside the message, whatever is written", () => {
    const line = fc.oneof(
      fc.string({ unit: "binary", maxLength: 300 }),
      fc.constantFrom("", "```", "{", "]", "why is it so slow?", sentence, logLines(3), "\ud800", "\r"),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), (lines) => {
        const message = lines.join("\n");
        const range = pastedRange(message);
        if (range === null) return;
        expect(range.start).toBeGreaterThanOrEqual(0);
        expect(range.end).toBeLessThanOrEqual(message.length);
        expect(range.end - range.start).toBeGreaterThanOrEqual(400);
      }),
    );
  });
});

describe("matches", () => {
  const question = asked("why does the connection pool of orders time out, ignoring cache warnings, for A-77?");

  test("the share of what is asked that stands in a text", () => {
    expect(matches(question, "nothing of it").score).toBe(0);
    const some = matches(question, "connections of the pool").score;
    expect(some).toBeGreaterThan(0);
    expect(matches(question, "connections of the pool for orders").score).toBeGreaterThan(some);
    expect(matches(question, "connections of the pool in cache").score).toBeLessThan(some);
  });

  test("a literal as a whole word, in any case", () => {
    expect(matches(question, "order a-77 closed").literal).toBe(true);
    expect(matches(question, "order A-778 closed").literal).toBe(false);
  });

  test("names in other spellings", () => {
    expect(matches(asked("where is the config read"), "parseConfiguration()").score).toBeGreaterThan(0);
    expect(matches(asked("getUserById"), "get_user_by_id").score).toBeGreaterThan(0.5);
  });

  test("a score from 0 to 1 for anything", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (asks, text) => {
        const { score } = matches(asked(asks), text);
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("hostile text takes linear time", () => {
    const hostile = [
      "a".repeat(2e5),
      "(((".repeat(7e4),
      "A-7".repeat(7e4),
      "ignoring ".repeat(2e4),
      "\ud800".repeat(2e5),
      '"'.repeat(2e5),
    ];
    for (const text of hostile) {
      const startedAt = performance.now();
      matches(question, text);
      asked(text, { toolArgs: text, previousUser: text, lastAssistant: text });
      expect(performance.now() - startedAt).toBeLessThan(1_500);
    }
  });
});
