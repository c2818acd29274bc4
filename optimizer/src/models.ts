// Owns what is known of models: models.json, looked up by name. It guesses nothing: what no row names gets the defaults
// of the endpoint it is asked at, the more careful where they differ.

import table from "./models.json";

/** Prices are relative to uncached input = 1. Tokens, seconds. */
export interface ModelFacts {
  /** "claude-opus-4.5", "gpt-5", …; "unknown" where the name says nothing. */
  family: string;
  provider: "anthropic" | "openai" | "unknown";
  /** 1 for no caching: reads then cost as much as input. */
  cacheRead: number;
  cacheWrite5m: number;
  cacheWrite1h: number;
  /** "explicit": breakpoints in the request; "implicit": the provider decides; "none". */
  caching: "explicit" | "implicit" | "none";
  cacheTtlSeconds: number;
  /** A shorter prefix is not cached. */
  cacheMinTokens: number;
  /** Cached lengths grow by so many. */
  cacheStepTokens: number;
  cacheBreakpointsMax: number;
  /** Content blocks in front of a breakpoint among which an earlier entry is looked for. */
  cacheLookbackBlocks: number;
  /** Breakpoints may stand in the request; where not, they are an error of 400. */
  acceptsCacheBreakpoints: boolean;
  contextWindowTokens: number;
  /** Tokens per estimated token, before anything was learned. */
  tokenizerFactor: Readonly<Record<"prose" | "code" | "json" | "log" | "other", number>>;
  /** "budget": budget_tokens accepted; "adaptive": a 400 for it, effort instead; "effort": reasoning effort; "none". */
  thinking: "budget" | "adaptive" | "effort" | "none";
  /** The server keeps, and bills, thinking of earlier turns. */
  keepsEarlierThinking: boolean;
  image: ImageFormula;
}

/** How an image's size becomes tokens: patches of a scaled image, or a base and tiles. Pixels. */
export type ImageFormula =
  | { kind: "patches"; patchPx: number; longEdgePxMax: number; patchesMax: number; multiplier: number }
  | { kind: "tiles"; base: number; perTile: number; tilePx: number; longEdgePxMax: number; shortEdgePxMax: number };

type Base = keyof typeof table.bases;

const facts = new Map<string, ModelFacts>();
const defaults = new Map<string, ModelFacts>();
for (const { family, match, base, facts: own } of table.families) {
  const row = { ...table.bases[base as Base], ...own, family } as ModelFacts;
  for (const name of match) facts.set(name, row);
}
for (const [endpoint, base] of Object.entries(table.byEndpoint)) {
  defaults.set(endpoint, { ...table.bases[base as Base], family: "unknown" } as ModelFacts);
}
const unknown = { ...table.bases.unknown, family: "unknown" } as ModelFacts;

/** The family of the longest name that `model` begins with; else defaults. `endpoint`: a path, "/v1/messages". */
export function modelFacts(model: string | null, endpoint: string): ModelFacts {
  if (model !== null && model.length <= 300) {
    const words = plainName(model).split("-");
    for (let length = words.length; length > 0; length--) {
      const found = facts.get(words.slice(0, length).join("-"));
      if (found) return found;
    }
  }
  return defaults.get(endpoint.split("?")[0] ?? "") ?? unknown;
}

/** "us.anthropic.claude-opus-4-5-20251101-v1:0", "anthropic/claude-opus-4.5" → "claude-opus-4-5…". */
function plainName(model: string): string {
  const last = model.toLowerCase().slice(model.lastIndexOf("/") + 1);
  const bare = last.startsWith("ft:") ? last.slice(3) : last;
  const claude = bare.indexOf("claude-");
  return (claude > 0 ? bare.slice(claude) : bare).replace(/[.:@_]/g, "-");
}

/** Tokens that an image of this size costs; `detail` as the OpenAI API has it. 0 for no area. */
export function imageTokens(formula: ImageFormula, widthPx: number, heightPx: number, detail: string | null): number {
  if (!(widthPx > 0 && heightPx > 0)) return 0;
  return formula.kind === "tiles"
    ? tileTokens(formula, widthPx, heightPx, detail)
    : patchTokens(formula, widthPx, heightPx);
}

function tileTokens(
  { base, perTile, tilePx, longEdgePxMax, shortEdgePxMax }: Extract<ImageFormula, { kind: "tiles" }>,
  widthPx: number,
  heightPx: number,
  detail: string | null,
): number {
  if (detail === "low") return base;
  const fit = Math.min(1, longEdgePxMax / Math.max(widthPx, heightPx));
  const scale = fit * Math.min(1, shortEdgePxMax / (fit * Math.min(widthPx, heightPx)));
  return base + perTile * patchesOf(widthPx * scale, heightPx * scale, tilePx);
}

function patchTokens(
  { patchPx, longEdgePxMax, patchesMax, multiplier }: Extract<ImageFormula, { kind: "patches" }>,
  widthPx: number,
  heightPx: number,
): number {
  const scale = Math.min(1, longEdgePxMax / Math.max(widthPx, heightPx));
  const patches = Math.min(patchesMax, patchesOf(widthPx * scale, heightPx * scale, patchPx));
  return Math.ceil(patches * multiplier);
}

/** Scaling leaves sizes like 768.0000000001 behind: no patch begins for that. */
function patchesOf(widthPx: number, heightPx: number, patchPx: number): number {
  const along = (px: number) => Math.ceil(Math.round(px * 1e6) / 1e6 / patchPx);
  return along(widthPx) * along(heightPx);
}
