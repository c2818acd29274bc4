// Owns what is noted of one call on its way, for its trace: when each step was done, what was decided, what was said.
// A few assignments a call; everything made of them is made later, elsewhere.

import type { Trace } from "@anyray/shared/store/trace";
import type { Arrival, Call, Identity } from "../call";
import type { Route, RoutedBy } from "../providers/directory";
import type { Caps } from "../state/caps";
import type { ContentTape } from "./content-tape";

/** How the bytes of an answer are to be read. */
export interface TapedForm {
  /** Server-sent events, else one text. */
  isEvents: boolean;
  /** The answer's `content-encoding`, or "identity". */
  encoding: string;
}

/** A content as it was noted: not cut, sealed or put together yet. */
export interface NotedAnswer extends TapedForm {
  /** A tape that is still running, or all of it. */
  source: ContentTape | Uint8Array | string;
}

/** `performance.now()` throughout; 0 = the call did not get so far. */
export class TraceBook {
  readonly arrival: Arrival;
  /** Content mode when the call arrived, see content-modes.ts. */
  readonly mark: number;
  /** Contents are worth noting. */
  readonly keepsContent: boolean;
  readonly #tape: () => ContentTape;
  isClosed = false;

  identity: Identity | null = null;
  provider: string | null = null;
  routedBy: RoutedBy | null = null;
  model: string | null = null;
  isStream = false;
  receivedAt = 0;
  identifiedAt = 0;
  reservedAt = 0;
  optimizedAt = 0;
  dispatchedAt = 0;
  cap: Trace["cap"] = null;
  /** The caller's request without its content encoding, before any edit. */
  asked: Uint8Array | null = null;
  /** Of the whole request, where `asked` is only its beginning; else 0. */
  askedBytes = 0;
  /** What went to the provider, where that is something else. */
  sent: Uint8Array | null = null;
  answer: NotedAnswer | null = null;

  constructor(arrival: Arrival, mark: number, keepsContent: boolean, tape: () => ContentTape) {
    this.arrival = arrival;
    this.mark = mark;
    this.keepsContent = keepsContent;
    this.#tape = tape;
  }

  caller(identity: Identity): void {
    this.identity = identity;
  }

  request(plain: Uint8Array | null, receivedAt: number): void {
    this.receivedAt = receivedAt;
    if (this.keepsContent && plain && plain.length > 0) this.asked = plain;
  }

  asks(model: string | null, isStream: boolean): void {
    this.model = model;
    this.isStream = isStream;
  }

  goesTo({ provider, model, by }: Route): void {
    this.provider = provider.slug;
    this.model = model;
    this.routedBy = by;
  }

  identified({ identity, month, isBillable }: Call, caps: Pick<Caps, "look">): void {
    this.identifiedAt = performance.now();
    if (isBillable && identity.user !== null) this.cap = caps.look(identity.user, month);
  }

  reserved(): void {
    this.reservedAt = performance.now();
  }

  optimized(): void {
    this.optimizedAt = performance.now();
  }

  /** What goes to the provider now; of a request that is no more than remembered, `bytesMax` are enough. */
  dispatched({ plain, body, isBodyInflated, request }: Call, at: number, bytesMax: number): void {
    this.dispatchedAt = at;
    const { asked } = this;
    if (!this.keepsContent || !asked) return;
    // Without an edit it is the caller's own bytes, in the caller's own content encoding.
    const sent = plain ?? (isBodyInflated || !request.headers.has("content-encoding") ? body : asked);
    if (!sent || sent === asked) return;
    this.sent = sent;
    if (asked.length > bytesMax) {
      this.askedBytes = asked.length;
      this.asked = asked.slice(0, bytesMax);
    }
  }

  /** An answer that is there whole. */
  wholeAnswer(source: Uint8Array | string, form: TapedForm): void {
    if (this.keepsContent && source.length > 0) this.answer = { source, ...form };
  }

  /** Takes down an answer that comes in pieces; null where nobody wants it. */
  tapeAnswer(form: TapedForm): ContentTape | null {
    if (!this.keepsContent) return null;
    const source = this.#tape();
    this.answer = { source, ...form };
    return source;
  }
}
