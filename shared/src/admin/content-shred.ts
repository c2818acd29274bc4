// Owns the destruction of contents on an admin's order: audited before it begins, in the store and in what the optimizer
// keeps. Says so where a part of it could not be done; asking again does the rest.

import { AnyrayError } from "../errors";
import type { Store } from "../store/store";
import type { ShredTarget } from "../store/trace-query";
import { type Actor, askStore, runAudited } from "./audit";
import { shown } from "./request";

/** Whose things the optimizer is to forget. */
export type Forgotten = { user: string } | { session: string; user: string | null; team: string | null };

export interface ShredParts {
  store: Store;
  /** Makes finished calls visible to the store: who took part in a session is read there. Never rejects. */
  flushTraces(): Promise<void>;
  /** False: the optimizer did not say that it is done. Never rejects. */
  forget(owned: Forgotten): Promise<boolean>;
}

export interface ShredReport {
  trace?: string;
  session?: string;
  user?: string;
  /** Traces that lost contents now. */
  shreddedTraces: number;
  /** "not_asked": nothing it keeps is known by a single trace, or nobody is known to have been in the session. */
  optimizer: "forgotten" | "not_asked";
}

/**
 * Makes the contents of calls that arrived until now unreadable for ever.
 *
 * @throws AnyrayError `store_unavailable`, also when it could not be audited: nothing was done then; `upstream_unreachable` when
 * only the optimizer is left to do; `not_found` for a trace that is not there
 */
export async function shredContent(
  parts: ShredParts,
  target: ShredTarget,
  actor: Actor,
  reason: string | null,
): Promise<ShredReport> {
  const { store } = parts;
  await parts.flushTraces();
  const owned = await findOwned(store, target);
  const object = Object.entries(target).map(([kind, name]) => `${kind} ${name}`)[0] ?? "";
  const done = await runAudited(
    store,
    actor,
    { action: "content.shred", object, reason },
    async () => {
      const shreddedTraces = await shredStored(store, target, actor.at);
      const forgotten = await Promise.all(owned.map((each) => parts.forget(each)));
      return {
        shreddedTraces,
        optimizer: owned.length === 0 ? "not_asked" : forgotten.every(Boolean) ? "forgotten" : "failed",
      } as const;
    },
    (outcome) => outcome,
  );
  const { shreddedTraces, optimizer } = done;
  if (optimizer !== "failed") return { ...target, shreddedTraces, optimizer };
  throw new AnyrayError(
    "upstream_unreachable",
    `The stored contents are destroyed (of ${shreddedTraces} traces), but the optimizer did not confirm that it forgot what it keeps. Ask again when it is back.`,
  );
}

async function findOwned(store: Store, target: ShredTarget): Promise<Forgotten[]> {
  if ("user" in target) return [target];
  if ("session" in target) {
    const found = await askStore(store.readSession(target.session));
    return (found?.callers ?? []).map((caller) => ({ ...target, ...caller }));
  }
  if (await askStore(store.readTrace(target.trace))) return [];
  throw new AnyrayError("not_found", `There is no trace ${shown(target.trace)}. Old ones are deleted.`);
}

async function shredStored(store: Store, target: ShredTarget, at: number): Promise<number> {
  try {
    return await store.shredContents(target, at);
  } catch (cause) {
    const error = new AnyrayError("store_unavailable", "The contents could not be destroyed entirely. Ask again.");
    error.cause = cause;
    throw error;
  }
}
