// Owns what is handed over of a call that has ended, for its trace to be made of elsewhere: plain data, and as little of
// it as will do, because writing it as JSON is what a trace costs its call.

import type { ErrorCode } from "@anyray/shared/errors";
import type { Price } from "@anyray/shared/pricing";
import type { SpendRow } from "@anyray/shared/store/spend-row";
import type { ContentMode, Trace, TraceContent, TraceDecision } from "@anyray/shared/store/trace";
import type { Call, Optimized, Outcome } from "../call";
import type { RoutedBy } from "../providers/directory";
import { agentsOf } from "./agent";
import type { TapedForm, TraceBook } from "./trace-book";

/** Milliseconds since arrival; null = the call did not get so far. */
export interface StepTimes {
  received: number | null;
  identified: number | null;
  reserved: number | null;
  optimized: number | null;
  dispatched: number | null;
  firstByte: number | null;
  /** The answer was over, or the call was refused. */
  ended: number;
  settled: number | null;
  recorded: number | null;
}

export interface ContentDraft extends TapedForm {
  field: TraceContent["field"];
  /** Where it lies in the bytes that come with the drafts. */
  offset: number;
  length: number;
  /** Of the whole content, as far as that is known. */
  bytes: number;
  isCut: boolean;
}

/** What a row says of a call, for those that leave none. */
export type Unrecorded = Pick<
  Trace,
  | ("user" | "team" | "session" | "tool" | "provider" | "model" | "responseModel" | "endpoint" | "stream")
  | ("status" | "endReason" | "outcome" | "overheadMs")
>;

export interface TraceDraft {
  id: string;
  ts: number;
  /** Null for a call that leaves none; then there is `unrecorded`, and else not. */
  row: SpendRow | null;
  unrecorded: Unrecorded | null;
  agent: string | null;
  parentAgent: string | null;
  routedBy: RoutedBy | null;
  /** Path of the endpoint that took the call: tells how its answers are put together. */
  api: string;
  errorCode: ErrorCode | null;
  times: StepTimes;
  cap: Trace["cap"];
  priceRow: string | null;
  decisions: readonly TraceDecision[];
  /** "kind: reason" of what the optimizer left alone. */
  suppressed: readonly string[];
  mode: ContentMode;
  contents: ContentDraft[];
  /** The caller's header, where an exporter asks for it. */
  traceparent?: string | null;
}

/** How a call ended that was dispatched, or served from the cache. */
export interface DispatchedEnd {
  call: Call;
  optimized: Optimized;
  outcome: Outcome;
  row: SpendRow | null;
  price: Pick<Price, "origin" | "provider" | "id"> | null;
  errorCode: ErrorCode | null;
  endedAt: number;
  settledAt: number;
  recordedAt: number;
}

/** How a call ended that was not. */
export interface RefusedEnd {
  status: number;
  endReason: Trace["endReason"];
  /** Null for a caller that left. */
  errorCode: ErrorCode | null;
  endedAt: number;
}

const none: readonly never[] = [];

function basics(book: TraceBook) {
  const { arrival, identity } = book;
  const { agent, parentAgent } = agentsOf(arrival.request.headers, identity?.labels ?? null);
  return {
    id: arrival.id,
    ts: arrival.arrivedAt,
    ...{ agent, parentAgent, routedBy: book.routedBy, api: arrival.endpoint.path, cap: book.cap },
    // Decided when it is handed over.
    mode: "off" as ContentMode,
    contents: [],
  };
}

function unrecordedOf(
  { identity, provider, model, isStream, arrival }: TraceBook,
  ended: Pick<Unrecorded, "responseModel" | "status" | "endReason" | "outcome" | "overheadMs">,
): Unrecorded {
  const { user = null, team = null, session = null, tool = null } = identity ?? {};
  return { user, team, session, tool, provider, model, endpoint: arrival.path, stream: isStream, ...ended };
}

export function draftOfDispatched(book: TraceBook, end: DispatchedEnd): TraceDraft {
  const { call, optimized, outcome, row, price, errorCode } = end;
  const { facts } = optimized;
  const { responseModel, status, endReason } = outcome;
  const overheadMs = Math.max(0, end.endedAt - call.receivedAt - outcome.upstreamMs);
  return {
    ...basics(book),
    ...{ row, errorCode },
    unrecorded: row
      ? null
      : unrecordedOf(book, { responseModel, status, endReason, outcome: optimized.outcome, overheadMs }),
    times: timesOf(book, outcome.firstByteAt, end),
    priceRow: price && `${price.origin} ${price.provider}/${price.id}`,
    decisions:
      facts?.decisions.map(({ kind, summary, tokensBefore, tokensAfter, ms }) => {
        return { kind, summary, tokensBefore, tokensAfter, ms };
      }) ?? none,
    suppressed: facts?.suppressedKinds.map(({ kind, reason }) => `${kind}: ${reason}`) ?? none,
  };
}

export function draftOfRefused(book: TraceBook, end: RefusedEnd): TraceDraft {
  const { status, endReason, errorCode, endedAt } = end;
  const overheadMs = endedAt - (book.receivedAt || book.arrival.startedAt);
  return {
    ...basics(book),
    ...{ row: null, errorCode },
    unrecorded: unrecordedOf(book, { responseModel: null, status, endReason, outcome: "off", overheadMs }),
    times: timesOf(book, null, { endedAt, settledAt: 0, recordedAt: 0 }),
    ...{ priceRow: null, decisions: none, suppressed: none },
  };
}

function timesOf(
  book: TraceBook,
  firstByteAt: number | null,
  end: Pick<DispatchedEnd, "endedAt" | "settledAt" | "recordedAt">,
): StepTimes {
  const { startedAt } = book.arrival;
  const since = (at: number | null) => (at ? Math.round((at - startedAt) * 1_000) / 1_000 : null);
  return {
    received: since(book.receivedAt),
    identified: since(book.identifiedAt),
    reserved: since(book.reservedAt),
    optimized: since(book.optimizedAt),
    dispatched: since(book.dispatchedAt),
    firstByte: since(firstByteAt),
    ended: since(end.endedAt) ?? 0,
    settled: since(end.settledAt),
    recorded: since(end.recordedAt),
  };
}
