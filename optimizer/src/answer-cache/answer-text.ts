// Owns what an answer says, as text that can be compared: whole answers that ended by themselves with text alone.

type Json = Readonly<Record<string, unknown>>;

/** The text, white space evened out; null for any other answer. */
export function answerText(responseText: string): string | null {
  let answer: unknown;
  try {
    answer = JSON.parse(responseText);
  } catch {
    return null;
  }
  if (!isObject(answer)) return null;
  const text = chatText(answer) ?? messageText(answer) ?? responseTextOf(answer);
  return text === null || text.trim() === "" ? null : text.normalize("NFC").trim().replace(/\s+/g, " ");
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function chatText({ choices }: Json): string | null {
  if (!Array.isArray(choices) || choices.length !== 1 || !isObject(choices[0])) return null;
  const { finish_reason: reason, message } = choices[0];
  if (reason !== "stop" || !isObject(message) || message["refusal"]) return null;
  const calls = message["tool_calls"];
  const isCalling = (Array.isArray(calls) && calls.length > 0) || isObject(message["function_call"]);
  return !isCalling && typeof message["content"] === "string" ? message["content"] : null;
}

function messageText({ type, stop_reason: reason, content }: Json): string | null {
  if (type !== "message" || reason !== "end_turn") return null;
  return textOfAll(content, "text");
}

function responseTextOf({ object, status, output }: Json): string | null {
  if (object !== "response" || status !== "completed" || !Array.isArray(output)) return null;
  const said = output.filter((item) => !(isObject(item) && item["type"] === "reasoning"));
  const texts = said.map((item) => {
    return isObject(item) && item["type"] === "message" ? textOfAll(item["content"], "output_text") : null;
  });
  return texts.some((text) => text === null) ? null : texts.join("\n");
}

/** Null where a block is of another type. */
function textOfAll(blocks: unknown, type: string): string | null {
  if (!Array.isArray(blocks)) return null;
  const texts = blocks.map((block) => {
    return isObject(block) && block["type"] === type && typeof block["text"] === "string" ? block["text"] : null;
  });
  return texts.some((text) => text === null) ? null : texts.join("");
}
