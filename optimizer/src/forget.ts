// Owns forgetting: everything that is kept of a user, or of one session of a caller, gone from memory and from the file.

import type { AnswerCache } from "./answer-cache/answer-cache";
import type { openSimilarAnswers } from "./answer-cache/similar-answers";
import type { openConversations } from "./conversations";
import type { Forgotten } from "./deps";
import type { SessionStore } from "./session-store";
import type { Stash } from "./stash/stash";

export interface ForgetParts {
  stash: Pick<Stash, "deleteUser" | "deleteSession">;
  sessions: Pick<SessionStore, "forget">;
  answers: Pick<AnswerCache, "forget">;
  similar: Pick<ReturnType<typeof openSimilarAnswers>, "forget">;
  conversations: Pick<ReturnType<typeof openConversations>, "forgetSession" | "forgetUser" | "note">;
}

/** How many things are gone. @throws Error when not all could be deleted: to be asked again */
export function forgetOwned(parts: ForgetParts, owned: Forgotten): number {
  const { stash, sessions, answers, similar, conversations } = parts;
  if (!("session" in owned)) {
    const { user } = owned;
    let gone = stash.deleteUser({ user });
    for (const each of [sessions, answers, similar]) gone += each.forget({ user });
    conversations.forgetUser(user);
    return gone;
  }
  const caller = { tenant: owned.team ?? "", user: owned.user ?? "" };
  const session = { ...caller, session: owned.session };
  const ran = conversations.forgetSession(session);
  try {
    let gone = 0;
    for (const scope of ran) gone += stash.deleteSession(scope) + sessions.forget(scope);
    // Answers are kept by whom they were given to, not by when: those of the caller go, and are asked for again.
    for (const each of [answers, similar]) gone += each.forget(caller);
    return gone;
  } catch (error) {
    for (const scope of ran) conversations.note(session, scope);
    throw error;
  }
}
