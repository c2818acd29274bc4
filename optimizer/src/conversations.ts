// Owns which conversations ran under a caller's session id: what is kept of them is found by their own names, which
// cannot be made from the id alone. Needed only to forget; tells nothing to who holds the file.

import type { Keyring } from "@anyray/shared/crypto";
import type { Log } from "@anyray/shared/log";
import { LRUCache } from "lru-cache";
import type { Asker } from "./deps";
import type { Scope } from "./handles";
import { limitWaiting, openSealedFile } from "./sealed/file";
import { openSealedTable } from "./sealed/table";
import { openTags } from "./sealed/tags";

/** As long as the longest that anything of a conversation is kept after its last use, and a day. */
const keptMs = 32 * 86_400_000;
/** A conversation is written down again so often while it goes on. */
const renewEveryMs = 3_600_000;
const bytesMax = 64 * 1_048_576;
const nothing = new Uint8Array(0);

export interface ConversationsOptions {
  path: string;
  keyring: Keyring;
  now: () => number;
}

/** A caller's session: `session` is the id as the caller sent it. */
export type CallerSession = Scope;

export function openConversations({ path, keyring, now }: ConversationsOptions) {
  const db = openSealedFile({ path, sync: "normal" });
  const tags = openTags(db, keyring);
  const limits = { bytesMax, tenantBytesMax: bytesMax };
  const table = openSealedTable({ db, name: "conversations", keyring, tags, now, ...limits });
  limitWaiting(db);
  const notedAt = new LRUCache<string, number>({ max: 20_000 });
  return {
    /** @throws Error when it cannot be written */
    note(session: CallerSession, { session: id }: Scope): void {
      if (now() - (notedAt.get(id) ?? Number.NEGATIVE_INFINITY) < renewEveryMs) return;
      const access = tags.tag("conversation", id);
      const expiresAt = now() + keptMs;
      table.put([{ id, access, owner: session, expiresAt, isReplacing: true, content: () => nothing }]);
      notedAt.set(id, now());
    },
    /** Forgets which conversations ran under it, and answers them. */
    forgetSession(session: CallerSession): Scope[] {
      const { tenant, user } = session;
      notedAt.clear();
      return table.forget(session).map((id) => ({ tenant, user, session: id }));
    },
    forgetUser(user: string): void {
      notedAt.clear();
      table.forget({ user });
    },
    sweep: () => table.sweep(),
    rewrapAll: () => table.rewrapAll(),
    close: () => db.close(),
  };
}

/** False: it could not be written down, so nothing may be kept that would not be found when it is to be forgotten. */
export function noteConversation(
  { conversations, log }: { conversations: ReturnType<typeof openConversations>; log: Log },
  { user, team, sessionId }: Asker,
  scope: Scope,
): boolean {
  if (sessionId === null) return true;
  try {
    conversations.note({ tenant: team ?? "", user: user ?? "", session: sessionId }, scope);
    return true;
  } catch (error) {
    log.warn("a conversation cannot be written down; nothing of it is kept", { error });
    return false;
  }
}
