// Owns POST /v1/feedback: what a call was billed for, which estimates and the provider's cache are known by.

import { refuseFaults } from "@anyray/shared/admin/request";
import { readMembers } from "../envelope";
import { readText } from "../request-body";
import { memberValue, readAsker, readTokens, readWord } from "./fields";
import { type Reply, type RouteParts, reply, smallBodyBytesMax } from "./route";

const usageNames = ["inputTokens", "cachedInputTokens", "cacheWriteTokens", "outputTokens"] as const;

/** Answers 202 before the word is heeded: whoever tells it has nothing to wait for. */
export async function answerFeedback(request: Request, parts: RouteParts): Promise<Reply> {
  const members = readMembers(await readText(request, smallBodyBytesMax), []);
  const faults: string[] = [];
  const named = readAsker(members, faults);
  const sessionId = readWord(members, "sessionId", 256, faults) ?? named.sessionId;
  const feedback = {
    optimizationId: readWord(members, "optimizationId", 64, faults),
    sessionId,
    model: readWord(members, "model", 256, faults),
    endpoint: readWord(members, "endpoint", 256, faults),
    asker: { ...named, sessionId },
    usage: readTokens(memberValue(members, "usage"), usageNames, faults),
  };
  if (faults.length > 0) {
    faults.push("accepted are optimizationId, sessionId, model, endpoint, usage and metadata");
  }
  refuseFaults(faults);
  const heed = async () => parts.optimizer.feedback(feedback);
  void heed().catch((error) => parts.passOver("feedback", error));
  return reply({ accepted: true }, "ok", 202);
}
