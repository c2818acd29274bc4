// Owns the thread that the database is used on: answers the calls of worker-calls.ts, one after the other.

import { openVerbs, type SqliteVerbs } from "./sqlite-verbs";
import type { Answer } from "./worker-calls";

declare const self: Worker;

interface Call {
  id: number;
  verb: "open" | keyof SqliteVerbs;
  args: unknown[];
}

let verbs: SqliteVerbs | undefined;

function run({ verb, args }: Call): unknown {
  if (verb === "open") {
    verbs = openVerbs(...(args as Parameters<typeof openVerbs>));
    return null;
  }
  if (!verbs) throw new Error("the store is not open");
  return (verbs[verb] as (...given: unknown[]) => unknown)(...args);
}

self.onmessage = ({ data }: MessageEvent<string>) => {
  const call = JSON.parse(data) as Call;
  let answer: Answer;
  try {
    answer = { id: call.id, value: run(call) };
  } catch (error) {
    answer = { id: call.id, error: error instanceof Error ? error.message : String(error) };
  }
  self.postMessage(JSON.stringify(answer));
};
