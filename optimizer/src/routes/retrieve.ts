// Owns POST /v1/retrieve: a stashed original, or a part of it. What is unknown and what is another's are the same 404.

import { refuseFaults } from "@anyray/shared/admin/request";
import { AnyrayError } from "@anyray/shared/errors";
import { parsed, readMembers } from "../envelope";
import { readText } from "../request-body";
import { parseRetrieveQuery } from "../stash/query";
import { memberValue, readAsker } from "./fields";
import { type Reply, type RouteParts, reply, smallBodyBytesMax } from "./route";

export async function answerRetrieve(request: Request, parts: RouteParts): Promise<Reply> {
  const text = await readText(request, smallBodyBytesMax);
  const members = readMembers(text, []);
  const query = parseRetrieveQuery(parsed(text));
  const faults: string[] = [];
  // Who has the token and names nobody speaks for itself, and may see everything.
  const asker = memberValue(members, "metadata") === undefined ? null : readAsker(members, faults);
  refuseFaults(faults);
  const retrieved = await parts.optimizer.retrieve(query, asker);
  if (retrieved) return reply(retrieved);
  throw new AnyrayError("not_found", "There is nothing to retrieve under this handle.");
}
