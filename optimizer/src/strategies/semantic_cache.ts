// semantic_cache: whether an answer given before may stand for this one, and under which name it is kept. Exact matches
// after normalising what means nothing, and similar questions where that is switched on; looking up and keeping is the
// service's.

import type { Draft } from "../segments/draft";
import type { Params, Run, Strategy } from "../strategy";

type Scope = "user" | "team" | "tenant";

/** What the service looks similar questions up by, as `sidecar.cacheSimilar`: it never leaves the service. */
export interface CacheSimilar {
  /** Keyed hash of everything but the last question. */
  group: string;
  /** The last question. */
  text: string;
  errorRateMax: number;
}

export const semanticCache = {
  kind: "semantic_cache",
  tier: "read",
  about: {
    does: "Answers a request that was asked before, word for word (or, if set, nearly so), with the answer given then.",
    risk: "The answer is as old as the first one, and varied words are not. A similar question may get a wrong answer.",
  },
  params: {
    scope: {
      type: "choice",
      default: "user",
      choices: ["user", "team", "tenant"],
      help: "Who shares answers. Beyond a user, questions that speak of time or of persons are never answered so.",
    },
    ttlSeconds: { type: "integer", default: 3_600, min: 1, max: 2_592_000, help: "How long an answer may be used." },
    maxTemperature: {
      type: "number",
      default: 0.3,
      min: 0,
      max: 2,
      help: "Requests with a higher temperature want varied answers. One without counts as 1.",
    },
    maxChars: {
      type: "integer",
      default: 8_000,
      min: 1,
      max: 1_000_000,
      help: "Longest conversation, in characters, that is looked up.",
    },
    similarity: {
      type: "boolean",
      default: false,
      help: "Also answers a user's question that is nearly the same as an earlier one of that user. Only with scope user.",
    },
    maxErrorRate: {
      type: "number",
      default: 0.01,
      min: 0.0001,
      max: 0.5,
      help: "Share of similar questions that may get an answer which the model would not have given.",
    },
  },
  bodyBytesMin: 0,
  run(draft, params, run) {
    if (!run.canShortCircuit) {
      run.suppress("no_short_circuit");
      return;
    }
    const request = JSON.parse(draft.source) as Record<string, unknown>;
    const scope = params["scope"] as Scope;
    if (!isEligible(draft, request, params) || (scope !== "user" && speaksOfNow(draft))) return;
    const whose = ownerOf(scope, run);
    if (whose === null) return;
    run.sidecar["cacheKey"] = run.keyed(canonical([draft.api.name, whose, normalised(request)]));
    run.sidecar["cacheTtlSeconds"] = params["ttlSeconds"];
    if (params["similarity"] !== true || scope !== "user") return;
    const question = lastQuestion(draft, request);
    if (question === null) return;
    // Everything but the last question: only what differs in nothing else is compared.
    const group = run.keyed(canonical(["similar", draft.api.name, whose, normalised(question.rest)]));
    const asked: CacheSimilar = { group, text: question.text, errorRateMax: params["maxErrorRate"] as number };
    run.sidecar["cacheSimilar"] = asked;
  },
} satisfies Strategy;

/** Null: a request of nobody is shared with nobody. */
function ownerOf(scope: Scope, { asker }: Run): unknown {
  if (scope === "tenant") return ["tenant"];
  if (scope === "team") return asker.team === null ? null : ["team", asker.team];
  return asker.user === null ? null : ["user", asker.team, asker.user];
}

function isEligible(draft: Draft, request: Record<string, unknown>, params: Params): boolean {
  const temperature = request["temperature"] ?? 1;
  if (typeof temperature !== "number" || temperature > (params["maxTemperature"] as number)) return false;
  if ((request["n"] ?? 1) !== 1 || request["background"] === true || request["store"] === true) return false;
  // What continues an answer that is kept elsewhere is not told by its own text.
  if (request["previous_response_id"] != null || request["conversation"] != null) return false;
  if (draft.tools.length > 0 || request["functions"] !== undefined || draft.segments.length === 0) return false;
  if (draft.segments.some(({ kind }) => kind !== "text")) return false;
  const chars = draft.segments.reduce((sum, { original }) => sum + original.length, 0);
  return chars <= (params["maxChars"] as number);
}

/** The last message where it is one text of the user's, and the request without it. */
function lastQuestion({ segments, messages }: Draft, request: Record<string, unknown>) {
  const own = segments.filter(({ message }) => message === messages.length - 1);
  const [question] = own;
  if (own.length !== 1 || question?.role !== "user" || question.original === "") return null;
  const name = Array.isArray(request["messages"]) ? "messages" : "input";
  const list = request[name];
  const rest = { ...request, [name]: Array.isArray(list) ? [...list.slice(0, -1), null] : null };
  return { text: question.original.normalize("NFC"), rest };
}

const nowWords = new Set(
  "today now latest current currently yesterday tomorrow tonight recent recently my me mine i we our us".split(" "),
);

function speaksOfNow({ segments }: Draft): boolean {
  return segments.some(
    ({ role, original }) =>
      role === "user" && (original.toLowerCase().match(/[a-z]+/g) ?? []).some((word) => nowWords.has(word)),
  );
}

/** How an answer is delivered, and labels that no model sees. */
const withoutMeaning = new Set([
  "stream",
  "stream_options",
  "user",
  "metadata",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "store",
  "service_tier",
]);

function normalised(request: Record<string, unknown>): Record<string, unknown> {
  const kept = Object.entries(request).filter(([name]) => !withoutMeaning.has(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, texts.has(name) ? deeply(value, normalText) : value]));
}

const texts = new Set(["messages", "input", "system", "instructions"]);

/** White space means something in code, so a text with any in it stays as it is. */
function normalText(text: string): string {
  const plain = text.normalize("NFC");
  if (plain.includes("```") || /^(?: {4}|\t)/m.test(plain)) return plain;
  return plain.trim().replace(/\s+/g, " ");
}

function deeply(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((each) => deeply(each, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, deeply(each, change)]));
}

/** The same text for the same value, whatever the order of its members. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, each: unknown) => {
    if (typeof each !== "object" || each === null || Array.isArray(each)) return each;
    // Told from an array of pairs by what no JSON of an array begins with here.
    return ["\u0000", ...Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))];
  });
}
