// Owns policy and its audit: what the admin decided, each change together with who made it.

import type { Database } from "bun:sqlite";
import { and, eq, inArray, sql } from "drizzle-orm";
import { type BunSQLiteDatabase, drizzle } from "drizzle-orm/bun-sqlite";
import type { AuditAppended } from "./audit-step";
import { cap, price, provider, setting, storeState } from "./sqlite.schema";
import type { AuditTables } from "./sqlite-audit";
import { atOnce } from "./sqlite-file";
import type { AuditEntry, Policy, PolicyChange, PriceOverride } from "./store";

export interface PolicyTables {
  readPolicy(): Policy;
  readRevision(): number;
  changePolicy(change: PolicyChange, entry: Omit<AuditEntry, "before">): { policy: Policy; appended: AuditAppended };
}

export function openPolicy(db: Database, audit: AuditTables): PolicyTables {
  const orm = drizzle(db);
  const revision = db.prepare<{ revision: number }, []>("SELECT revision FROM store_state");
  return {
    readPolicy: () => atOnce(db, () => readAll(orm)),
    readRevision: () => revision.get()?.revision ?? 0,
    changePolicy(change, entry) {
      const { value: policy, appended } = audit.durably(() => {
        const before = readBefore(orm, change);
        applyChange(orm, change);
        orm
          .update(storeState)
          .set({ revision: sql`${storeState.revision} + 1` })
          .run();
        audit.add({ ...entry, before });
        return readAll(orm);
      });
      return { policy, appended };
    },
  };
}

/** To be called within a transaction. */
export function readPolicy(db: Database): Policy {
  return readAll(drizzle(db));
}

function readAll(orm: BunSQLiteDatabase): Policy {
  const settings = orm.select().from(setting).orderBy(setting.key).all();
  return {
    revision: orm.select().from(storeState).get()?.revision ?? 0,
    caps: orm.select().from(cap).orderBy(cap.user).all(),
    prices: orm.select().from(price).orderBy(price.provider, price.model).all(),
    providers: orm.select().from(provider).orderBy(provider.slug).all(),
    settings: Object.fromEntries(settings.map(({ key, value }) => [key, JSON.parse(value)])),
  };
}

/** What a change is about to replace, in the shape of the change: caps and prices that are not there are deletions. */
function readBefore(orm: BunSQLiteDatabase, change: PolicyChange): unknown {
  switch (change.kind) {
    case "caps": {
      const users = [...new Set(change.caps.map(({ user }) => user))];
      const found = orm.select().from(cap).where(inArray(cap.user, users)).all();
      const tokens = new Map(found.map(({ user, monthlyTokens }) => [user, monthlyTokens]));
      return users.map((user) => ({ user, monthlyTokens: tokens.get(user) ?? null }));
    }
    case "prices":
      return change.prices.map(
        ({ provider, model }) => findPrice(orm, provider, model) ?? { provider, model, delete: true },
      );
    case "provider": {
      const found = orm.select().from(provider).where(eq(provider.slug, change.slug)).get();
      if (!found) return null;
      const { sealedKey, ...open } = found;
      return { ...open, hasKey: sealedKey !== null };
    }
    case "setting": {
      const found = orm.select().from(setting).where(eq(setting.key, change.key)).get();
      return found ? JSON.parse(found.value) : null;
    }
  }
}

const samePrice = (slug: string, model: string) => and(eq(price.provider, slug), eq(price.model, model));

function findPrice(orm: BunSQLiteDatabase, slug: string, model: string): PriceOverride | undefined {
  return orm.select().from(price).where(samePrice(slug, model)).get();
}

function applyChange(orm: BunSQLiteDatabase, change: PolicyChange): void {
  switch (change.kind) {
    case "caps":
      for (const { user, monthlyTokens } of change.caps) {
        if (monthlyTokens === null) orm.delete(cap).where(eq(cap.user, user)).run();
        else
          orm
            .insert(cap)
            .values({ user, monthlyTokens })
            .onConflictDoUpdate({ target: cap.user, set: { monthlyTokens } })
            .run();
      }
      return;
    case "prices":
      for (const changed of change.prices) {
        orm.delete(price).where(samePrice(changed.provider, changed.model)).run();
        if (!("delete" in changed)) orm.insert(price).values(changed).run();
      }
      return;
    case "provider":
      orm.delete(provider).where(eq(provider.slug, change.slug)).run();
      if (change.provider) orm.insert(provider).values(change.provider).run();
      return;
    case "setting":
      orm.delete(setting).where(eq(setting.key, change.key)).run();
      if (change.value !== null && change.value !== undefined) {
        orm
          .insert(setting)
          .values({ key: change.key, value: JSON.stringify(change.value) })
          .run();
      }
      return;
  }
}
