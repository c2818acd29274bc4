// Owns POST /v1/optimize-response: an answer on its way back. Whatever goes wrong, it goes back as it came.

import { refuseFaults } from "@anyray/shared/admin/request";
import { parsed, readMembers } from "../envelope";
import { readText } from "../request-body";
import { isObject, readAsker, readObject, readWord } from "./fields";
import { envelopeBytesMax, type Reply, type RouteParts } from "./route";

export async function answerOptimizeResponse(request: Request, parts: RouteParts): Promise<Reply> {
  const text = await readText(request, 2 * parts.bodyBytesMax + envelopeBytesMax);
  const members = readMembers(text, ["request", "response"]);
  const faults: string[] = [];
  const endpoint = readWord(members, "endpoint", 256, faults);
  if (endpoint === null && faults.length === 0) faults.push('endpoint is missing: for example "/v1/chat/completions"');
  if (members.has("request")) readObject(members, "request", faults);
  readObject(members, "response", faults);
  const asker = readAsker(members, faults);
  if (faults.length > 0) faults.push("accepted are endpoint, request, response and metadata");
  refuseFaults(faults);
  const responseText = members.get("response") ?? "{}";
  try {
    const facts = { endpoint: endpoint ?? "", requestText: members.get("request") ?? null, asker };
    const optimized = await parts.optimizer.optimizeResponse(responseText, facts);
    const isSame = optimized.responseText === responseText;
    if (!isSame && !(optimized.responseText.isWellFormed() && isObject(parsed(optimized.responseText)))) {
      throw new Error("the optimized answer is no JSON object");
    }
    const body = answerText(optimized.responseText, optimized.decisions);
    parts.metrics.decided(optimized.decisions, []);
    return { body, status: 200, outcome: isSame ? "unchanged" : "changed" };
  } catch (error) {
    parts.passOver("optimize-response", error);
    return { body: answerText(responseText, []), status: 200, outcome: "failed" };
  }
}

function answerText(responseText: string, decisions: readonly unknown[]): string {
  return `{"protocolVersion":1,"response":${responseText},"decisions":${JSON.stringify(decisions)}}`;
}
