// Owns a stash for tests, on a clock that stands still.

import { createKeyring, type Keyring } from "@anyray/shared/crypto";
import { createManualClock } from "@anyray/shared/testing/clock";
import { handleOf, type Scope } from "../handles";
import type { RetrieveQuery } from "../stash/query";
import { type Asker, openStash, type StashOptions } from "../stash/stash";
import type { StashWrite } from "../strategy";
import { randomKey } from "./kept";

/** Of every stash that is given no other. */
export const contentKey = randomKey();
const handleKey = new Uint8Array(32).fill(7);
export const hourMs = 3_600_000;
export const scope: Scope = { tenant: "t", user: "u", session: "s" };
export const owner: Asker = { tenant: "t", user: "u" };

export function writeOf(content: string, given: Partial<StashWrite> & { scope?: Scope } = {}): StashWrite {
  const { scope: whose = scope, ...rest } = given;
  const handle = handleOf(handleKey, whose, content);
  return { handle, kind: "relevance_filter", class: "lines", toolName: "Bash", index: null, content, ...rest };
}

export function openTestStash(options: Partial<StashOptions> & { path: string; key?: string }) {
  const clock = createManualClock();
  const keyring: Keyring = createKeyring(options.key ?? contentKey);
  const stash = openStash({ keyring, now: clock.now, ...options });
  const read = (handle: string, asker: Asker = owner, query: Partial<RetrieveQuery> = {}) =>
    stash.retrieve({ handle, offset: 0, maxChars: 200_000, ...query }, asker);
  const textOf = (handle: string, asker?: Asker) => read(handle, asker)?.answer.content ?? null;
  return { stash, clock, read, textOf, [Symbol.dispose]: () => stash.close() };
}
