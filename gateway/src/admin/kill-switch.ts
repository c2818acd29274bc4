// Owns GET|POST /admin/kill-switch: switching the optimizer off when something is wrong, and on again.

import { killSwitchReasonCharsMax, parseKillSwitch } from "@anyray/shared/admin/kill-switch";
import { Elysia } from "elysia";
import { type AdminDeps, adminActor } from "./deps";
import { answerAdmin, readJson } from "./gate";
import { describe, fields, flag, instant, json, listOf, oneOf, orNull, ref, type Schema, text } from "./openapi";

export function createKillSwitchRoutes(deps: AdminDeps) {
  const write = async (request: Request) => {
    const { engaged, reason } = parseKillSwitch(await readJson(request));
    const actor = adminActor(deps, request);
    return engaged ? await deps.killSwitch.engage(reason, actor) : await deps.killSwitch.release(reason, actor);
  };
  return new Elysia({ name: "admin-kill-switch" })
    .get("/admin/kill-switch", ({ request }) => answerAdmin(deps, request, () => deps.killSwitch.report()), {
      detail: readDetail,
    })
    .post("/admin/kill-switch", ({ request }) => answerAdmin(deps, request, () => write(request)), {
      parse: "none",
      detail: writeDetail,
    });
}

const readDetail = describe({
  tag: "Operation",
  summary: "Whether the optimizer is switched off, and what holds it",
  answer: json(ref("KillSwitch")),
});

const writeDetail = describe({
  tag: "Operation",
  summary: "Switch the optimizer off, or on again",
  description:
    "Holds from the next request of this gateway, within 2 s on every other, and over restarts. Engaging works with store and optimizer down and is audited as soon as the store is back; releasing is refused until it can be audited. The file `kill-switch` in the data directory and the variable ANYRAY_KILL_SWITCH hold on their own: what they began is not ended here.",
  body: fields({ engaged: flag, reason: orNull({ type: "string", maxLength: killSwitchReasonCharsMax }) }, ["reason"]),
  answer: json(ref("KillSwitch")),
  refusals: ["invalid_request", "store_unavailable"],
});

export const killSwitchSchemas: Record<string, Schema> = {
  KillSwitch: fields({
    engaged: { ...flag, description: "true: the optimizer is not asked" },
    heldBy: listOf(oneOf(["admin", "file", "variable"])),
    reason: orNull({ ...text, description: "of the admin's last decision" }),
    decidedAt: orNull(instant),
    audited: { ...flag, description: "false: the admin's last decision waits for the store to be audited" },
    kept: { ...flag, description: "false: it could not be written down here and would not survive a restart" },
  }),
};
