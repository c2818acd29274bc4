// Owns the recorded exchanges in cassettes/: what a provider's client sent, the exact bytes that came back, and the
// usage those bytes state. Written to the providers' published wire formats; replayed split at every byte. The usage of
// each was worked out by hand: nothing here reads it out of the bytes.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Usage } from "../usage";
import index from "./cassettes/index.json";
import { createRandom } from "./fake-words";

export interface Cassette {
  /** Also the name of its files. */
  name: string;
  /** What is special about it. */
  says: string;
  protocol: "openai" | "anthropic" | "responses";
  request: { method: "POST"; path: string; headers: Readonly<Record<string, string>>; body: Uint8Array };
  response: { status: number; headers: Readonly<Record<string, string>>; body: Uint8Array };
  stream: boolean;
  /** `error`: an error event ends the stream. `cut`: the connection broke within an event. */
  ends: "whole" | "error" | "cut";
  /** What the body states, in Anyray's meaning; null = nothing. For an error, what was stated before it. */
  usage: Usage | null;
  /**
   * Where the body has OpenAI's extra usage chunk (an event with usage and no choices), from its first byte to behind
   * the empty line that ends it; null where it has none. Cutting it out gives what a client gets that did not ask.
   */
  usageChunk: { start: number; end: number } | null;
}

const directory = join(import.meta.dir, "cassettes");

/** Every cassette, in the order of the index. */
export const cassettes: readonly Cassette[] = index.map((entry) => {
  const { name, says, path, status, requestHeaders, responseHeaders, stream, usage } = entry;
  const body = new Uint8Array(readFileSync(join(directory, `${name}.response.${stream ? "sse" : "json"}`)));
  const sent = new Uint8Array(readFileSync(join(directory, `${name}.request.json`)));
  return {
    name,
    says,
    protocol: entry.protocol as Cassette["protocol"],
    request: { method: "POST", path, headers: textHeaders(requestHeaders), body: sent },
    response: { status, headers: textHeaders(responseHeaders), body },
    stream,
    ends: entry.ends as Cassette["ends"],
    usage,
    usageChunk: stream && entry.protocol === "openai" ? findUsageChunk(body) : null,
  };
});

/** The cassette of that name. @throws Error for a name that does not exist */
export function cassetteNamed(name: string): Cassette {
  const found = cassettes.find((cassette) => cassette.name === name);
  if (!found) throw new Error(`no cassette is named "${name}"`);
  return found;
}

/** The type of the imported index has every header of any entry in each, as optional. */
function textHeaders(headers: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function findUsageChunk(body: Uint8Array): { start: number; end: number } | null {
  // One character a byte, so that places in the text are places in the bytes.
  const text = Buffer.from(body).toString("latin1");
  for (const { 0: event, index: start } of text.matchAll(/(?:[^\r\n]+\r?\n)+\r?\n/g)) {
    const data = /^data: ?(\{.*\})\r?$/m.exec(event)?.[1];
    const chunk = data === undefined ? undefined : (JSON.parse(data) as { choices?: unknown[]; usage?: unknown });
    if (chunk?.choices?.length === 0 && chunk.usage) return { start, end: start + event.length };
  }
  return null;
}

/**
 * The ways in which a body may arrive: every split into two pieces and, with more than two `piecesMax`, 64 seeded
 * splits into up to so many.
 */
export function* splits(body: Uint8Array, piecesMax = 2): Iterable<Uint8Array[]> {
  for (let at = 1; at < body.length; at++) yield [body.subarray(0, at), body.subarray(at)];
  if (piecesMax > 2) for (let seed = 1; seed <= 64; seed++) yield randomPieces(body, seed, piecesMax);
}

/** The body in at most `piecesMax` pieces, none empty, cut at places that the seed decides. */
export function randomPieces(body: Uint8Array, seed: number, piecesMax: number): Uint8Array[] {
  const random = createRandom(seed);
  const cuts = new Set<number>();
  const count = Math.min(piecesMax, body.length) - 1;
  for (let tries = 0; tries < count; tries++) cuts.add(1 + Math.floor(random() * (body.length - 1)));
  const places = [0, ...[...cuts].sort((a, b) => a - b), body.length];
  return places.slice(1).map((end, index) => body.subarray(places[index], end));
}
