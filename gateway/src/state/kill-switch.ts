// Owns whether the optimizer is switched off, whichever of three ways did it: the admin, a file, a variable. Engaging
// needs nothing that may be down; releasing is refused while it cannot be audited.

import { type Actor, appendAudited } from "@anyray/shared/admin/audit";
import {
  type KillSwitchReport,
  type KillSwitchSetting,
  type KillSwitchWay,
  readKillSwitch,
  setKillSwitch,
} from "@anyray/shared/admin/kill-switch";
import type { Log } from "@anyray/shared/log";
import type { PolicyInForce } from "@anyray/shared/policy-in-force";
import type { Store } from "@anyray/shared/store/store";
import { rfc3339 } from "@anyray/shared/time";
import { type FoundFile, type KeptDecision, keepInFile, lookAtFile, removeFile } from "./kill-switch-file";

export interface KillSwitchSettings {
  /** Of the file. */
  path: string;
  /** ANYRAY_KILL_SWITCH */
  isVariableSet: boolean;
  store: Store;
  policy: Pick<PolicyInForce, "current" | "adopt">;
  log: Log;
  /** For tests. */
  everyMs?: number;
  storeMsMax?: number;
}

/** How often file and policy are looked at. */
const everyMsDefault = 500;
/** How long an admin who engages waits to hear that it is audited. */
const storeMsMaxDefault = 1_500;
const retryMs = 2_000;

export class KillSwitch {
  /** Read by every call. */
  isEngaged = false;
  readonly #settings: KillSwitchSettings;
  #file: FoundFile = { isThere: false };
  /** An admin's decision made here that is not in the store yet, or was not when it was made. */
  #own: KeptDecision | null = null;
  #isKept = true;
  /** Told to the store, whether or not the file could be brought to say so. */
  #auditedId: string | null = null;
  #writes: Promise<unknown> = Promise.resolve();
  #isAuditing = false;
  #triedAt = 0;
  /** Of the ways other than the admin's, those that the audit log says hold. */
  #told: readonly KillSwitchWay[] = [];
  #isTelling = false;
  #toldAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;
  #isStopped = false;

  constructor(settings: KillSwitchSettings) {
    this.#settings = settings;
  }

  /** Resolves when it is known whether the switch holds; from then on it follows file and policy. */
  async start(): Promise<void> {
    await this.#look();
    this.#plan();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  report(): KillSwitchReport {
    const heldBy = this.#heldBy();
    const last = this.#lastDecision();
    return {
      engaged: heldBy.length > 0,
      heldBy,
      reason: last?.reason ?? null,
      decidedAt: last ? rfc3339(last.at) : null,
      audited: last === null || last.id === this.#stored()?.id,
      kept: this.#isKept,
    };
  }

  /** In force before anything is written; resolves when it is audited, or after a moment in which it could not be. */
  async engage(reason: string | null, actor: Actor): Promise<KillSwitchReport> {
    const decision = this.#decide(true, reason, actor);
    this.#own = { decision, actor: actor.name, ip: actor.ip, audited: false };
    this.#apply();
    await this.#keep(this.#own);
    await Promise.race([this.#audit(), Bun.sleep(this.#settings.storeMsMax ?? storeMsMaxDefault)]);
    return this.report();
  }

  /**
   * Ends the admin's own way; a file made by hand and the variable go on holding.
   *
   * @throws AnyrayError store_unavailable, with nothing changed
   */
  async release(reason: string | null, actor: Actor): Promise<KillSwitchReport> {
    // What was engaged while the store was away comes first, or it would never be told.
    await this.#audit();
    await this.#inTurn(async () => {
      const { store, policy } = this.#settings;
      const decision = this.#decide(false, reason, actor);
      await policy.adopt(await setKillSwitch(store, decision, decision, actor));
      if (this.#own && this.#own.decision.at < decision.at) this.#own = null;
    });
    await this.#look();
    return this.report();
  }

  /** Later than every decision that is known, whatever the clocks of other gateways say. */
  #decide(engaged: boolean, reason: string | null, actor: Actor): KillSwitchSetting {
    const after = Math.max(this.#stored()?.at ?? 0, this.#keptHere()?.decision.at ?? 0) + 1;
    return { id: Bun.randomUUIDv7(), engaged, reason, at: Math.max(actor.at, after) };
  }

  #stored(): KillSwitchSetting | null {
    return readKillSwitch(this.#settings.policy.current().settings);
  }

  #keptHere(): KeptDecision | null {
    const inFile = this.#file.isThere ? this.#file.kept : null;
    if (!this.#own || !inFile) return this.#own ?? inFile;
    return inFile.decision.at > this.#own.decision.at ? inFile : this.#own;
  }

  #lastDecision(): KillSwitchSetting | null {
    const stored = this.#stored();
    const here = this.#keptHere()?.decision ?? null;
    if (!stored || !here) return stored ?? here;
    return here.at > stored.at ? here : stored;
  }

  #heldBy(): KillSwitchWay[] {
    const ways: KillSwitchWay[] = [];
    if (this.#lastDecision()?.engaged) ways.push("admin");
    if (this.#file.isThere && this.#file.kept === null) ways.push("file");
    if (this.#settings.isVariableSet) ways.push("variable");
    return ways;
  }

  #apply(): void {
    const heldBy = this.#heldBy();
    const isEngaged = heldBy.length > 0;
    if (isEngaged === this.isEngaged) return;
    this.isEngaged = isEngaged;
    const { log } = this.#settings;
    if (isEngaged) log.warn("the kill switch is engaged: the optimizer is not asked", { heldBy: heldBy.join() });
    else log.info("the kill switch is released");
  }

  #plan(): void {
    if (this.#isStopped) return;
    const tick = async () => {
      await this.#look();
      this.#plan();
    };
    this.#timer = setTimeout(() => void tick(), this.#settings.everyMs ?? everyMsDefault);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { path, log } = this.#settings;
    this.#file = await lookAtFile(path);
    this.#apply();
    if (performance.now() - this.#toldAt > retryMs) void this.#tellWays();
    if (this.#pending()) {
      if (performance.now() - this.#triedAt > retryMs) void this.#audit();
      return;
    }
    const stored = this.#stored();
    const kept = this.#file.isThere ? this.#file.kept : null;
    if (!stored || stored.engaged || !kept || kept.decision.at > stored.at) return;
    await removeFile(path, stored.at).catch((error) => log.warn("the kill switch's file cannot be removed", { error }));
  }

  /** The decision made or found here that the store has still to hear of. */
  #pending(): KeptDecision | null {
    const kept = this.#keptHere();
    if (!kept || kept.audited) return null;
    const { id } = kept.decision;
    return id === this.#auditedId || id === this.#stored()?.id ? null : kept;
  }

  /** What was engaged or ended by hand belongs into the audit log too. Never rejects. */
  async #tellWays(): Promise<void> {
    const { store, log } = this.#settings;
    const held = this.#heldBy();
    const changed = (["file", "variable"] as const).filter((way) => held.includes(way) !== this.#told.includes(way));
    if (this.#isTelling || changed.length === 0) return;
    this.#isTelling = true;
    try {
      for (const way of changed) {
        const engaged = held.includes(way);
        const action = engaged ? "kill-switch.engage" : "kill-switch.release";
        const actor = { name: way, ip: null, at: Date.now() };
        await appendAudited(store, actor, { action, object: "optimizer", after: { engaged, way } });
        this.#told = engaged ? [...this.#told, way] : this.#told.filter((one) => one !== way);
      }
    } catch (error) {
      this.#toldAt = performance.now();
      log.error("the kill switch was changed by hand and that cannot be audited yet; tried again", { error });
    } finally {
      this.#isTelling = false;
    }
  }

  /** Never rejects: what cannot be written now is tried again. */
  async #audit(): Promise<void> {
    if (this.#isAuditing) return;
    this.#isAuditing = true;
    const { store, policy, log } = this.#settings;
    try {
      await this.#inTurn(async () => {
        const kept = this.#pending();
        if (!kept) return;
        const { decision, actor, ip } = kept;
        const stored = this.#stored();
        const inForce = stored && stored.at > decision.at ? stored : decision;
        await policy.adopt(await setKillSwitch(store, decision, inForce, { name: actor, ip, at: decision.at }));
        this.#auditedId = decision.id;
        if (this.#own?.decision.id === decision.id) this.#own = null;
        await this.#keep({ ...kept, audited: true });
      });
    } catch (error) {
      log.error("the kill switch holds and cannot be audited yet; tried again", { error });
    } finally {
      this.#triedAt = performance.now();
      this.#isAuditing = false;
    }
  }

  async #keep(kept: KeptDecision): Promise<void> {
    const { path, log } = this.#settings;
    try {
      await keepInFile(path, kept);
      this.#file = await lookAtFile(path);
      this.#isKept = true;
    } catch (error) {
      this.#isKept = kept.audited;
      log.error("the kill switch's file cannot be written", { error });
    }
  }

  /** Decisions reach the store in the order in which they were made. */
  #inTurn(write: () => Promise<void>): Promise<void> {
    const turn = this.#writes.then(write, write);
    this.#writes = turn.catch(() => {});
    return turn;
  }
}
