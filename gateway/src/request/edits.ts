// Owns the two changes the gateway itself makes to a request, each by splice: every other byte stays the caller's.

import type { JsonObject } from "../endpoints/endpoint";
import { field, isObject } from "../endpoints/fields";
import { findValue, insertMember, replaceBytes, startOfObject } from "./json";

type Bytes = Uint8Array<ArrayBuffer>;

/** `slug/model` → `model`. */
export function replaceModel(body: Bytes, model: string): Bytes {
  const at = findValue(body, "model");
  return at ? replaceBytes(body, at[0], at[1], JSON.stringify(model)) : body;
}

/** Asks for the usage chunk of a streamed answer, keeping whatever other stream options there are. */
export function askForUsage(body: Bytes, json: JsonObject): Bytes {
  const at = findValue(body, "stream_options");
  if (!at) return insertMember(body, startOfObject(body), '"stream_options":{"include_usage":true}');
  const options = field(json, "stream_options");
  if (!isObject(options)) return replaceBytes(body, at[0], at[1], '{"include_usage":true}');
  if (!Object.hasOwn(options, "include_usage")) return insertMember(body, at[0], '"include_usage":true');
  const inner = findValue(body.subarray(at[0], at[1]), "include_usage");
  return inner ? replaceBytes(body, at[0] + inner[0], at[0] + inner[1], "true") : body;
}
