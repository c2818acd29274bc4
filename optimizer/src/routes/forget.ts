// Owns POST /v1/forget: what is kept of a user, or of one session of a caller, is deleted. Answers when it is gone.

import { nameRule, readName, refuseFaults, shown } from "@anyray/shared/admin/request";
import type { Forgotten } from "../deps";
import { type Members, readMembers } from "../envelope";
import { readText } from "../request-body";
import { memberValue } from "./fields";
import { type Reply, type RouteParts, reply, smallBodyBytesMax } from "./route";

export async function answerForget(request: Request, parts: RouteParts): Promise<Reply> {
  const owned = readForgotten(readMembers(await readText(request, smallBodyBytesMax), []));
  return reply({ forgotten: await parts.optimizer.forget(owned) });
}

/** @throws AnyrayError invalid_request naming every fault */
function readForgotten(members: Members): Forgotten {
  const faults: string[] = [];
  const name = (field: string): string | null => {
    const value = memberValue(members, field);
    if (value === undefined) return null;
    const read = readName(value);
    if (read === undefined) faults.push(`${field}=${shown(value)}: accepted is ${nameRule}`);
    return read ?? null;
  };
  const [user, team, session] = [name("user"), name("team"), name("session")];
  if (user === null && session === null && faults.length === 0)
    faults.push("user or session: one of them must be given");
  if (team !== null && session === null) faults.push("team: accepted only with session");
  refuseFaults(faults);
  // Without a session there is a user, or a fault.
  return session === null ? { user: user ?? "" } : { session, user, team };
}
