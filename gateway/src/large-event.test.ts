import { expect, test } from "bun:test";
import { createLargeEvent } from "./large-event";

const bytesOf = (text: string) => new TextEncoder().encode(text);

function read(text: string, pieceBytes: number) {
  const bytes = bytesOf(text);
  const large = createLargeEvent(bytes.subarray(0, pieceBytes));
  for (let at = pieceBytes; at < bytes.length; at += pieceBytes) large.add(bytes.subarray(at, at + pieceBytes));
  return { head: large.head, usages: [...large.usagesAtEnd()] };
}

const padding = "é".repeat(40_000);
const usage = { input_tokens: 5, input_tokens_details: { cached_tokens: 1 }, output_tokens: 7 };

test("an event's beginning and the usage at its end are found, in pieces of any size", () => {
  const event = `data: {"type":"response.completed","text":"${padding}","usage" : ${JSON.stringify(usage)},"user":null}\n\n`;
  for (const pieceBytes of [1_000, 4_099, 65_536, 200_000]) {
    const { head, usages } = read(event, pieceBytes);
    expect(head).toStartWith('data: {"type":"response.completed"');
    expect(usages).toEqual([usage]);
  }
});

test("the last usage comes first; one that is quoted in a text, cut off, or no object is none", () => {
  const schema = { type: "object", properties: {} };
  const quoted = JSON.stringify(JSON.stringify({ usage: { input_tokens: 99 } }));
  const event = `data: {"text":"${padding}","tools":[{"usage":${JSON.stringify(schema)}}],"usage":${JSON.stringify(usage)},"a":${quoted},"usage":7}\n\n`;
  expect(read(event, 1_000).usages).toEqual([usage, schema]);
  expect(read(`data: {"text":"${padding}","usage":{"input_tokens":5`, 1_000).usages).toEqual([]);
  expect(read(`data: {"usage":${JSON.stringify(usage)},"text":"${padding}"}\n\n`, 1_000).usages).toEqual([]);
});
