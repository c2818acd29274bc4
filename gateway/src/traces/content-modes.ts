// Owns which content mode holds now, and which was the strictest since a call began: what arrived under a strict mode
// is not kept because a looser one followed.

import { contentModes } from "@anyray/shared/admin/privacy";
import type { ContentMode, TraceContent } from "@anyray/shared/store/trace";

/** The stricter of two. */
export function stricter(a: ContentMode, b: ContentMode): ContentMode {
  return contentModes.indexOf(a) < contentModes.indexOf(b) ? a : b;
}

/** Whether a content that was kept in this way may still be written while `mode` holds. */
export function isAllowed({ mode: kept }: Pick<TraceContent, "mode">, mode: ContentMode): boolean {
  return stricter(kept, mode) === kept;
}

export interface ContentModes {
  current(): ContentMode;
  set(mode: ContentMode): void;
  /** A moment, for `strictestSince`. */
  mark(): number;
  strictestSince(mark: number): ContentMode;
}

export function createContentModes(first: ContentMode): ContentModes {
  // As long as the number of changes an admin made: a few.
  const history = [first];
  let current = first;
  return {
    current: () => current,
    set(mode) {
      if (mode === current) return;
      current = mode;
      history.push(mode);
    },
    mark: () => history.length - 1,
    strictestSince: (mark) =>
      mark === history.length - 1 ? current : history.slice(mark).reduce((mode, next) => stricter(mode, next)),
  };
}
