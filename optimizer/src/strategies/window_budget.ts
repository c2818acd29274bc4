// Owns how large a conversation may be: over the ceiling, old results become stubs and old turns go, down to a low-water
// mark. A crop stands, byte for byte, until the ceiling is reached again.

import { observationStub } from "../observation-stub";
import type { Draft, Segment } from "../segments/draft";
import type { Params, Run, Strategy } from "../strategy";
import { type Subject, stashLines } from "../subjects";
import { grouped } from "../text/lines";
import { type Candidate, type Choice, choose } from "./window_budget/choose";
import { applyCrop, gapsOf, recallCrop, rememberCrop } from "./window_budget/gaps";
import { type Exchange, exchangesOf, type Unit } from "./window_budget/units";
import { citedUnits, segmentsOf, worthOf } from "./window_budget/worth";

/** Of the model's window: where no ceiling is given, and from where on a crop does not wait until it pays. */
const ceilingShare = 0.6;
const dangerShare = 0.9;
/** Of the ceiling: a crop that misses it must at least bring this much. */
const vainShare = 0.1;
/** A message's frame, and an image of usual size, in tokens. */
const messageTokens = 4;
const imageTokens = 1_600;
/** What stands for a gap, at most. */
const markerTokens = 150;
const attemptsMax = 4;
const stubCharsMin = 600;
const answerCharsMin = 80;

export const windowBudget = {
  kind: "window_budget",
  tier: "whole",
  about: {
    does: "Crops a conversation over its ceiling: old results become stubs, then the least useful old turns go.",
    risk: "The model forgets turns that it may still need; what is gone can be retrieved, but only if it asks.",
  },
  params: {
    maxTokens: {
      type: "integer",
      default: null,
      min: 1_000,
      max: 100_000_000,
      help: "Ceiling in estimated tokens. null: 0.6 of the model's window, and only when the crop pays or the window fills up.",
    },
    lowWater: {
      type: "number",
      default: 0.6,
      min: 0.1,
      max: 0.95,
      help: "Share of the ceiling that a crop goes down to.",
    },
    keepRecent: {
      type: "integer",
      default: 3,
      min: 1,
      max: 1_000,
      help: "Last turns with calls, or answers, that stay.",
    },
  },
  bodyBytesMin: 4_000,
  run(draft, params, run) {
    if (isCroppedElsewhere(draft)) return run.suppress("provider_crops");
    const dropped = recallCrop(draft, run.recall());
    const sizes = sizesOf(draft, run);
    const ceiling = (params["maxTokens"] as number | null) ?? Math.floor(run.model.contextWindowTokens * ceilingShare);
    const before = totalOf(draft, sizes, dropped);
    if (before <= ceiling) {
      if (dropped.size === 0) return;
      applyCrop(draft, dropped, run);
      return run.report(`${grouped(dropped.size)} messages left out since an earlier turn`, dropped.size);
    }
    const target = Math.floor(ceiling * (params["lowWater"] as number));
    crop({ draft, params, run, sizes, dropped, before, ceiling, target });
  },
} satisfies Strategy;

interface Sight {
  draft: Draft;
  params: Params;
  run: Run;
  sizes: ReadonlyMap<Segment, number>;
  /** Messages that earlier turns left out. */
  dropped: ReadonlySet<number>;
  before: number;
  ceiling: number;
  target: number;
}

/** The provider, or the client through it, decides already what is left of the conversation. */
function isCroppedElsewhere(draft: Draft): boolean {
  if (draft.field("truncation") === "auto") return true;
  return ["context_management", "previous_response_id", "conversation"].some((name) => {
    const value = draft.field(name);
    return value !== undefined && value !== null;
  });
}

function sizesOf(draft: Draft, run: Run): Map<Segment, number> {
  const sizes = new Map<Segment, number>();
  for (const segment of draft.segments) {
    if (segment.kind === "image") sizes.set(segment, imageTokens);
    else sizes.set(segment, segment.text === "" ? segment.tokens : run.tokens(segment.text));
  }
  return sizes;
}

function totalOf(draft: Draft, sizes: Sight["sizes"], dropped: ReadonlySet<number>): number {
  let total = draft.tools.reduce((sum, { tokens }) => sum + tokens, 0);
  for (const [{ message }, tokens] of sizes) if (!dropped.has(message)) total += tokens;
  return total + (draft.messages.length - dropped.size) * messageTokens + gapsOf(draft, dropped).length * markerTokens;
}

function crop(sight: Sight): void {
  const { draft, run, dropped, before, ceiling, params } = sight;
  const plan = planCrop(sight);
  const all = new Set(dropped);
  for (const unit of plan.drop) for (const index of unit.messages) all.add(index);
  const isAuto = params["maxTokens"] === null;
  const isInDanger = before >= run.model.contextWindowTokens * dangerShare;
  // What cannot get under the ceiling is not cropped anew on each turn for the little that each brings.
  const isVain = plan.tokens > ceiling && before - plan.tokens < ceiling * vainShare;
  if (((isAuto && !run.isCold && !isInDanger) || isVain) && !paysOff(plan, sight)) {
    if (dropped.size > 0) applyCrop(draft, dropped, run);
    run.suppress(isVain ? "ceiling_out_of_reach" : "does_not_pay_yet");
    return;
  }
  let stubbed = 0;
  for (const unit of plan.stub) stubbed += applyStubs(unit, plan.stubs, sight);
  if (all.size > 0) applyCrop(draft, all, run);
  if (all.size > dropped.size) {
    run.remember(rememberCrop(draft, all));
    run.sidecar["cropped"] = all.size - dropped.size;
  }
  if (plan.tokens > ceiling) run.suppress("ceiling_out_of_reach");
  if (all.size + stubbed === 0) return;
  run.report(`${grouped(all.size)} messages left out, ${grouped(stubbed)} results masked`, all.size + stubbed);
}

interface Plan extends Choice {
  stubs: ReadonlyMap<Segment, Stub>;
}

interface Stub {
  text: string;
  saved: number;
}

/** First with the whole live turn as it is; where that is not enough, with its older loops as candidates too. */
function planCrop(sight: Sight): Plan {
  const { draft, run, before, ceiling } = sight;
  const exchanges = exchangesOf(draft).map((exchange) => withoutDropped(exchange, sight.dropped));
  const units = exchanges
    .flatMap(({ frame, loops }) => [frame, ...loops])
    .filter(({ messages }) => messages.length > 0);
  units.sort((a, b) => (a.messages[0] ?? 0) - (b.messages[0] ?? 0));
  const worths = worthOf(units, draft, run);
  const worthIn = new Map(units.map((unit, at) => [unit, worths[at] ?? 0]));
  const cited = citedUnits(units, draft);
  let plan: Plan = { stub: new Set(), drop: new Set(), tokens: before, stubs: new Map() };
  for (const isLiveOpen of [false, true]) {
    run.budget.check();
    const pinned = pinnedUnits(units, exchanges, cited, isLiveOpen, sight);
    const open = units.filter((unit) => !pinned.has(unit));
    const stubs = makeStubs(open, sight);
    const candidates = open.map((unit) => candidateOf(unit, worthIn.get(unit) ?? 0, stubs, sight));
    const keepsLoops = (exchange: Exchange) => exchange.loops.some((loop) => pinned.has(loop));
    plan = { ...chooseWithGaps(candidates, keepsLoops, sight), stubs };
    if (plan.tokens <= ceiling) break;
  }
  return plan;
}

/** Each gap costs its marker, and how many there will be is known afterwards only. */
function chooseWithGaps(
  candidates: readonly Candidate[],
  keepsLoops: (exchange: Exchange) => boolean,
  { draft, dropped, before, target }: Sight,
): Choice {
  const others = before - candidates.reduce((sum, { tokens }) => sum + tokens, 0);
  const gapsBefore = gapsOf(draft, dropped).length;
  let gaps = 1;
  for (let attempt = 0; ; attempt += 1) {
    const choice = choose(candidates, others + gaps * markerTokens, target, keepsLoops);
    const all = new Set(dropped);
    for (const unit of choice.drop) for (const index of unit.messages) all.add(index);
    const more = gapsOf(draft, all).length - gapsBefore;
    const tokens = choice.tokens + (more - gaps) * markerTokens;
    if (more <= gaps || attempt === attemptsMax) return { ...choice, tokens };
    gaps = more;
  }
}

function withoutDropped(exchange: Exchange, dropped: ReadonlySet<number>): Exchange {
  const stays = ({ messages }: Unit) => messages.every((index) => !dropped.has(index));
  exchange.loops = exchange.loops.filter(stays);
  if (!stays(exchange.frame)) exchange.frame = { ...exchange.frame, messages: [] };
  return exchange;
}

function pinnedUnits(
  units: readonly Unit[],
  exchanges: readonly Exchange[],
  cited: ReadonlySet<Unit>,
  isLiveOpen: boolean,
  { draft, params }: Sight,
): Set<Unit> {
  const pinned = new Set<Unit>(cited);
  for (const unit of units) if (unit.isFixed || isFresh(unit, draft)) pinned.add(unit);
  const byEnd = [...units].sort((a, b) => (a.messages.at(-1) ?? 0) - (b.messages.at(-1) ?? 0));
  for (const unit of byEnd.slice(-(params["keepRecent"] as number))) pinned.add(unit);
  const live = exchanges.at(-1);
  for (const exchange of [exchanges[0], live]) if (exchange) pinned.add(exchange.frame);
  if (!isLiveOpen) for (const loop of live?.loops ?? []) pinned.add(loop);
  const answers = answersOf(draft);
  for (const unit of units) if (unit.messages.some((index) => answers.has(index))) pinned.add(unit);
  return pinned;
}

/** Messages of the last two texts of the assistant, whose citations pin others, and of the last that is an answer. */
function answersOf({ segments }: Draft): Set<number> {
  const said = segments.filter(
    ({ role, kind, original }) => role === "assistant" && kind === "text" && original !== "",
  );
  const answer = said.findLast(({ original }) => original.length > answerCharsMin);
  return new Set([...said.slice(-2), ...(answer ? [answer] : [])].map(({ message }) => message));
}

function isFresh(unit: Unit, draft: Draft): boolean {
  return segmentsOf(unit, draft).some((segment) => segment.isFresh);
}

function makeStubs(units: readonly Unit[], { draft, run, sizes }: Sight): Map<Segment, Stub> {
  const stubs = new Map<Segment, Stub>();
  const subjects: Subject[] = [];
  for (const segment of units.flatMap((unit) => segmentsOf(unit, draft))) {
    const { text, kind } = segment;
    if (kind !== "tool_result" || text.length < stubCharsMin || !draft.accepts(segment, "whole")) continue;
    subjects.push({ segment, start: 0, end: text.length, text });
  }
  for (const subject of subjects) {
    run.budget.check();
    const text = observationStub(subject, run, () => stashLines(run, subject));
    const saved = (sizes.get(subject.segment) ?? 0) - run.tokens(text);
    if (saved > 0) stubs.set(subject.segment, { text, saved });
  }
  // A stub that the prompt's cache does not pay for is taken back behind our back: then turns go instead.
  const first = subjects.find(({ segment }) => stubs.has(segment));
  const saved = [...stubs.values()].reduce((sum, stub) => sum + stub.saved, 0);
  return first && (run.isCold || run.pays(first.segment.at, saved)) ? stubs : new Map();
}

function candidateOf(unit: Unit, worth: number, stubs: Plan["stubs"], { draft, sizes }: Sight): Candidate {
  let tokens = unit.messages.length * messageTokens;
  let saved = 0;
  for (const segment of segmentsOf(unit, draft)) {
    tokens += sizes.get(segment) ?? 0;
    saved += stubs.get(segment)?.saved ?? 0;
  }
  return { unit, tokens, stubbed: tokens - saved, worth };
}

function paysOff({ drop, stub, tokens }: Plan, { draft, run, before }: Sight): boolean {
  const places = [...drop, ...stub].flatMap((unit) => segmentsOf(unit, draft).map(({ at }) => at));
  return places.length > 0 && run.pays(Math.min(...places), before - tokens);
}

function applyStubs(unit: Unit, stubs: Plan["stubs"], { draft }: Sight): number {
  let count = 0;
  for (const segment of segmentsOf(unit, draft)) {
    const stub = stubs.get(segment);
    if (stub && draft.propose(segment, stub.text, "whole")) count += 1;
  }
  return count;
}
