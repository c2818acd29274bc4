import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { chatCompletions } from "../endpoints/chat-completions";
import { askForUsage, replaceModel } from "./edits";
import { parseObject } from "./json";

type Bytes = Uint8Array<ArrayBuffer>;
type Body = Record<string, unknown>;

const bytesOf = (text: string) => new TextEncoder().encode(text) as Bytes;
const textOf = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
const parse = (bytes: Uint8Array) => JSON.parse(textOf(bytes).replace(/^\ufeff/, "")) as Body;
const ask = (text: string) => textOf(askForUsage(bytesOf(text), parseObject(bytesOf(text))));

/** A JSON text with or without indentation, a byte order mark in front or not. */
function rendered(value: unknown): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(undefined, 1, "\t"), fc.constantFrom("", "\ufeff", " \n"))
    .map(([indent, before]) => before + JSON.stringify(value, null, indent));
}

/** All but one stretch of the bytes is the same: what stands before the splice and behind it. */
function isOneSplice(before: Uint8Array, after: Uint8Array, changedBytesMax: number): boolean {
  let head = 0;
  while (head < before.length && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < before.length - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  return before.length - head - tail <= changedBytesMax && after.length - head - tail <= changedBytesMax;
}

const options = fc.oneof(
  fc.constantFrom<unknown[]>(null, {}, { include_usage: false }, { include_usage: true }, { include_usage: { x: 1 } }),
  fc.dictionary(fc.constantFrom("include_obfuscation", "include_usage", "__proto__", "x"), fc.jsonValue(), {
    maxKeys: 4,
  }),
);
const members = fc.dictionary(
  fc.constantFrom("model", "messages", "stream", "n", "usage", "include_usage", "é", ""),
  fc.oneof(fc.jsonValue(), fc.constant({ stream_options: { include_usage: false } })),
);

describe("asking for usage", () => {
  test("adds stream_options.include_usage, keeps all the rest, and changes one stretch of bytes", () => {
    const requests = fc.tuple(members, fc.option(options), fc.boolean()).chain(([rest, stated, isFirst]) => {
      const body =
        stated === null ? rest : isFirst ? { stream_options: stated, ...rest } : { ...rest, stream_options: stated };
      return rendered(body);
    });
    fc.assert(
      fc.property(requests, (text) => {
        const body = bytesOf(text);
        const edited = askForUsage(body, parseObject(body));
        const before = parse(body);
        const { stream_options: asked, ...others } = parse(edited);
        const { stream_options: stated, ...othersBefore } = before;
        expect(others).toEqual(othersBefore);
        expect({ ...(asked as Body) }).toEqual({ ...(stated as Body | null), include_usage: true });
        const statedBytes = stated === undefined ? 0 : JSON.stringify(stated, null, 1).length * 2;
        expect(isOneSplice(body, edited, 50 + statedBytes)).toBe(true);
        expect(chatCompletions.readRequest({ ...parse(edited), stream: true }).mustAskForUsage).toBe(false);
      }),
      { numRuns: 1_000 },
    );
  });

  test("does it in the smallest way there is", () => {
    expect(ask('{"stream":true}')).toBe('{"stream_options":{"include_usage":true},"stream":true}');
    expect(ask("{}")).toBe('{"stream_options":{"include_usage":true}}');
    expect(ask(' { "stream" : true } ')).toBe(' {"stream_options":{"include_usage":true}, "stream" : true } ');
    expect(ask('{"stream_options":{}}')).toBe('{"stream_options":{"include_usage":true}}');
    expect(ask('{"stream_options":{ }}')).toBe('{"stream_options":{"include_usage":true }}');
    expect(ask('{"stream_options":null,"a":1}')).toBe('{"stream_options":{"include_usage":true},"a":1}');
    expect(ask('{"stream_options":{"x":1}}')).toBe('{"stream_options":{"include_usage":true,"x":1}}');
    expect(ask('{"stream_options":{"x":{"include_usage":7},"include_usage": false }}')).toBe(
      '{"stream_options":{"x":{"include_usage":7},"include_usage": true }}',
    );
  });

  test("takes the spelling and the one of doubled keys that a parser takes", () => {
    expect(ask('{"stream\\u005foptions":{"include\\u005fusage":false}}')).toBe(
      '{"stream\\u005foptions":{"include\\u005fusage":true}}',
    );
    const doubled = ask('{"stream_options":{"a":1},"stream_options":{"include_usage":false,"include_usage":0}}');
    expect(JSON.parse(doubled)).toEqual({ stream_options: { include_usage: true } });
  });
});

describe("replacing the model", () => {
  test("changes the model's bytes alone", () => {
    const models = fc.oneof(fc.string({ unit: "binary", maxLength: 12 }), fc.constantFrom('"', "\\", "\n", "a/b"));
    fc.assert(
      fc.property(
        members.chain((rest) => rendered({ ...rest, model: "openai/gpt-4o" })),
        models,
        (text, model) => {
          const body = bytesOf(text);
          const edited = replaceModel(body, model);
          expect(parse(edited)).toEqual({ ...parse(body), model });
          expect(isOneSplice(body, edited, JSON.stringify(model).length * 3 + 16)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("leaves a body without one as it is", () => {
    const body = bytesOf('{"messages":[{"model":"x"}]}');
    expect(replaceModel(body, "y")).toBe(body);
  });

  test("keeps spaces, order and the other of doubled keys", () => {
    expect(textOf(replaceModel(bytesOf('{ "model" :\n"a/b" , "n":1}'), "b"))).toBe('{ "model" :\n"b" , "n":1}');
    expect(textOf(replaceModel(bytesOf('{"model":"x","model":"a/b"}'), "b"))).toBe('{"model":"x","model":"b"}');
  });
});
